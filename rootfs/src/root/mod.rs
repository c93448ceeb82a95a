// SPDX-License-Identifier: MIT OR Apache-2.0
//! A root: a directory, held open, that no path of it leads out of.
//!
//! Man: openat2(2), path_resolution(7).

mod change;
mod dir;
mod look;
mod make;
mod open;
mod options;
mod read;

use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno as Refusal;

use crate::error::{Error, Object};
use crate::floor::Errno;
use crate::floor::resolve::Links;
pub(crate) use change::set_mode_of;
pub use dir::{DirEntry, EntryKind, ReadDir};
pub use make::Node;
pub use options::OpenOptions;
pub(crate) use options::in_words;

/// A directory that we can never be led out of.
///
/// Paths given to it begin at its top, with or without a leading slash, and are resolved as a process would whose root it
/// is: an absolute link leads to the top, and ".." ends there. Whoever moves names in it meanwhile moves names, not us:
/// what is answered is open, and what is made is made in a directory that is held.
///
/// ```
/// use skep_rootfs::{Bind, Mounts, Root};
///
/// # let dir = std::env::temp_dir();
/// let root = Root::open(dir)?;
/// let mounts = Mounts::new().add(Bind::new("/no/such/file", "/etc/hosts").create_target());
/// assert_eq!(root.problems_of(&mounts), ["mounts[0].source \"/no/such/file\" does not exist"]);
/// # Ok::<(), skep_rootfs::Error>(())
/// ```
/// # Kernel
/// openat2 (Linux 5.6); where it is absent or refused, a walk by descriptors does the same.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    path: PathBuf,
    changes_go_elsewhere: bool,
}

impl Root {
    /// The directory at `path`, which is no link, however many slashes end it; what is above its last name is this
    /// machine's, and believed. Of "." and ".." it is the directory that they lead to.
    ///
    /// # Errors
    /// `ENOENT`; `ENOTDIR` for a file or a link; `EACCES`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // With a slash or "/." behind it a link would be followed.
        let last = path.components().as_path();
        let fd = openat(CWD, last, flags, Mode::empty()).map_err(|errno| {
            let error = Error::os("open", Object::Path(path.to_owned()), errno.raw_os_error());
            if errno == rustix::io::Errno::NOTDIR { error.with_hint(NO_DIRECTORY) } else { error }
        })?;
        Ok(Self { fd, path: path.to_owned(), changes_go_elsewhere: false })
    }

    /// The directory that `fd` is open on, for reading or as a place (`O_PATH`). What errors call it is the path that it has
    /// now, as far as /proc tells.
    ///
    /// # Errors
    /// `ENOTDIR` for what is no directory; `EMFILE`.
    pub fn from_fd(fd: impl AsFd) -> Result<Self, Error> {
        let fd = fd.as_fd();
        let error = |errno: Refusal| {
            let error = Error::os("open", Object::Descriptor(fd.as_raw_fd()), errno.raw_os_error());
            if errno == Refusal::NOTDIR { error.with_hint(NO_DIRECTORY) } else { error }
        };
        if FileType::from_raw_mode(fstat(fd).map_err(error)?.st_mode) != FileType::Directory {
            return Err(error(Refusal::NOTDIR));
        }
        // By a descriptor of our own: how the other one is used changes nothing here.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let own = openat(fd, ".", flags, Mode::empty()).map_err(error)?;
        let name = format!("/proc/thread-self/fd/{}", own.as_raw_fd());
        let path = match readlinkat(CWD, name, Vec::new()) {
            Ok(path) => OsString::from_vec(path.into_bytes()).into(),
            Err(_) => PathBuf::from(format!("descriptor {}", fd.as_raw_fd())),
        };
        Ok(Self { fd: own, path, changes_go_elsewhere: false })
    }

    /// Another handle of the same root.
    ///
    /// # Errors
    /// `EMFILE`.
    pub fn try_clone(&self) -> Result<Self, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(&self.fd, ".", flags, Mode::empty())
            .map_err(|errno| Error::os("open", Object::Path(self.path.clone()), errno.raw_os_error()))?;
        Ok(Self { fd, path: self.path.clone(), changes_go_elsewhere: self.changes_go_elsewhere })
    }

    /// Has [`problems_of`](Self::problems_of) look at it as the lower layer of an overlay: what is on a read-only file system
    /// can be changed there.
    #[must_use]
    pub fn changes_go_elsewhere(mut self) -> Self {
        self.changes_go_elsewhere = true;
        self
    }

    /// The path that it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its number, for the floor.
    fn number(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    pub(crate) fn object(&self, path: &Path) -> Object {
        Object::InRoot { path: path.to_owned(), root: self.path.clone() }
    }

    pub(crate) fn error(&self, op: &'static str, path: &Path, errno: i32) -> Error {
        let error = Error::os(op, self.object(path), errno);
        match text(path).map(|path| Links::for_target(&path)) {
            Ok(Links::Refuse) if errno == 40 && op != "open" => error.with_hint(NO_LINKS),
            Ok(Links::Follow) if errno == 40 => error.with_hint(NOT_FOLLOWED),
            _ => error,
        }
    }
}

/// What is said of links in targets of mounts, and on the way to what is made.
pub(crate) const NO_LINKS: &str = "nothing is mounted or made through links below /proc, /sys and /dev of a root";

/// What is said of a link whose path does not begin below them.
pub(crate) const NOT_FOLLOWED: &str =
    "what is refused is a link itself, too many links, or one that leads into /proc, /sys or /dev of a root";

/// What [`Root::open`] and a step say to a root that is none.
pub(crate) const NO_DIRECTORY: &str = "a root must be a directory, and no link to one";

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A path, for the floor.
fn text(path: &Path) -> Result<CString, Errno> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::INVAL)
}

impl From<Root> for OwnedFd {
    fn from(root: Root) -> Self {
        root.fd
    }
}

/// Which links a path may have that something is made or changed by.
pub(crate) fn links_for(path: &Path) -> Links {
    text(path).map_or(Links::Follow, |path| Links::for_target(&path))
}

/// Whether a path says of its last name that it is a directory's: "a/", "a/.".
pub(crate) fn names_directory(path: &Path) -> bool {
    let path = path.as_os_str().as_bytes();
    path.ends_with(b"/") || path.ends_with(b"/.")
}

/// The floor's error number as that of the std half.
pub(crate) fn refusal(errno: Errno) -> Refusal {
    Refusal::from_raw_os_error(errno.0.into())
}

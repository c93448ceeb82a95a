// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a root will have, told before anything is mounted.
//!
//! A description says what becomes "/" and what is mounted in it; a program in it will see the sum of that. Here names are
//! walked one at a time as that program will walk them: through what is mounted over a place, in the order of the list,
//! through layers with what was removed from them, and through links, which begin at the top of the root and never at this
//! machine's. Nothing is made, nothing is followed that leads out, and whatever cannot be told beforehand is an error.
//!
//! Kernel: Documentation/filesystems/overlayfs.rst.

mod directory;
mod mounted;
mod walk;

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags, fstat, fstatfs};
use rustix::io::Errno as Refusal;

use crate::error::{Error, Object};
use crate::mounts::{Changes, Mounts};
use crate::procfs::Procfs;
use crate::root::{Root, in_words};
use crate::steps::{Base, RootSpec, Setting};
use directory::Directory;
use walk::{Node, Stop, Walk};

/// What a root will have once its mounts are made; or has, if it is there already.
///
/// ```
/// use skep_rootfs::{Bind, Foreseen, Mounts, RootSpec, Setting};
///
/// # let dir = std::env::temp_dir().join(format!("skep-doc-foreseen-{}", std::process::id()));
/// # std::fs::create_dir(&dir)?;
/// let (root, mounts) = (RootSpec::new(&dir), Mounts::new().add(Bind::new("/etc", "/settings").create_target()));
/// let foreseen = Foreseen::new(Some(&root), &mounts, Setting::default());
/// assert_eq!(foreseen.read("/settings/passwd", 1 << 20)?, std::fs::read("/etc/passwd")?);
/// # std::fs::remove_dir(&dir)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Foreseen<'a>(Of<'a>);

#[derive(Debug, Clone, Copy)]
enum Of<'a> {
    Described { root: Option<&'a RootSpec>, mounts: &'a Mounts, user_namespace: bool },
    There(&'a Root),
}

impl<'a> Foreseen<'a> {
    /// That of a description; without a root it is of this machine's own. Pure; the description must be without
    /// [problems](Mounts::problems).
    #[must_use]
    pub fn new(root: Option<&'a RootSpec>, mounts: &'a Mounts, setting: Setting) -> Self {
        Self(Of::Described { root, mounts, user_namespace: setting.user_namespace })
    }

    /// A root that is there, with all that is mounted in it by now: `/proc/PID/root`, say.
    #[must_use]
    pub fn of_root(root: &'a Root) -> Self {
        Self(Of::There(root))
    }

    /// What the file at `path` will hold: an ordinary file, of at most `most` bytes. Of a root that others change meanwhile it
    /// is what was there at some moment.
    ///
    /// It does not wait: neither for a pipe or device that is there in place of a file, nor for a file that somebody has a
    /// lease on. Whoever answers for a file system in user space, with whatever right that took, can still keep it waiting.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP` for too many links, `EFBIG` for a larger file; `EAGAIN` for one with a lease;
    /// `Invalid` for what is no ordinary file, or one of a file system that shows the machine (proc, sysfs, …);
    /// `Unsupported` for what cannot be told beforehand: what new file systems will show; a directory that was renamed in
    /// what is kept of an overlay; what an overlay has where on this machine something else is mounted over it.
    /// # Privileges
    /// To read what is there.
    pub fn read(&self, path: impl AsRef<Path>, most: u64) -> Result<Vec<u8>, Error> {
        let path = path.as_ref();
        self.try_read(path, most).map_err(|stop| self.error(path, stop))
    }

    fn try_read(&self, path: &Path, most: u64) -> Result<Vec<u8>, Stop> {
        const TOO_LARGE: Refusal = Refusal::FBIG;
        let file = match self.found(path)? {
            Node::File(place) => opened(path, &place)?,
            Node::Blank => return Ok(Vec::new()),
            Node::Unknown(why) => return Err(Stop::Unforeseen(why)),
            Node::Directory(_) | Node::Empty => return Err(no_file(path, FileType::Directory)),
            // Followed, all of them.
            Node::Link(_) => return Err(Stop::Os(Refusal::LOOP)),
        };
        let mut content = Vec::new();
        let read = file.take(most.saturating_add(1)).read_to_end(&mut content);
        read.map_err(|error| Stop::Os(Refusal::from_io_error(&error).unwrap_or(Refusal::IO)))?;
        if content.len() as u64 > most { Err(Stop::Os(TOO_LARGE)) } else { Ok(content) }
    }

    fn found(&self, path: &Path) -> Result<Node, Stop> {
        let none = Mounts::new();
        let (mounts, user) = match &self.0 {
            Of::Described { mounts, user_namespace, .. } => (*mounts, *user_namespace),
            Of::There(_) => (&none, false),
        };
        let top = self.top()?;
        let walk = Walk::new(&top, mounts, user);
        let found = walk.find(path)?.map(|node| node.try_clone()).transpose()?;
        found.ok_or(Stop::Os(Refusal::NOENT))
    }

    /// What becomes "/".
    fn top(&self) -> Result<Node, Stop> {
        let whole = |path: &Path| Root::open(path).map_err(Stop::Leaf).map(|root| Node::whole(root.into()));
        match self.0 {
            Of::There(root) => Ok(Node::whole(root.try_clone().map_err(Stop::Leaf)?.into())),
            Of::Described { root: None, .. } => whole(Path::new("/")),
            Of::Described { root: Some(root), user_namespace, .. } => match &root.base {
                Base::Tmpfs { .. } => Ok(Node::Empty),
                Base::Directory(path) if root.changes == Changes::InPlace => whole(path),
                Base::Directory(path) => {
                    // The same demands as where it is mounted.
                    let lower = OwnedFd::from(Root::open(path).map_err(Stop::Leaf)?);
                    Ok(Node::Directory(Directory::overlay(&root.changes, [Ok(lower)], user_namespace)?))
                }
            },
        }
    }

    fn error(&self, path: &Path, stop: Stop) -> Error {
        let in_root = |root: &Path| Object::InRoot { path: path.to_owned(), root: root.to_owned() };
        let object = match self.0 {
            Of::Described { root: Some(root), .. } => root.directory().map(in_root),
            Of::Described { root: None, .. } => None,
            Of::There(root) => Some(in_root(root.path())),
        };
        let object = object.unwrap_or_else(|| Object::Path(PathBuf::from(path)));
        match stop {
            Stop::Os(errno) => Error::os("read", object, errno.raw_os_error()),
            Stop::NoFile(said) => Error::invalid("read", object, vec![said]),
            Stop::Unforeseen(why) => Error::unforeseen("read", object, why),
            Stop::Leaf(error) => error,
        }
    }
}

/// Opens what was found, once it is known to be an ordinary file, and to be one of a disk or of memory: to read one that the
/// kernel makes up, such as /proc/kmsg, can do something.
fn opened(path: &Path, place: &OwnedFd) -> Result<File, Stop> {
    let is = FileType::from_raw_mode(fstat(place)?.st_mode);
    if is != FileType::RegularFile {
        return Err(no_file(path, is));
    }
    if shows_the_machine(place)? {
        return Err(Stop::NoFile(format!("{path:?} leads to a file that the kernel makes up")));
    }
    Ok(Procfs::nearest().and_then(|proc| proc.again(place.as_fd(), OFlags::RDONLY))?.into())
}

fn no_file(path: &Path, is: FileType) -> Stop {
    Stop::NoFile(format!("{path:?} is {}, no ordinary file", in_words(is)))
}

/// Whether it is on a file system without files of its own. The numbers are of linux/magic.h, and of the file systems
/// themselves.
fn shows_the_machine(place: &OwnedFd) -> Result<bool, Refusal> {
    const KINDS: [u64; 15] = [
        0x9fa0,      // proc
        0x6265_6572, // sysfs
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
        0x7363_6673, // securityfs
        0x0027_e0eb, // cgroup
        0x6367_7270, // cgroup2
        0xcafe_4a11, // bpf
        0x6265_6570, // configfs
        0x1cd1,      // devpts
        0x1980_0202, // mqueue
        0xf97c_ff8c, // selinuxfs
        0xde5e_81e4, // efivarfs
        0x6165_676c, // pstore
        0x6e73_6673, // nsfs
    ];
    let kind = fstatfs(place)?.f_type;
    // 32 bits of it are the number, whatever sign the field has.
    Ok(KINDS.contains(&(u64::from_ne_bytes(kind.to_ne_bytes()) & 0xffff_ffff)))
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A proc that can be believed, where what is at /proc may be somebody else's making.
//!
//! Who works in a tree of others, or has joined a mount namespace, sees at /proc what was put there: a tmpfs with files of
//! the right names, a link, another file of proc laid over the one that is meant. What is written there lands where they
//! like. A [`Procfs`] is the kernel's own, held open, and whatever is opened in it is the kernel's own file.
//!
//! Man: proc(5), fsopen(2), openat2(2).

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, PROC_SUPER_MAGIC, ResolveFlags, fstat, fstatfs, openat, openat2, readlinkat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
    open_tree,
};

use crate::error::{Error, Object};
use crate::floor::sys;

/// Whose directory of a [`Procfs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Whose {
    /// The calling thread's: `thread-self`.
    Thread,
    /// The calling process's: `self`.
    Process,
    /// That of the process with this number, in the caller's pid namespace.
    Pid(u32),
}

impl Whose {
    fn name(self) -> PathBuf {
        match self {
            Self::Thread => "thread-self".into(),
            Self::Process => "self".into(),
            Self::Pid(pid) => pid.to_string().into(),
        }
    }
}

/// The kernel's own proc, held open.
///
/// Where this process may, it is a proc of its own that is mounted nowhere and shows processes alone: nobody can lay
/// anything over what is in it. Else it is what is at /proc, which is looked at first; then nothing is opened that
/// something lies over, and what [`is_detached`](Self::is_detached) tells is whether a race is left.
///
/// ```
/// use skep_rootfs::{Procfs, Whose};
///
/// let proc = Procfs::open()?;
/// let name = proc.read(Whose::Thread, "comm")?;
/// assert!(name.ends_with(b"\n"));
/// # Ok::<(), skep_rootfs::Error>(())
/// ```
/// # Kernel
/// fsopen(2) (Linux 5.2) and `subset=pid` (5.8), openat2(2) (5.6); without them what is at /proc, and a walk. See proc(5).
#[derive(Debug)]
pub struct Procfs {
    fd: OwnedFd,
    is_detached: bool,
}

impl Procfs {
    /// A proc of the caller's pid namespace: a detached one where that is allowed, else the one at /proc.
    ///
    /// # Errors
    /// `EXDEV` or `ELOOP` where /proc is no proc or that of another pid namespace, and the calls for a detached one are
    /// refused.
    /// # Privileges
    /// `CAP_SYS_ADMIN` over the mount and the pid namespace for a detached one; none for the other.
    #[doc(alias = "fsopen")]
    #[doc(alias = "subset=pid")]
    pub fn open() -> Result<Self, Error> {
        let proc = Self::detached().or_else(|_| Self::mounted());
        let proc = proc.and_then(|proc| proc.demand_this_namespace().map(|()| proc));
        proc.map_err(|errno| failed("open", Path::new("/proc"), errno))
    }

    /// The one for a short errand: a look at what is at /proc costs less than a new one.
    pub(crate) fn nearest() -> Result<Self, Errno> {
        Self::mounted().or_else(|errno| Self::detached().map_err(|_| errno))
    }

    fn detached() -> Result<Self, Errno> {
        let fd = new_proc().or_else(|_| {
            let flags = OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::OPEN_TREE_CLONE;
            // The same file system without what is mounted in it.
            open_tree(&Self::mounted()?.fd, "", flags | OpenTreeFlags::AT_EMPTY_PATH)
        })?;
        Ok(Self { fd, is_detached: true })
    }

    /// What is at /proc, if that is the root of a proc.
    fn mounted() -> Result<Self, Errno> {
        /// `PROC_ROOT_INO`, linux/proc_ns.h.
        const ROOT: u64 = 1;
        let fd = openat(CWD, "/proc", PLACE | OFlags::DIRECTORY, Mode::empty())
            .map_err(|errno| if errno == Errno::NOTDIR { Errno::LOOP } else { errno })?;
        let is_proc = fstatfs(&fd)?.f_type == PROC_SUPER_MAGIC && fstat(&fd)?.st_ino == ROOT;
        if is_proc { Ok(Self { fd, is_detached: false }) } else { Err(Errno::XDEV) }
    }

    /// Refuses the proc of another pid namespace, such as the machine's in a new one: its numbers are other processes'.
    fn demand_this_namespace(&self) -> Result<(), Errno> {
        let status = self.within(Whose::Process, Path::new("status"), OFlags::RDONLY | OFlags::CLOEXEC);
        // Where it is not seen at all, there is no link of its own.
        let status = status.map_err(|errno| if errno == Errno::NOENT { Errno::XDEV } else { errno })?;
        let mut text = Vec::new();
        File::from(status).read_to_end(&mut text).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        // The process's number in each pid namespace, from that of the proc to its own. No line without such namespaces.
        let numbers = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"NSpid:"));
        let count =
            numbers.map_or(1, |line| line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count());
        if count == 1 { Ok(()) } else { Err(Errno::XDEV) }
    }

    /// Whether it is mounted nowhere, so that nothing can be laid over what is in it. Where it is not, somebody who may
    /// mount at /proc can do so between a look and what follows it.
    #[must_use]
    pub fn is_detached(&self) -> bool {
        self.is_detached
    }

    /// What `path` holds in a process's directory, as "status" or "attr/current".
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`; `EXDEV` or `ELOOP` for what something lies over, or a link; `EINVAL` for a path that is absolute
    /// or has ".." in it.
    pub fn read(&self, whose: Whose, path: impl AsRef<Path>) -> Result<Vec<u8>, Error> {
        let path = path.as_ref();
        let mut file = self.file(whose, path, OFlags::RDONLY, "read")?;
        let mut content = Vec::new();
        let read = file.read_to_end(&mut content);
        read.map_err(|error| failed("read", &said(whose, path), Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        Ok(content)
    }

    /// Writes `content` to `path` in a process's directory, by one write(2).
    ///
    /// # Errors
    /// As [`read`](Self::read); what the kernel answers to what is written; `EIO` for a part of it.
    pub fn write(&self, whose: Whose, path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> Result<(), Error> {
        let (path, content) = (path.as_ref(), content.as_ref());
        let mut file = self.file(whose, path, OFlags::WRONLY, "write")?;
        match file.write(content) {
            Ok(len) if len == content.len() => Ok(()),
            Ok(_) => Err(failed("write", &said(whose, path), Errno::IO)),
            Err(error) => {
                let errno = Errno::from_io_error(&error).unwrap_or(Errno::IO);
                Err(failed("write", &said(whose, path), errno))
            }
        }
    }

    /// Where a link of a process's directory leads, as "exe" or "ns/mnt", in the kernel's words.
    ///
    /// # Errors
    /// As [`read`](Self::read); `EINVAL` for what is no link.
    pub fn read_link(&self, whose: Whose, path: impl AsRef<Path>) -> Result<PathBuf, Error> {
        let path = path.as_ref();
        let link = self.within(whose, path, PLACE).and_then(|link| readlinkat(link, "", Vec::new()));
        let text = link.map_err(|errno| failed("read", &said(whose, path), errno))?;
        Ok(OsString::from_vec(text.into_bytes()).into())
    }

    fn file(&self, whose: Whose, path: &Path, access: OFlags, op: &'static str) -> Result<File, Error> {
        // O_NONBLOCK: what is in the place of the file may be a fifo.
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        self.within(whose, path, flags).map(File::from).map_err(|errno| failed(op, &said(whose, path), errno))
    }

    /// What `place` is open on, opened again by its number. A descriptor's link leads to what is open whatever its name has
    /// become; and what was opened is compared with `place`, for the case that the link was none.
    pub(crate) fn again(&self, place: BorrowedFd<'_>, access: OFlags) -> Result<OwnedFd, Errno> {
        let links = self.descriptors()?;
        self.demand_link(place)?;
        let number = place.as_raw_fd().to_string();
        let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = openat(&links, number, flags, Mode::empty())?;
        let (is, meant) = (fstat(&opened)?, fstat(place)?);
        if (is.st_dev, is.st_ino) == (meant.st_dev, meant.st_ino) { Ok(opened) } else { Err(Errno::XDEV) }
    }

    /// Refuses what lies over the link of `place`, whose name goes to a call that cannot look itself.
    pub(crate) fn demand_link(&self, place: BorrowedFd<'_>) -> Result<(), Errno> {
        let link = Path::new("fd").join(place.as_raw_fd().to_string());
        self.within(Whose::Thread, &link, PLACE).map(drop)
    }

    /// The links to this thread's descriptors, for calls that take a name alone.
    pub(crate) fn descriptors(&self) -> Result<OwnedFd, Errno> {
        self.within(Whose::Thread, Path::new("fd"), PLACE | OFlags::DIRECTORY)
    }

    fn within(&self, whose: Whose, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        if path.as_os_str().is_empty() || path.components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(Errno::INVAL);
        }
        let whole = whose.name().join(path);
        let limits = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS;
        match openat2(&self.fd, &whole, flags, Mode::empty(), limits) {
            // Before Linux 5.6, or a filter.
            Err(Errno::NOSYS | Errno::PERM) => self.walk(whose, path, flags),
            answer => answer,
        }
    }

    /// The same without openat2: each name in the directory before it, and each on the mount that we began on.
    pub(crate) fn walk(&self, whose: Whose, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut whole = whose.name();
        if matches!(whose, Whose::Thread | Whose::Process) {
            let link = openat(&self.fd, &whole, PLACE, Mode::empty())?;
            self.demand_own(link.as_fd())?;
            whole = OsStr::from_bytes(readlinkat(link, "", Vec::new())?.as_bytes()).into();
        }
        whole.push(path);
        let mut here: Option<OwnedFd> = None;
        let mut names = whole.components().peekable();
        while let Some(Component::Normal(name)) = names.next() {
            let above = here.as_ref().map_or(self.fd.as_fd(), AsFd::as_fd);
            let place = openat(above, name, PLACE, Mode::empty())?;
            self.demand_own(place.as_fd())?;
            if names.peek().is_none() {
                let opened = openat(above, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
                return self.demand_own(opened.as_fd()).map(|()| opened);
            }
            here = Some(place);
        }
        Err(Errno::INVAL)
    }

    fn demand_own(&self, found: BorrowedFd<'_>) -> Result<(), Errno> {
        let id = |fd: BorrowedFd<'_>| {
            sys::mount_id(fd.as_raw_fd()).map_err(|errno| Errno::from_raw_os_error(errno.0.into()))
        };
        if id(found)? == id(self.fd.as_fd())? { Ok(()) } else { Err(Errno::XDEV) }
    }
}

const PLACE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A proc that is mounted nowhere.
fn new_proc() -> Result<OwnedFd, Errno> {
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    // Processes alone: nothing of the machine's own settings can be reached by it. Before Linux 5.8 it shows all.
    let _whole = fsconfig_set_string(&context, "subset", "pid");
    fsconfig_create(&context)?;
    let attributes =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn said(whose: Whose, path: &Path) -> PathBuf {
    Path::new("/proc").join(whose.name()).join(path)
}

fn failed(op: &'static str, path: &Path, errno: Errno) -> Error {
    let error = Error::os(op, Object::Path(path.to_owned()), errno.raw_os_error());
    match errno {
        Errno::XDEV | Errno::LOOP => {
            error.with_hint("what is at /proc is not the kernel's for this pid namespace, or something lies over it")
        }
        _ => error,
    }
}

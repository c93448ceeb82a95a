// SPDX-License-Identifier: MIT OR Apache-2.0
//! Procfs, where what is at /proc may be somebody else's making.
//!
//! Who has joined a mount namespace sees what those inside have put there: links, mounts, a fifo in a file's place. What is
//! opened here is the kernel's own file, at its own place, or nothing.
//!
//! Man: proc(5), openat2(2).

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, PROC_SUPER_MAGIC, RawDir, ResolveFlags, StatxAttributes, StatxFlags, fstat, fstatfs,
    openat, openat2, statx,
};
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Object};

/// What the errors of this module mean that no file of procfs gives: `EXDEV` and `ELOOP`.
pub(crate) const NOT_THE_KERNELS: &str = "what is at /proc is not the kernel's, or something lies over it";

/// Refuses a directory that is not of procfs: what is written below it would go where somebody else likes.
pub(crate) fn demand_procfs(directory: BorrowedFd<'_>, op: &'static str, object: Object) -> Result<(), Error> {
    match fstatfs(directory) {
        Ok(stat) if stat.f_type == PROC_SUPER_MAGIC => Ok(()),
        Ok(_) => {
            let why = "the directory of the process is not one of procfs".to_owned();
            Err(Error::because(op, object, ErrorKind::Invalid, why))
        }
        Err(errno) => Err(Error::os(op, object, errno.raw_os_error())),
    }
}

/// /proc itself, which is the root of a procfs: anything else there is `EXDEV` or `ELOOP`.
pub(crate) fn root() -> Result<OwnedFd, Errno> {
    /// `PROC_ROOT_INO`, linux/proc_ns.h.
    const ROOT: u64 = 1;
    let root = openat(CWD, c"/proc", DIRECTORY, Mode::empty()).map_err(a_link)?;
    let is_procfs = fstatfs(&root)?.f_type == PROC_SUPER_MAGIC && fstat(&root)?.st_ino == ROOT;
    if is_procfs { Ok(root) } else { Err(Errno::XDEV) }
}

/// The calling process' own directory: its link leads nowhere but to that.
pub(crate) fn own_directory(root: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let found = openat(root, c"self", flags, Mode::empty())?;
    // What the link was covered with, or what covers the directory.
    if is_mounted(found.as_fd())? || fstatfs(&found)?.f_type != PROC_SUPER_MAGIC { Err(Errno::XDEV) } else { Ok(found) }
}

/// A file below a directory of procfs: no link is followed, and no mount passed but one of a directory on itself, as those
/// are that make /proc/sys read-only.
pub(crate) fn open(directory: BorrowedFd<'_>, path: &[&CStr], access: OFlags) -> Result<OwnedFd, Errno> {
    let Some((name, above)) = path.split_last() else { return Err(Errno::INVAL) };
    let mut here = directory.try_clone_to_owned().map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    for step in above {
        let next = openat(&here, *step, DIRECTORY, Mode::empty()).map_err(a_link)?;
        demand_in_place(here.as_fd(), step, next.as_fd())?;
        here = next;
    }
    // O_NONBLOCK: nobody makes us wait at a fifo.
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    match openat2(&here, *name, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV) {
        // A filter that refuses the call: opened first, then looked at.
        Err(Errno::NOSYS | Errno::PERM) => {
            let file = openat(&here, *name, flags, Mode::empty())?;
            if is_mounted(file.as_fd())? { Err(Errno::XDEV) } else { Ok(file) }
        }
        opened => opened,
    }
}

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// With `O_DIRECTORY` a link that is not followed is no directory.
fn a_link(errno: Errno) -> Errno {
    if errno == Errno::NOTDIR { Errno::LOOP } else { errno }
}

/// Whether a descriptor leads to the root of a mount.
fn is_mounted(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    let told = statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::INO)?;
    Ok(told.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Refuses what is mounted at `name`, unless it is what it covers.
fn demand_in_place(above: BorrowedFd<'_>, name: &CStr, found: BorrowedFd<'_>) -> Result<(), Errno> {
    if !is_mounted(found)? {
        return Ok(());
    }
    let (above_is, found_is) = (fstat(above)?, fstat(found)?);
    let listed = openat(above, c".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut space = [MaybeUninit::<u8>::uninit(); 4 << 10];
    let mut entries = RawDir::new(listed, &mut space);
    // The directory's own word for it is of what is below the mount.
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if entry.file_name() == name {
            let same = (above_is.st_dev, entry.ino()) == (found_is.st_dev, found_is.st_ino);
            return if same { Ok(()) } else { Err(Errno::XDEV) };
        }
    }
    Err(Errno::XDEV)
}

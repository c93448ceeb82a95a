// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directories: opened name by name, never through a symbolic link, and below a mount point never into another mount.
//!
//! A mount on top of a group may be the root of its own hierarchy: who went through it to kill, or to remove, would do so
//! to the whole machine.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, StatxFlags, fstat, fstatfs, openat, openat2, statx,
};
use rustix::io::{Errno, retry_on_intr};

use crate::layout::Version;
use crate::path;

/// How every directory is opened: readable, because its groups are listed.
const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// What is passed on the way needs the right to search alone.
const PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Below a mount point.
const WITHIN: ResolveFlags = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::NO_XDEV);

/// `CGROUP_SUPER_MAGIC` and `CGROUP2_SUPER_MAGIC` of linux/magic.h.
const MAGIC_V1: u64 = 0x0027_e0eb;
const MAGIC_V2: u64 = 0x6367_7270;

/// Opens a directory by its absolute path; a symbolic link anywhere in it is ELOOP or ENOTDIR.
pub(crate) fn open_absolute(path: &Path) -> Result<OwnedFd, Errno> {
    // Mount points are on the way here: other mounts may be entered.
    match retry_on_intr(|| openat2(CWD, path, OPEN, Mode::empty(), ResolveFlags::NO_SYMLINKS)) {
        // A seccomp profile may refuse the newer call.
        Err(Errno::NOSYS | Errno::PERM) => walk_absolute(path),
        opened => opened,
    }
}

fn walk_absolute(path: &Path) -> Result<OwnedFd, Errno> {
    let mut here = retry_on_intr(|| openat(CWD, c"/", PASS, Mode::empty()))?;
    for name in path::parts(path) {
        here = retry_on_intr(|| openat(&here, name, PASS, Mode::empty()))?;
    }
    open_child(here.as_fd(), OsStr::new("."))
}

/// Opens a directory below another, name by name; one that is behind another mount is EXDEV.
pub(crate) fn descend(from: BorrowedFd<'_>, names: impl Iterator<Item: AsRef<OsStr>>) -> Result<OwnedFd, Errno> {
    let mut here: Option<OwnedFd> = None;
    let mut names = names.peekable();
    while let Some(name) = names.next() {
        let name = name.as_ref();
        if name == ".." {
            return Err(Errno::INVAL);
        }
        let above = here.as_ref().map_or(from, |here| here.as_fd());
        here = Some(open_within(above, name, if names.peek().is_some() { PASS } else { OPEN })?);
    }
    here.map_or_else(|| open_child(from, OsStr::new(".")), Ok)
}

/// Opens the directory of this name; one that is another mount is EXDEV.
pub(crate) fn open_child(above: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    open_within(above, name, OPEN)
}

/// Opens what has this name, in order to look at it or to go through it; what is another mount is EXDEV.
pub(crate) fn open_to_pass(above: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
    open_within(above, name, OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC))
}

fn open_within(above: BorrowedFd<'_>, name: &OsStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    match retry_on_intr(|| openat2(above, name, flags, Mode::empty(), WITHIN)) {
        // A seccomp profile may refuse the newer call.
        Err(Errno::NOSYS | Errno::PERM) => {
            let below = retry_on_intr(|| openat(above, name, flags, Mode::empty()))?;
            if mount_id(above)? == mount_id(below.as_fd())? { Ok(below) } else { Err(Errno::XDEV) }
        }
        opened => opened,
    }
}

/// The number of the mount that the directory was opened by, as mountinfo has it.
pub(crate) fn mount_id(directory: BorrowedFd<'_>) -> Result<u64, Errno> {
    let found = statx(directory, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    // Linux 5.8.
    if found.stx_mask & StatxFlags::MNT_ID.bits() == 0 { Err(Errno::NOSYS) } else { Ok(found.stx_mnt_id) }
}

/// Opens the directory above. Groups do not move to other parents: it is the one that was passed on the way down.
pub(crate) fn open_above(group: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| openat(group, c"..", OPEN, Mode::empty()))
}

/// The names of the directories in this one, which are the groups below.
pub(crate) fn children(group: BorrowedFd<'_>) -> Result<Vec<CString>, Errno> {
    // Two links and one for each directory in it: where there is none, the forty files need not be read for that.
    if fstat(group)?.st_nlink == 2 {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in Dir::read_from(group)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type() == FileType::Directory && name != c"." && name != c".." {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// The version of the hierarchy that the directory is in; `None` for any other file system.
pub(crate) fn version(directory: BorrowedFd<'_>) -> Result<Option<Version>, Errno> {
    let kind = u64::try_from(fstatfs(directory)?.f_type).unwrap_or_default();
    Ok(match kind {
        MAGIC_V1 => Some(Version::V1),
        MAGIC_V2 => Some(Version::V2),
        _ => None,
    })
}

/// A name as std has it.
pub(crate) fn os(name: &CString) -> &OsStr {
    OsStr::from_bytes(name.as_bytes())
}

/// Goes through a group and all groups below it, however deep, with two more open directories at most: the payload of a
/// group may have made thousands.
///
/// `enter` is called with each group, a parent before its children; `leave` with a parent and the name of each child
/// whose own children have all been left. What disappears meanwhile is passed over.
pub(crate) fn walk(
    top: BorrowedFd<'_>,
    enter: &mut dyn FnMut(BorrowedFd<'_>) -> Result<(), Errno>,
    leave: &mut dyn FnMut(BorrowedFd<'_>, &OsStr) -> Result<(), Errno>,
) -> Result<(), Errno> {
    enter(top)?;
    let mut to_do = vec![present(children(top))?];
    // None at the top, which is open already.
    let mut here: Option<OwnedFd> = None;
    // The names from the top down to here, one less than there are lists.
    let mut names: Vec<CString> = Vec::new();
    while let Some(list) = to_do.last_mut() {
        let at = here.as_ref().map_or(top, |here| here.as_fd());
        if let Some(name) = list.pop() {
            let below = match open_child(at, os(&name)) {
                Err(Errno::NOENT) => continue,
                below => below?,
            };
            enter(below.as_fd())?;
            let list = present(children(below.as_fd()))?;
            if list.is_empty() {
                // As most have none: who stays here need not open the way back.
                leave(at, os(&name))?;
                continue;
            }
            here = Some(below);
            names.push(name);
            to_do.push(list);
        } else {
            to_do.pop();
            let Some(name) = names.pop() else { break };
            here = if names.is_empty() { None } else { Some(open_above(at)?) };
            leave(here.as_ref().map_or(top, |here| here.as_fd()), os(&name))?;
        }
    }
    Ok(())
}

/// A list of what is gone is empty.
fn present(list: Result<Vec<CString>, Errno>) -> Result<Vec<CString>, Errno> {
    match list {
        Err(Errno::NOENT | Errno::NODEV) => Ok(Vec::new()),
        list => list,
    }
}

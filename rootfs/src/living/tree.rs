// SPDX-License-Identifier: MIT OR Apache-2.0
//! The copy of a source: a mount that is attached nowhere, with its attributes, and that tells nobody of mounts.
//!
//! Man: open_tree(2), mount_setattr(2).

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{FileType, fstat};

use super::{open_source, refusal};
use crate::detached;
use crate::error::Error;
use crate::floor::Errno;
use crate::floor::attach::change;
use crate::floor::sys::{self, CWD, MountAttr, mount_setattr, open, openat};
use crate::mounts::Bind;
use crate::sys::copy::{self, Words};
use crate::sys::{mounted, owned, threads};

/// Which half failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Half {
    Source,
    /// Namespaces of its own, for an ordinary account.
    Namespaces,
    Copy,
    Attributes,
}

type Failure = (Half, Errno);

/// The copy of what a bind describes; `None` where its source is absent and optional.
pub(super) fn of_bind(bind: &Bind) -> Result<Option<OwnedFd>, Error> {
    let refused = |half, errno: i32| refusal::of_tree(&bind.source, half, errno);
    let source = match open_source(&bind.source) {
        Err(2) if bind.optional => return Ok(None),
        opened => opened.map_err(|errno| refused(Half::Source, errno))?,
    };
    let found = fstat(&source).map_err(|errno| refused(Half::Source, errno.raw_os_error()))?;
    let is_directory = FileType::from_raw_mode(found.st_mode) == FileType::Directory;
    let tree = match copied(source.as_raw_fd(), bind, is_directory) {
        Err((Half::Copy, Errno::PERM)) => elsewhere(bind, is_directory),
        made => made,
    };
    let tree = tree.map_err(|(half, Errno(errno))| refused(half, errno.into()))?;
    detached::map_ids(&tree, bind)?;
    Ok(Some(tree))
}

fn propagation(how: u32) -> MountAttr {
    MountAttr { propagation: how.into(), ..MountAttr::default() }
}

/// The copy, with its attributes. Allocates nothing.
fn copied(source: i32, bind: &Bind, is_directory: bool) -> Result<OwnedFd, Failure> {
    let tree = sys::open_tree(source, bind.recursive).map(owned).map_err(|errno| (Half::Copy, errno))?;
    let attributes = |errno| (Half::Attributes, errno);
    // Below a file there is nothing: its own mount is all.
    let set = |attr: &MountAttr, deep| mount_setattr(tree.as_raw_fd(), attr, deep && is_directory).map_err(attributes);
    detached::receive_only(tree.as_fd(), is_directory).map_err(attributes)?;
    let (own, below) = bind.changes();
    for (word, deep) in [(below, true), (own, false)].into_iter().filter(|(word, _)| *word != 0) {
        set(&change(word), deep)?;
    }
    if let Some(wanted) = bind.propagation {
        let (how, deep) = wanted.kernel_s();
        set(&propagation(how), deep)?;
    }
    Ok(tree)
}

/// The copy made by an ordinary account: by a copy of this process, as the master of namespaces that go with it.
fn elsewhere(bind: &Bind, is_directory: bool) -> Result<OwnedFd, Failure> {
    let path = CString::new(bind.source.as_os_str().as_bytes()).map_err(|_| (Half::Source, Errno::INVAL))?;
    let words = copy::in_a_copy(&mut || match copied_elsewhere(&path, bind, is_directory) {
        Ok(fd) => [0, fd, 0, 0],
        Err((half, Errno(errno))) => [1, half as u64, errno.into(), 0],
    });
    let [refused, first, errno, _]: Words = words.map_err(|errno| (Half::Namespaces, errno))?;
    if refused == 0 {
        let adopted = usize::try_from(first).map_err(|_| Errno::PROTO).and_then(mounted::adopt);
        return adopted.map_err(|errno| (Half::Copy, errno));
    }
    let halves = [Half::Source, Half::Namespaces, Half::Copy, Half::Attributes];
    let half = halves.into_iter().find(|half| *half as u64 == first).unwrap_or(Half::Namespaces);
    Err((half, Errno(u16::try_from(errno).unwrap_or_default())))
}

/// What the copy of this process does; it answers a descriptor's number.
fn copied_elsewhere(path: &CStr, bind: &Bind, is_directory: bool) -> Result<u64, Failure> {
    use std::os::fd::IntoRawFd;
    threads::leave_user_and_mounts().map_err(|errno| (Half::Namespaces, errno))?;
    // The source again: what was open is on a mount of the namespace that was left.
    let source = openat(CWD, path, open::PATH, 0).map_err(|errno| (Half::Source, errno))?;
    let tree = copied(source.number(), bind, is_directory)?;
    u64::try_from(tree.into_raw_fd()).map_err(|_| (Half::Copy, Errno::INVAL))
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The new root: taken hold of at first, moved into at last.
//!
//! Man: pivot_root(2), "pivot_root(".", ".")".

use core::ffi::CStr;

use super::fd::Fd;
use super::room::{Failure, Part, Room, What};
use super::sys::{self, Errno, open};

const MS_BIND: usize = 0x1000;
const MS_REC: usize = 0x4000;
const MS_MOVE: usize = 0x2000;
const MNT_DETACH: usize = 2;
const RAMFS_MAGIC: u64 = 0x8584_58f6;
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Binds the directory at `path` over itself, with what is mounted below it: what pivot_root moves must be a mount, and
/// what is read-only in it is then so for nobody else.
pub(super) fn take(room: &mut Room, path: &CStr) -> Result<(), Failure> {
    let source = open(path).map_err(|errno| Part::Source.failed(errno))?;
    let root = match sys::open_tree(source.number(), true) {
        Ok(tree) => match sys::move_mount(tree.number(), source.number()) {
            Ok(()) => tree,
            Err(Errno::NOSYS | Errno::ACCES) => bound(room, path, &source)?,
            Err(errno) => return Err(Part::Attach.failed(errno)),
        },
        Err(Errno::NOSYS | Errno::PERM) => bound(room, path, &source)?,
        Err(errno) => return Err(Part::Make.failed(errno)),
    };
    room.root = Some(root);
    room.is_new = true;
    Ok(())
}

/// The directory itself: a link as its last name could be made to lead elsewhere.
fn open(path: &CStr) -> Result<Fd, Errno> {
    sys::openat(sys::CWD, path, open::PATH | open::DIRECTORY | open::NOFOLLOW, 0)
}

/// The same by mount(2).
fn bound(room: &mut Room, path: &CStr, source: &Fd) -> Result<Fd, Failure> {
    let attach = |errno| Part::Attach.failed(errno);
    room.mount(What::Open(source), source, MS_BIND | MS_REC, Part::Attach)?;
    // "/" stays what it was to who has it as a root; ".." of it leads onto what was mounted there.
    let is_top = path.to_bytes().iter().all(|byte| *byte == b'/');
    let root = open(if is_top { c"/.." } else { path }).map_err(attach)?;
    let (was, is) = (sys::fstat(source.number()).map_err(attach)?, sys::fstat(root.number()).map_err(attach)?);
    if (was.device, was.inode) == (is.device, is.inode) { Ok(root) } else { Err(attach(Errno::STALE)) }
}

/// Makes the new root this process's "/", and leaves nothing of the old one.
pub(super) fn pivot(room: &mut Room) -> Result<(), Failure> {
    if !room.is_new {
        return Err(Part::Whole.failed(Errno::PROTO));
    }
    // With all that it holds: what is open below the old root would keep it reachable.
    let root = core::mem::take(room).root.ok_or(Part::Whole.failed(Errno::PROTO))?;
    sys::fchdir(root.number()).map_err(|errno| Part::Target.failed(errno))?;
    match sys::pivot_root(c".", c".") {
        // The old root lies over the new one now, and "." is what is on top.
        Ok(()) => sys::umount2(c".", MNT_DETACH).map_err(|errno| Part::Leave.failed(errno))?,
        Err(Errno::INVAL) if is_initramfs() => move_over()?,
        Err(errno) => return Err(Part::Attach.failed(errno)),
    }
    sys::chdir(c"/").map_err(|errno| Part::Target.failed(errno))
}

/// Whether "/" may be the initramfs, which pivot_root cannot move: it is the mount under which all others are, and has no
/// parent to be moved from.
///
/// That it is a mount at all, and not a directory that somebody has chrooted us into, is known by then: cutting
/// propagation at "/" would have failed. In a chroot the way out by ".." would stay open, so there it is not done.
fn is_initramfs() -> bool {
    let kind = sys::openat(sys::CWD, c"/", open::PATH, 0).and_then(|top| sys::fstatfs(top.number()));
    matches!(kind, Ok((RAMFS_MAGIC | TMPFS_MAGIC, _)))
}

/// Moves the new root over the old one, and into it. The old one cannot be unmounted; nothing leads to it: above the new
/// root is the old one's top, and on that lies the new root.
fn move_over() -> Result<(), Failure> {
    sys::mount(Some(c"."), c"/", None, MS_MOVE, None).map_err(|errno| Part::Attach.failed(errno))?;
    sys::chroot(c".").map_err(|errno| Part::Leave.failed(errno))
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The new root: taken hold of at first, moved into at last.
//!
//! One that is made, and this machine's own "/", are mounted over "/": a thread whose root that is still looks up absolute
//! paths below it, so sources are this machine's until the end.
//!
//! Man: pivot_root(2), "pivot_root(".", ".")".

use core::ffi::CStr;

use super::attach::{self, Manner, New, Place};
use super::fd::Fd;
use super::overlay::{self, Layers};
use super::room::{Failure, Part, Room};
use super::sys::{self, Errno, open};

const MS_MOVE: usize = 0x2000;
const MNT_DETACH: usize = 2;
const RAMFS_MAGIC: u64 = 0x8584_58f6;
const TMPFS_MAGIC: u64 = 0x0102_1994;
const OVERLAYFS_MAGIC: u64 = 0x794c_7630;

/// What is laid over a directory.
#[derive(Debug, Clone, Copy)]
pub(super) enum Base<'a> {
    /// Itself, with what is mounted below it: what pivot_root moves must be a mount, and what is read-only in it is then so
    /// for nobody else.
    Directory,
    /// A new tmpfs with these options.
    Tmpfs(&'a CStr),
    /// An overlay.
    Overlay(Layers<'a>),
}

/// Takes the root that is made of `base`, at `path`.
pub(super) fn take(room: &mut Room, path: &CStr, base: Base<'_>, attributes: u32) -> Result<(), Failure> {
    let root = lay(room, path, base, attributes)?;
    room.root = Some(root);
    room.is_new = true;
    Ok(())
}

/// Mounts something over the directory at `path` of this machine; answers its top.
///
/// By the newer calls it is held while it is attached. After mount(2), which gives nothing back, it is looked for at its
/// path again, and must be what was mounted there.
#[inline(never)]
pub(super) fn lay(room: &mut Room, path: &CStr, base: Base<'_>, attributes: u32) -> Result<Fd, Failure> {
    let source = |errno| Part::Source.failed(errno);
    // The directory itself: a link as its last name could be made to lead elsewhere.
    let fd = room.source(path, open::DIRECTORY | open::NOFOLLOW).map_err(source)?;
    let place = Place { fd, path };
    // Asked before it is covered: from "/" one does not see what lies over it.
    let before = if is_top(path) { Some(over(room, path).map_err(source)?) } else { None };
    let held = match base {
        Base::Directory => attach::bind(room, place.fd.number(), &place, Manner::WHOLE)?,
        Base::Tmpfs(options) => attach::file_system(room, New::of(c"tmpfs", options), attributes, &place)?,
        Base::Overlay(layers) => overlay::mount(room, layers, attributes, false, &place)?,
    };
    let top = match held {
        Some(top) => top,
        None => {
            let before = before.as_ref().unwrap_or(&place.fd);
            let before = sys::mount_id(before.number()).map_err(source)?;
            found(room, &place, before, base).map_err(|errno| Part::Attach.failed(errno))?
        }
    };
    if let Base::Directory = base {
        attach::set_all(room, &top, attributes)?;
    }
    if is_top(path) {
        room.is_covered(place.fd);
    }
    Ok(top)
}

/// What was mounted over a place, by its path: on another mount than before, and of the kind that was mounted.
fn found(room: &Room, place: &Place<'_>, before: u64, base: Base<'_>) -> Result<Fd, Errno> {
    let top = over(room, place.path)?;
    let is_other = sys::mount_id(top.number())? != before;
    let is_it = match base {
        Base::Directory => {
            let (top, below) = (sys::fstat(top.number())?, sys::fstat(place.fd.number())?);
            (top.device, top.inode) == (below.device, below.inode)
        }
        Base::Tmpfs(_) => sys::fstatfs(top.number())?.0 == TMPFS_MAGIC,
        Base::Overlay(_) => sys::fstatfs(top.number())?.0 == OVERLAYFS_MAGIC,
    };
    if is_other && is_it { Ok(top) } else { Err(Errno::STALE) }
}

/// What lies on top of the directory at `path`. "/" stays what it was to who has it as a root; ".." of it leads onto what
/// was mounted there.
fn over(room: &Room, path: &CStr) -> Result<Fd, Errno> {
    if is_top(path) {
        return sys::openat(sys::CWD, c"/..", open::PATH | open::DIRECTORY, 0);
    }
    room.source(path, open::DIRECTORY | open::NOFOLLOW)
}

/// Whether a path is that of this thread's own "/".
pub(super) fn is_top(path: &CStr) -> bool {
    path.to_bytes().iter().all(|byte| *byte == b'/')
}

/// Refuses to go on where this process's "/" is not the top of its mount namespace: in a chroot that is a mount, or with
/// something mounted over "/". The new root takes the place of "/", what is above stays above, and chroot(2) and ".." lead
/// there.
///
/// Entering one's own mount namespace leads to its top; from the right root that is no change at all, but to the working
/// directory, which the new root will be.
pub(super) fn demand_top(room: &mut Room) -> Result<(), Failure> {
    let top = |errno| Part::Top.failed(errno);
    let was = sys::mount_and_inode(sys::CWD, c"/").map_err(top)?;
    sys::enter_own_mounts().or_else(|_| room.enter_own_mounts()).map_err(top)?;
    let is = sys::mount_and_inode(sys::CWD, c"/").map_err(top)?;
    if was == is { Ok(()) } else { Err(top(Errno::XDEV)) }
}

/// Makes the new root this process's "/", and leaves nothing of the old one, unless `chroot_alone`.
pub(super) fn pivot(room: &mut Room, chroot_alone: bool) -> Result<(), Failure> {
    if !room.is_new {
        return Err(Part::Whole.failed(Errno::PROTO));
    }
    let layers = room.old_layers();
    // With all that it holds: what is open below the old root would keep it reachable.
    let root = core::mem::take(room).root.ok_or(Part::Whole.failed(Errno::PROTO))?;
    sys::fchdir(root.number()).map_err(|errno| Part::Target.failed(errno))?;
    let pivoted = if chroot_alone { Ok(()) } else { sys::pivot_root(c".", c".") };
    match pivoted {
        Ok(()) if chroot_alone => into_here()?,
        // The old root lies over the new one now, with what lay over it, and "." is what is on top.
        Ok(()) => {
            for _ in 0..layers {
                sys::umount2(c".", MNT_DETACH).map_err(|errno| Part::Leave.failed(errno))?;
            }
        }
        Err(Errno::INVAL) if is_initramfs() => move_over()?,
        Err(errno) => return Err(Part::Attach.failed(errno)),
    }
    sys::chdir(c"/").map_err(|errno| Part::Target.failed(errno))
}

/// Whether "/" may be the initramfs, which pivot_root cannot move: it is the mount under which all others are, and has no
/// parent to be moved from.
///
/// That it is the top of the mount namespace, and nothing that somebody has chrooted us into, is known by then.
fn is_initramfs() -> bool {
    let kind = sys::openat(sys::CWD, c"/", open::PATH, 0).and_then(|top| sys::fstatfs(top.number()));
    matches!(kind, Ok((RAMFS_MAGIC | TMPFS_MAGIC, _)))
}

/// Moves the new root over the old one, and into it. The old one cannot be unmounted; nothing leads to it: above the new
/// root is the old one's top, and on that lies the new root.
fn move_over() -> Result<(), Failure> {
    match sys::mount(Some(c"."), c"/", None, MS_MOVE, None) {
        // It lies there already: it was mounted over "/".
        Ok(()) | Err(Errno::LOOP) => {}
        Err(errno) => return Err(Part::Attach.failed(errno)),
    }
    into_here()
}

/// Makes "." this process's "/".
fn into_here() -> Result<(), Failure> {
    sys::chroot(c".").map_err(|errno| Part::Leave.failed(errno))
}

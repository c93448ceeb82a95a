// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts made where nobody sees them, then attached to a place that is held open.
//!
//! The newer calls know descriptors (Linux 5.2; `mount_setattr` 5.12). Where they are absent or a filter refuses them, the
//! same is done by mount(2), whose paths are then the numbers of the same descriptors: the older way is not a less careful
//! one. Its one weak point is that it gives nothing back: what it has mounted is looked for again, and compared.
//!
//! Man: fsopen(2), open_tree(2), move_mount(2), mount_setattr(2).

use core::ffi::CStr;

use super::below;
use super::fd::Fd;
use super::resolve::Links;
use super::room::{Failure, Part, Room, What};
use super::sys::{self, Errno, Stat};
use super::text::Text;

/// `MOUNT_ATTR_*`, which have the same numbers as mount(2)'s flags of that name.
pub mod attribute {
    /// Nothing can be written. `MOUNT_ATTR_RDONLY`.
    pub const READ_ONLY: u32 = 1;
    /// Set-user-ID bits and file capabilities mean nothing. `MOUNT_ATTR_NOSUID`.
    pub const NOSUID: u32 = 2;
    /// Device nodes are not devices. `MOUNT_ATTR_NODEV`.
    pub const NODEV: u32 = 4;
    /// Nothing can be executed. `MOUNT_ATTR_NOEXEC`.
    pub const NOEXEC: u32 = 8;
    /// All of them.
    pub const ALL: u32 = 15;
}

const MS_REMOUNT: usize = 0x20;
const MS_BIND: usize = 0x1000;
const MS_REC: usize = 0x4000;
const MS_NOSYMFOLLOW: usize = 0x100;
const ST_NOSYMFOLLOW: u64 = 0x2000;

/// A place in the root, and its path, by which it can be found again.
#[derive(Debug)]
pub struct Place<'a> {
    /// The place.
    pub fd: Fd,
    /// Its path in the root; empty for an entry of a directory that is ours.
    pub path: &'a CStr,
}

/// Mounts a new file system at `place`; answers its top.
#[inline(never)]
pub(super) fn file_system(
    room: &mut Room,
    kind: &CStr,
    options: &CStr,
    attributes: u32,
    place: &Place<'_>,
) -> Result<Option<Fd>, Failure> {
    let made = detached(kind, options, attributes);
    attached(room, made, What::New(kind, options), attributes, place)
}

/// Mounts an overlay at `place`, whose options name its layers by the numbers of descriptors; answers its top.
pub(super) fn overlay(
    room: &mut Room,
    options: &CStr,
    attributes: u32,
    place: &Place<'_>,
) -> Result<Option<Fd>, Failure> {
    // The kernel looks for the layers when it is told of them, or (before Linux 6.5) when the file system is made.
    let here = room.enter_links()?;
    let made = detached(c"overlay", options, attributes);
    Room::leave_links(here);
    attached(room, made, What::New(c"overlay", options), attributes, place)
}

/// Attaches what was made, or mounts it by mount(2) where the newer calls are refused.
#[inline(never)]
fn attached(
    room: &mut Room,
    made: Result<Fd, Failure>,
    what: What<'_>,
    attributes: u32,
    place: &Place<'_>,
) -> Result<Option<Fd>, Failure> {
    match made {
        Ok(tree) => match sys::move_mount(tree.number(), place.fd.number()) {
            Ok(()) => return Ok(Some(tree)),
            // AppArmor answers EACCES to the attaching of what was detached, until it learns of this call.
            Err(Errno::NOSYS | Errno::ACCES) => {}
            Err(errno) => return Err(Part::Attach.failed(errno)),
        },
        // Filters of before Linux 5.2 answer EPERM to what they do not know.
        Err(Failure { errno: Errno::NOSYS, .. }) => {}
        Err(failure) if failure == Part::Make.failed(Errno::PERM) => {}
        Err(failure) => return Err(failure),
    }
    room.mount(what, &place.fd, attributes as usize, Part::Make)?;
    Ok(None)
}

/// A new file system, mounted nowhere yet.
#[inline(never)]
fn detached(kind: &CStr, options: &CStr, attributes: u32) -> Result<Fd, Failure> {
    let make = |errno| Part::Make.failed(errno);
    let fs = sys::fsopen(kind).map_err(make)?;
    // What /proc/self/mountinfo shows as its source.
    sys::fsconfig(&fs, c"source", Some(kind)).map_err(make)?;
    for option in options.to_bytes().split(|byte| *byte == b',').filter(|option| !option.is_empty()) {
        let mut halves = option.splitn(2, |byte| *byte == b'=');
        let key = Text::of(halves.next().unwrap_or_default()).map_err(make)?;
        let value = halves.next().map(Text::of).transpose().map_err(make)?;
        sys::fsconfig(&fs, key.as_c_str(), value.as_ref().map(Text::as_c_str)).map_err(make)?;
    }
    sys::fsconfig_create(&fs).map_err(make)?;
    sys::fsmount(&fs, attributes).map_err(|errno| match errno {
        Errno::PERM => Part::Reveal.failed(errno),
        errno => make(errno),
    })
}

/// How something is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// `MOUNT_ATTR_*` to set.
    pub attributes: u32,
    /// What is mounted below the source comes along.
    pub recursive: bool,
    /// The attributes are set on that too.
    pub deep: bool,
}

impl Manner {
    /// As it is, with all that is mounted below it.
    pub const WHOLE: Self = Self { attributes: 0, recursive: true, deep: false };
}

/// Makes what `source` is open on appear at `place` too; answers its top, where something is held of it.
#[inline(never)]
pub(super) fn bind(room: &mut Room, source: i32, place: &Place<'_>, manner: Manner) -> Result<Option<Fd>, Failure> {
    let Manner { attributes, recursive, deep } = manner;
    match sys::open_tree(source, recursive) {
        Ok(tree) => {
            // Before it is attached: nobody ever sees it without them.
            let is_set = set(&tree, attributes, deep)?;
            match sys::move_mount(tree.number(), place.fd.number()) {
                Ok(()) => {
                    uncover(room, source, place, recursive)?;
                    if !is_set {
                        older(room, &tree, attributes, deep)?;
                    }
                    return Ok(Some(tree));
                }
                Err(Errno::NOSYS | Errno::ACCES) => {}
                Err(errno) => return Err(Part::Attach.failed(errno)),
            }
        }
        Err(Errno::NOSYS | Errno::PERM) => {}
        Err(errno) => return Err(Part::Make.failed(errno)),
    }
    let flags = MS_BIND | if recursive { MS_REC } else { 0 };
    room.mount(What::Open(source), &place.fd, flags, Part::Attach)?;
    uncover(room, source, place, recursive)?;
    if attributes == 0 {
        return Ok(None);
    }
    let stale = |errno| Part::Attach.failed(errno);
    let expected = sys::fstat(source).map_err(stale)?;
    let top = again(room, place, |found| (found.device, found.inode) == (expected.device, expected.inode))?;
    if !set(&top, attributes, deep)? {
        older(room, &top, attributes, deep)?;
    }
    Ok(Some(top))
}

/// A copy with all that is mounted below it has what lies over "/" too, if it is one of "/".
fn uncover(room: &mut Room, source: i32, place: &Place<'_>, recursive: bool) -> Result<(), Failure> {
    if recursive { room.uncover(source, &place.fd) } else { Ok(()) }
}

/// Sets attributes of a mount that is attached, by mount(2).
fn older(room: &mut Room, top: &Fd, attributes: u32, deep: bool) -> Result<(), Failure> {
    if deep { below::remount(room, top, attributes) } else { remount(room, top, attributes) }
}

/// Sets attributes of a mount, on all below it too if `deep`; answers whether there is a call for that.
fn set(tree: &Fd, attributes: u32, deep: bool) -> Result<bool, Failure> {
    if attributes == 0 {
        return Ok(true);
    }
    match sys::mount_setattr(tree.number(), attributes, deep) {
        Ok(()) => Ok(true),
        Err(Errno::NOSYS | Errno::PERM) => Ok(false),
        Err(errno) => Err(Part::Attributes.failed(errno)),
    }
}

/// Sets attributes of the mount `top` alone, which is attached.
pub(super) fn set_one(room: &mut Room, top: &Fd, attributes: u32) -> Result<(), Failure> {
    if set(top, attributes, false)? { Ok(()) } else { remount(room, top, attributes) }
}

/// Sets attributes of the mount `top`, which is attached, and of all below it.
pub(super) fn set_all(room: &mut Room, top: &Fd, attributes: u32) -> Result<(), Failure> {
    if set(top, attributes, true)? { Ok(()) } else { older(room, top, attributes, true) }
}

/// Sets attributes by mount(2), which knows one mount at a time and takes away what it is not told again.
pub(super) fn remount(room: &mut Room, top: &Fd, attributes: u32) -> Result<(), Failure> {
    let (_, flags) = sys::fstatfs(top.number()).map_err(|errno| Part::Attributes.failed(errno))?;
    // `ST_RDONLY`, `ST_NOSUID`, `ST_NODEV`, `ST_NOEXEC` are the flags of mount(2) too. How access times are kept stays as
    // it is if nothing is said of it.
    let present = attribute::ALL & flags.to_le_bytes().first().copied().map_or(0, u32::from);
    let nosymfollow = if flags & ST_NOSYMFOLLOW == 0 { 0 } else { MS_NOSYMFOLLOW };
    let flags = MS_REMOUNT | MS_BIND | nosymfollow | (attributes | present) as usize;
    room.mount(What::Same, top, flags, Part::Attributes)
}

/// The top of what was just mounted at `place` by mount(2): its path again, which now leads onto the mount.
///
/// Names may have been exchanged since. So what is found must be what was mounted, as `is_it` knows it, and on another
/// mount than the place; if it is not, nothing is done with it.
pub(super) fn again(room: &mut Room, place: &Place<'_>, is_it: impl Fn(&Stat) -> bool) -> Result<Fd, Failure> {
    let stale = |errno| Part::Attach.failed(errno);
    let root = room.root().map_err(stale)?;
    let links = Links::for_target(place.path);
    let top = room.way()(root, place.path, links).map_err(stale)?;
    let stat = sys::fstat(top.number()).map_err(stale)?;
    if is_it(&stat) { Ok(top) } else { Err(stale(Errno::STALE)) }
}

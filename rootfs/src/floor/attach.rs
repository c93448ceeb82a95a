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
use super::mount::REC;
use super::resolve::Links;
use super::room::{Failure, Part, Room, What};
use super::sys::{self, Errno, MountAttr, Stat};
use super::text::Word;

/// Attributes of a mount, in a word of ours: what is set in its low half, what is taken away in its high one.
///
/// Most have the kernel's number, `MOUNT_ATTR_*`.
pub mod attribute {
    /// Nothing can be written. `MOUNT_ATTR_RDONLY`.
    pub const READ_ONLY: u32 = 1;
    /// Set-user-ID bits and file capabilities mean nothing. `MOUNT_ATTR_NOSUID`.
    pub const NOSUID: u32 = 2;
    /// Device nodes are not devices. `MOUNT_ATTR_NODEV`.
    pub const NODEV: u32 = 4;
    /// Nothing can be executed. `MOUNT_ATTR_NOEXEC`.
    pub const NOEXEC: u32 = 8;
    /// Reading changes no access time. `MOUNT_ATTR_NOATIME`.
    pub const NOATIME: u32 = 0x10;
    /// Every reading changes it. `MOUNT_ATTR_STRICTATIME`.
    pub const STRICTATIME: u32 = 0x20;
    /// Reading changes it once a day, and after a change: the kernel's 0.
    pub const RELATIME: u32 = 0x40;
    /// Reading a directory changes no access time. `MOUNT_ATTR_NODIRATIME`.
    pub const NODIRATIME: u32 = 0x80;
    /// Symbolic links are not followed. `MOUNT_ATTR_NOSYMFOLLOW`, which has another number.
    pub const NOSYMFOLLOW: u32 = 0x100;
    /// What is not for data: read-only, nosuid, nodev, noexec.
    pub const CLOSED: u32 = 15;
    /// How access times are kept, of which one can be.
    pub const TIMES: u32 = 0x70;
    /// All of them.
    pub const ALL: u32 = 0x1ff;
    /// What can be taken away.
    pub const REMOVABLE: u32 = ALL & !TIMES;
    /// Where what is taken away begins.
    pub const REMOVED: u32 = 16;
}

/// What of a word is set, in the kernel's numbers.
const fn kernel_s(word: u32) -> u32 {
    (word & (attribute::CLOSED | attribute::NOATIME | attribute::STRICTATIME | attribute::NODIRATIME))
        | (word & attribute::NOSYMFOLLOW) << 13
}

/// The same in mount(2)'s.
const fn older_flags(word: u32) -> usize {
    ((word & (attribute::CLOSED | attribute::NOSYMFOLLOW))
        | (word & attribute::NOATIME) << 6
        | (word & attribute::STRICTATIME) << 19
        | (word & attribute::RELATIME) << 15
        | (word & attribute::NODIRATIME) << 4) as usize
}

const MS_REMOUNT: usize = 0x20;
const MS_BIND: usize = 0x1000;
const MS_REC: usize = 0x4000;
const ST_NOATIME: u64 = 0x400;
const ST_NODIRATIME: u64 = 0x800;
const ST_RELATIME: u64 = 0x1000;
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
    new: New<'_>,
    attributes: u32,
    place: &Place<'_>,
) -> Result<Option<Fd>, Failure> {
    // Its top belongs to who makes it.
    room.as_owner(|room| {
        let made = detached(room, new, attributes);
        attached(room, made, What::New(new), attributes, place)
    })
}

/// The same for who does not need its top.
///
/// In a root that is to be this process's, whose working directory changes with it, the older call does it in a third of
/// the calls: the place is where it works then, and no path leads there. What refuses says less, so it is then done as
/// ever.
pub(super) fn file_system_alone(
    room: &mut Room,
    new: New<'_>,
    attributes: u32,
    place: &Place<'_>,
) -> Result<(), Failure> {
    let options = (!new.options.is_empty()).then_some(new.options);
    let mount = || {
        sys::fchdir(place.fd.number())?;
        sys::mount(Some(new.source), c".", Some(new.kind), older_flags(attributes), options)
    };
    if room.is_new && room.as_owner(|_| mount()).is_ok() {
        return Ok(());
    }
    file_system(room, new, attributes, place).map(drop)
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
    let new = New::of(c"overlay", options);
    let made = detached(room, new, attributes);
    Room::leave_links(here);
    attached(room, made, What::New(new), attributes, place)
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
    room.mount(what, &place.fd, older_flags(attributes), Part::Make)?;
    Ok(None)
}

/// A file system that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct New<'a> {
    /// The kernel's name for its kind.
    pub kind: &'a CStr,
    /// What it is made of, and /proc/self/mountinfo shows; by default its kind.
    pub source: &'a CStr,
    /// Its own options, `key=value` or `key`, with commas.
    pub options: &'a CStr,
}

impl<'a> New<'a> {
    /// One that is made of nothing.
    #[must_use]
    pub const fn of(kind: &'a CStr, options: &'a CStr) -> Self {
        Self { kind, source: kind, options }
    }
}

/// The longest value that fsconfig(2) takes.
const VALUE_MAX: usize = 255;

/// A new file system, mounted nowhere yet.
#[inline(never)]
fn detached(room: &mut Room, new: New<'_>, attributes: u32) -> Result<Fd, Failure> {
    let make = |errno| Part::Make.failed(errno);
    let fs = sys::fsopen(new.kind).map_err(make)?;
    if let Err(errno) = configure(&fs, new) {
        room.refused = Some(fs);
        return Err(make(errno));
    }
    mount_of(&fs, attributes)
}

/// A mount of a file system that was made, attached nowhere yet.
///
/// # Errors
/// The kernel's number, and which half it was.
pub fn mount_of(fs: &Fd, attributes: u32) -> Result<Fd, Failure> {
    let make = |errno| Part::Make.failed(errno);
    sys::fsmount(fs, kernel_s(attributes)).map_err(|errno| match errno {
        Errno::PERM => Part::Reveal.failed(errno),
        // This call knows it since Linux 5.14, mount(2) since 5.10.
        Errno::INVAL if attributes & attribute::NOSYMFOLLOW != 0 => make(Errno::NOSYS),
        errno => make(errno),
    })
}

/// Tells a file system what it shall be, and has it be that.
///
/// # Errors
/// The kernel's number; `ENOSYS` for what mount(2) alone can be told.
#[inline(never)]
pub fn configure(fs: &Fd, new: New<'_>) -> Result<(), Errno> {
    sys::fsconfig(fs, c"source", Some(new.source))?;
    for option in new.options.to_bytes().split(|byte| *byte == b',').filter(|option| !option.is_empty()) {
        let mut halves = option.splitn(2, |byte| *byte == b'=');
        let key = Word::of(halves.next().unwrap_or_default())?;
        match halves.next() {
            Some(value) if value.len() > VALUE_MAX => one_by_one(fs, key.as_c_str(), value)?,
            value => {
                let value = value.map(Word::of).transpose()?;
                sys::fsconfig(fs, key.as_c_str(), value.as_ref().map(Word::as_c_str))?;
            }
        }
    }
    sys::fsconfig_create(fs)
}

/// Layers whose numbers are together longer than a value may be: one at a time since Linux 6.8. `ENOSYS` is for what
/// mount(2) alone can be told, a page in all.
#[inline(never)]
fn one_by_one(fs: &Fd, key: &CStr, value: &[u8]) -> Result<(), Errno> {
    if key.to_bytes() != b"lowerdir" {
        return Err(Errno::NOSYS);
    }
    for layer in value.split(|byte| *byte == b':') {
        let layer = Word::of(layer)?;
        sys::fsconfig(fs, c"lowerdir+", Some(layer.as_c_str())).map_err(|errno| match errno {
            Errno::INVAL => Errno::NOSYS,
            errno => errno,
        })?;
    }
    Ok(())
}

/// How something is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// What becomes of the mount's own attributes.
    pub attributes: u32,
    /// What becomes of those of all that comes along, and of its own.
    pub below: u32,
    /// What is mounted below the source comes along.
    pub recursive: bool,
}

impl Manner {
    /// As it is, with all that is mounted below it.
    pub const WHOLE: Self = Self { attributes: 0, below: 0, recursive: true };

    /// The same with these attributes on all of it.
    #[must_use]
    pub const fn whole_with(below: u32) -> Self {
        Self { attributes: 0, below, recursive: true }
    }
}

/// Makes what `source` is open on appear at `place` too; answers its top, where something is held of it.
#[inline(never)]
pub(super) fn bind(room: &mut Room, source: i32, place: &Place<'_>, manner: Manner) -> Result<Option<Fd>, Failure> {
    let Manner { attributes, below, recursive } = manner;
    match sys::open_tree(source, recursive) {
        Ok(tree) => {
            // Before it is attached: nobody ever sees it without them.
            let is_set = set(&tree, below, true)? && set(&tree, attributes, false)?;
            match sys::move_mount(tree.number(), place.fd.number()) {
                Ok(()) => {
                    uncover(room, source, place, recursive)?;
                    if !is_set {
                        older(room, &tree, manner)?;
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
    if attributes | below == 0 {
        return Ok(None);
    }
    let stale = |errno| Part::Attach.failed(errno);
    let expected = sys::fstat(source).map_err(stale)?;
    let top = again(room, place, |found| (found.device, found.inode) == (expected.device, expected.inode))?;
    if !(set(&top, below, true)? && set(&top, attributes, false)?) {
        older(room, &top, manner)?;
    }
    Ok(Some(top))
}

/// A copy with all that is mounted below it has what lies over "/" too, if it is one of "/".
fn uncover(room: &mut Room, source: i32, place: &Place<'_>, recursive: bool) -> Result<(), Failure> {
    if recursive { room.uncover(source, &place.fd) } else { Ok(()) }
}

/// Sets attributes of a mount that is attached, by mount(2).
fn older(room: &mut Room, top: &Fd, manner: Manner) -> Result<(), Failure> {
    if manner.below != 0 {
        below::remount(room, top, manner.below)?;
    }
    if manner.attributes == 0 { Ok(()) } else { remount(room, top, manner.attributes) }
}

/// What `mount_setattr` is told.
#[must_use]
pub fn change(attributes: u32) -> MountAttr {
    let times = if attributes & attribute::TIMES == 0 { 0 } else { attribute::TIMES };
    MountAttr {
        set: kernel_s(attributes).into(),
        clear: (kernel_s(attributes >> attribute::REMOVED) | times).into(),
        ..MountAttr::default()
    }
}

/// Sets attributes of a mount, on all below it too if `deep`; answers whether there is a call for that.
///
/// # Errors
/// The kernel's number.
pub fn set(tree: &Fd, attributes: u32, deep: bool) -> Result<bool, Failure> {
    if attributes == 0 {
        return Ok(true);
    }
    match sys::mount_setattr(tree.number(), &change(attributes), deep) {
        Ok(()) => Ok(true),
        Err(Errno::NOSYS | Errno::PERM) => Ok(false),
        // This call knows it since Linux 5.14, mount(2) since 5.10.
        Err(Errno::INVAL) if (attributes | attributes >> attribute::REMOVED) & attribute::NOSYMFOLLOW != 0 => Ok(false),
        Err(errno) => Err(Part::Attributes.failed(errno)),
    }
}

/// Sets attributes of the mount `top` alone, which is attached.
pub(super) fn set_one(room: &mut Room, top: &Fd, attributes: u32) -> Result<(), Failure> {
    if set(top, attributes, false)? { Ok(()) } else { remount(room, top, attributes) }
}

/// Sets attributes of the mount `top`, which is attached, and of all below it.
pub(super) fn set_all(room: &mut Room, top: &Fd, attributes: u32) -> Result<(), Failure> {
    if set(top, attributes, true)? { Ok(()) } else { below::remount(room, top, attributes) }
}

/// Sets attributes by mount(2), which knows one mount at a time and takes away what it is not told again.
pub(super) fn remount(room: &mut Room, top: &Fd, attributes: u32) -> Result<(), Failure> {
    let (_, flags) = sys::fstatfs(top.number()).map_err(|errno| Part::Attributes.failed(errno))?;
    let has = |flag: u64, word: u32| if flags & flag == 0 { 0 } else { word };
    // `ST_RDONLY`, `ST_NOSUID`, `ST_NODEV`, `ST_NOEXEC` have our numbers.
    let mut word = attribute::CLOSED & flags.to_le_bytes().first().copied().map_or(0, u32::from);
    word |= has(ST_NOSYMFOLLOW, attribute::NOSYMFOLLOW);
    // How access times are kept stays as it is if nothing is said of it.
    let times = attribute::TIMES | attribute::NODIRATIME;
    if (attributes | attributes >> attribute::REMOVED) & times != 0 {
        word |= has(ST_NODIRATIME, attribute::NODIRATIME);
        if attributes & attribute::TIMES == 0 {
            word |= match (flags & ST_NOATIME, flags & ST_RELATIME) {
                (0, 0) => attribute::STRICTATIME,
                (0, _) => attribute::RELATIME,
                _ => attribute::NOATIME,
            };
        }
    }
    word = word & !(attributes >> attribute::REMOVED) | attributes;
    room.mount(What::Same, top, MS_REMOUNT | MS_BIND | older_flags(word), Part::Attributes)
}

/// What `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`, `MS_UNBINDABLE`, and `MS_REC` with them, say of the mount `top`.
pub(super) fn propagate(room: &mut Room, top: &Fd, how: u32) -> Result<(), Failure> {
    let recursive = how & REC != 0;
    let attr = MountAttr { propagation: u64::from(how & !REC), ..MountAttr::default() };
    match sys::mount_setattr(top.number(), &attr, recursive) {
        Err(Errno::NOSYS | Errno::PERM) => room.mount(What::Same, top, how as usize, Part::Whole),
        answer => answer.map_err(|errno| Part::Whole.failed(errno)),
    }
}

/// Attaches a tree that was made before, and is open as `tree`, which stays open.
pub(super) fn attach(tree: i32, place: &Fd) -> Result<(), Failure> {
    sys::move_mount(tree, place.number()).map_err(|errno| Part::Attach.failed(errno))
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

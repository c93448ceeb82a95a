// SPDX-License-Identifier: MIT OR Apache-2.0
//! Overlays: directories of this machine seen as one, and what is changed in them kept elsewhere.
//!
//! Every layer is opened once, and named to the kernel by the number of its descriptor, in `/proc/thread-self/fd`: no path
//! has to be escaped, and nobody can exchange one between our look and the kernel's.
//!
//! What is kept in memory is in one tmpfs, which lies over "/" while steps are performed: the kernel takes layers from what
//! is mounted somewhere alone (before Linux 6.15), and there no path of this machine leads onto it but ".." at the top,
//! which `Room::source` does not ask the kernel to follow. After the last step nothing leads to it.
//!
//! Kernel: Documentation/filesystems/overlayfs.rst.

use core::ffi::CStr;

use super::attach::{self, Manner, Place, attribute};
use super::fd::Fd;
use super::owner::OVERFLOW;
use super::room::{Failure, Part, Room};
use super::sys::{self, Errno, Stat, open};
use super::text::{Number, Text, split};

/// How many lower directories there can be: `OVL_MAX_STACK`.
pub const LOWERS_MAX: usize = 500;

/// What an overlay is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layers<'a> {
    /// Absolute paths of this machine, the topmost first, with a ':' between them; a ':' and a '\' in one have a '\'
    /// before them.
    pub lowers: &'a CStr,
    /// Where what is changed goes.
    pub changes: Changes<'a>,
    /// Whether it is made in a user namespace: ids that are not mapped there cannot be given to anything.
    pub user: bool,
    /// What else the kernel is told, `key=value` or `key`, with commas.
    pub options: &'a CStr,
}

/// Where what is changed in an overlay goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes<'a> {
    /// Nowhere: nothing can be changed.
    None,
    /// Into the memory that an earlier step has made.
    InMemory,
    /// Into this directory of this machine, which is made if it is absent.
    Kept(&'a CStr),
}

/// The layers, held open, and the options that name them.
struct Held {
    fds: [i32; LOWERS_MAX + 2],
    len: usize,
    options: Text,
}

impl Held {
    /// Keeps a layer, and writes its number behind `key`.
    #[inline(never)]
    fn add(&mut self, key: &[u8], layer: Fd) -> Result<(), Errno> {
        *self.fds.get_mut(self.len).ok_or(Errno::TOOBIG)? = layer.into_number();
        self.len = self.len.saturating_add(1);
        self.options.push(key)?;
        let number = self.fds.get(self.len.saturating_sub(1)).copied().unwrap_or(-1);
        self.options.push(Number::of(number).as_c_str().to_bytes())
    }

    /// Adds options.
    fn tell(&mut self, options: &CStr) -> Result<(), Errno> {
        self.options.push(b",")?;
        self.options.push(options.to_bytes())
    }

    fn first(&self) -> i32 {
        self.fds.first().copied().unwrap_or(-1)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for fd in self.fds.iter().take(self.len) {
            sys::close(*fd);
        }
    }
}

/// Mounts an overlay at `place`; answers its top.
#[inline(never)]
pub(super) fn mount(
    room: &mut Room,
    layers: Layers<'_>,
    attributes: u32,
    or_bind: bool,
    place: &Place<'_>,
) -> Result<Option<Fd>, Failure> {
    let mut held = Held { fds: [-1; LOWERS_MAX + 2], len: 0, options: Text::new() };
    open_lowers(room, layers.lowers, &mut held)?;
    let mut make = |room: &mut Room| {
        open_changes(room, layers, &mut held).map_err(|errno| Part::Changes.failed(errno))?;
        if !layers.options.is_empty() {
            held.tell(layers.options).map_err(|errno| Part::Make.failed(errno))?;
        }
        attach::overlay(room, held.options.as_c_str(), attributes, place)
    };
    // It does what it does with the rights of who has made it. In that memory nobody but the owner can make anything; a
    // directory where changes are kept is who we are's.
    let made = if layers.changes == Changes::InMemory { room.as_owner(make) } else { make(room) };
    match made {
        Err(failure) if or_bind && is_refusal_of_a_layer(failure) => {
            attach::bind(room, held.first(), place, Manner::whole_with(attributes | attribute::READ_ONLY))
        }
        answer => answer,
    }
}

/// Whether the kernel will not have one of the directories for a layer: for what its file system is, how deep overlays lie
/// in it, or what is mounted below it.
fn is_refusal_of_a_layer(failure: Failure) -> bool {
    [Errno::INVAL, Errno::LOOP, Errno::OPNOTSUPP].map(|errno| Part::Make.failed(errno)).contains(&failure)
}

/// Opens every lower directory.
fn open_lowers(room: &mut Room, lowers: &CStr, held: &mut Held) -> Result<(), Failure> {
    let mut part = Part::Lower as u16;
    let mut path = Text::new();
    let mut bytes = lowers.to_bytes().iter();
    let mut key = &b"lowerdir="[..];
    loop {
        let byte = bytes.next();
        let kept = match byte {
            Some(b'\\') => bytes.next(),
            Some(b':') | None => None,
            byte => byte,
        };
        let failed = |errno| Failure { errno, part };
        if let Some(byte) = kept {
            path.push(&[*byte]).map_err(failed)?;
            continue;
        }
        let lower = room.source(path.as_c_str(), open::DIRECTORY).map_err(failed)?;
        held.add(key, lower).map_err(failed)?;
        if byte.is_none() {
            return Ok(());
        }
        path = Text::new();
        part = part.saturating_add(1);
        key = b":";
    }
}

/// Opens where what is changed goes, and where the kernel prepares it; makes what is absent of it.
fn open_changes(room: &mut Room, layers: Layers<'_>, held: &mut Held) -> Result<(), Errno> {
    let dir = match layers.changes {
        Changes::None => None,
        Changes::InMemory => Some(room.scratch()?),
        Changes::Kept(path) => Some(kept(room, path)?),
    };
    if let Some(dir) = dir {
        let top = sys::fstat(held.first())?;
        held.add(b",workdir=", directory(&dir, c"work", 0o700)?.0)?;
        held.add(b",upperdir=", upper(&dir, top, layers.user)?)?;
    }
    Ok(())
}

/// The directory at `path`, which must be this process's own: whoever can exchange what is in it decides what is seen.
fn kept(room: &Room, path: &CStr) -> Result<Fd, Errno> {
    let found = match room.source(path, open::DIRECTORY) {
        Err(Errno::NOENT) => {
            let (above, name) = split(path.to_bytes());
            let above = room.source(Text::of(above)?.as_c_str(), open::DIRECTORY)?;
            directory(&above, Text::of(name)?.as_c_str(), 0o700)?.0
        }
        found => found?,
    };
    if sys::fstat(found.number())?.uid == sys::effective_user() { Ok(found) } else { Err(Errno::PERM) }
}

/// The directory `name` in `dir`, and whether it had to be made.
#[inline(never)]
pub(super) fn directory(dir: &Fd, name: &CStr, mode: u32) -> Result<(Fd, bool), Errno> {
    let made = match sys::mkdirat(dir.number(), name, mode) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(errno) => return Err(errno),
    };
    let flags = open::PATH | open::NOFOLLOW | open::DIRECTORY;
    sys::openat(dir.number(), name, flags, 0).map(|fd| (fd, made))
}

/// `upper` in a directory that is ours. A new one gets the permissions and the owner of what it lies over: they are what
/// the overlay's top will have.
fn upper(dir: &Fd, top: Stat, user: bool) -> Result<Fd, Errno> {
    let (upper, made) = directory(dir, c"upper", 0o700)?;
    if made {
        sys::chmodat(dir.number(), c"upper", top.mode & 0o7777)?;
        let mapped = |id| if user && id == OVERFLOW { u32::MAX } else { id };
        // Owners that we may not give files to: they stay ours.
        let _ = sys::chownat(dir.number(), c"upper", mapped(top.uid), u32::MAX);
        let _ = sys::chownat(dir.number(), c"upper", u32::MAX, mapped(top.gid));
    }
    Ok(upper)
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A step: one thing that a thread does to its mounts, and the words in which it travels.
//!
//! ```text
//!             0  1        2       3           4      5     6
//! ReceiveOnly 1
//! Root        2  path
//! Mount       3  kind     target  options     attr.  make
//! Bind        4  source   target  attributes  flags
//! Dev         5  target   options attributes  make   bind
//! Mask        6  target
//! ReadOnly    7  target
//! ReadOnlyRoot 8
//! Pivot       9
//! ```
//! Texts travel as offsets. What is not named is 0, and a word that is nothing of ours is no step.

use core::ffi::CStr;

use super::attach::{self, Manner, Place, attribute};
use super::fd::Fd;
use super::resolve::{self, Links, Make};
use super::room::{Failure, Part, Room};
use super::sys::{self, Errno, open};
use super::{dev, mask, mount, pivot};

/// Words of a step: its kind and six operands, numbers or offsets of texts.
pub const WORDS: usize = 7;

/// A kind of file system that needs no device and no source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// Files in memory.
    Tmpfs,
    /// Processes.
    Proc,
    /// Devices and drivers; the links of this network namespace.
    Sysfs,
    /// Pseudo terminals.
    Devpts,
    /// POSIX message queues of this IPC namespace.
    Mqueue,
}

impl FileSystem {
    const ALL: [Self; 5] = [Self::Tmpfs, Self::Proc, Self::Sysfs, Self::Devpts, Self::Mqueue];

    /// The kernel's name for it.
    #[must_use]
    pub const fn name(self) -> &'static CStr {
        match self {
            Self::Tmpfs => c"tmpfs",
            Self::Proc => c"proc",
            Self::Sysfs => c"sysfs",
            Self::Devpts => c"devpts",
            Self::Mqueue => c"mqueue",
        }
    }
}

/// One thing that is done to become what is described. Targets are paths in the root, sources of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Cut propagation of mounts to the outside.
    ReceiveOnly,
    /// Take the directory at `path` as the root that all later targets are in; without it that is "/".
    Root {
        /// An absolute path; not a link.
        path: &'a CStr,
    },
    /// Mount a new file system.
    Mount {
        /// Which.
        kind: FileSystem,
        /// Where: a directory.
        target: &'a CStr,
        /// Its own options, `key=value` or `key`, with commas.
        options: &'a CStr,
        /// `MOUNT_ATTR_*`.
        attributes: u32,
        /// Whether the directory is made if it is absent.
        make: bool,
    },
    /// Make `source` appear at `target` too.
    Bind {
        /// What is there already.
        source: &'a CStr,
        /// Where it shall be seen.
        target: &'a CStr,
        /// `MOUNT_ATTR_*`.
        attributes: u32,
        /// What else.
        flags: BindFlags,
    },
    /// Mount a tmpfs and make a minimal /dev in it.
    Dev {
        /// Where: a directory.
        target: &'a CStr,
        /// Options of the tmpfs.
        options: &'a CStr,
        /// `MOUNT_ATTR_*`.
        attributes: u32,
        /// Whether the directory is made if it is absent.
        make: bool,
        /// Whether the devices are this machine's, bound; else they are made.
        bind: bool,
    },
    /// Cover a path with an empty thing; nothing is done where it is absent.
    Mask {
        /// The file or directory.
        target: &'a CStr,
    },
    /// Make a path read-only, with all below it; nothing is done where it is absent.
    ReadOnly {
        /// The file or directory.
        target: &'a CStr,
    },
    /// Make the root read-only: it alone, not what is mounted in it.
    ReadOnlyRoot,
    /// Make the root this process's "/", and leave nothing of the old one.
    Pivot,
}

/// What belongs to a [`Step::Bind`] besides its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "five independent bits of one word")]
pub struct BindFlags {
    /// What is mounted below the source comes along.
    pub recursive: bool,
    /// The attributes are set on that too.
    pub deep: bool,
    /// Nothing is done if the source is absent.
    pub optional: bool,
    /// The target is made if it is absent, of the source's kind.
    pub make: bool,
    /// It stands for a file system that cannot be mounted here. Means nothing to the kernel; a reader is told.
    pub instead: bool,
}

impl BindFlags {
    const fn word(self) -> u32 {
        let Self { recursive, deep, optional, make, instead } = self;
        recursive as u32 | (deep as u32) << 1 | (optional as u32) << 2 | (make as u32) << 3 | (instead as u32) << 4
    }

    fn of(word: u32) -> Option<Self> {
        let bit = |mask: u32| word & mask != 0;
        let flags = Self { recursive: bit(1), deep: bit(2), optional: bit(4), make: bit(8), instead: bit(16) };
        (word < 32).then_some(flags)
    }
}

fn attributes_of(word: u32) -> Option<u32> {
    (word & !attribute::ALL == 0).then_some(word)
}

const fn bool_of(word: u32) -> Option<bool> {
    match word {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

impl<'a> Step<'a> {
    /// The step as words; `keep` answers where it has put a text.
    pub fn encode(&self, keep: &mut impl FnMut(&CStr) -> u32) -> [u32; WORDS] {
        match *self {
            Step::ReceiveOnly => [1, 0, 0, 0, 0, 0, 0],
            Step::Root { path } => [2, keep(path), 0, 0, 0, 0, 0],
            Step::Mount { kind, target, options, attributes, make } => {
                [3, kind as u32, keep(target), keep(options), attributes, make as u32, 0]
            }
            Step::Bind { source, target, attributes, flags } => {
                [4, keep(source), keep(target), attributes, flags.word(), 0, 0]
            }
            Step::Dev { target, options, attributes, make, bind } => {
                [5, keep(target), keep(options), attributes, make as u32, bind as u32, 0]
            }
            Step::Mask { target } => [6, keep(target), 0, 0, 0, 0, 0],
            Step::ReadOnly { target } => [7, keep(target), 0, 0, 0, 0, 0],
            Step::ReadOnlyRoot => [8, 0, 0, 0, 0, 0, 0],
            Step::Pivot => [9, 0, 0, 0, 0, 0, 0],
        }
    }

    /// The step that these words are; `text` answers what is kept at an offset. `None` for what is no step.
    pub fn decode(words: [u32; WORDS], text: &impl Fn(u32) -> Option<&'a CStr>) -> Option<Self> {
        Some(match words {
            [1, 0, 0, 0, 0, 0, 0] => Step::ReceiveOnly,
            [2, path, 0, 0, 0, 0, 0] => Step::Root { path: text(path)? },
            [3, kind, target, options, attributes, make, 0] => Step::Mount {
                kind: FileSystem::ALL.into_iter().find(|known| *known as u32 == kind)?,
                target: text(target)?,
                options: text(options)?,
                attributes: attributes_of(attributes)?,
                make: bool_of(make)?,
            },
            [4, source, target, attributes, flags, 0, 0] => Step::Bind {
                source: text(source)?,
                target: text(target)?,
                attributes: attributes_of(attributes)?,
                flags: BindFlags::of(flags)?,
            },
            [5, target, options, attributes, make, bind, 0] => Step::Dev {
                target: text(target)?,
                options: text(options)?,
                attributes: attributes_of(attributes)?,
                make: bool_of(make)?,
                bind: bool_of(bind)?,
            },
            [6, target, 0, 0, 0, 0, 0] => Step::Mask { target: text(target)? },
            [7, target, 0, 0, 0, 0, 0] => Step::ReadOnly { target: text(target)? },
            [8, 0, 0, 0, 0, 0, 0] => Step::ReadOnlyRoot,
            [9, 0, 0, 0, 0, 0, 0] => Step::Pivot,
            _ => return None,
        })
    }

    /// Does it, in the mount namespace of this thread.
    ///
    /// # Errors
    /// The kernel's number, and which half of the step it was.
    pub fn perform(&self, room: &mut Room) -> Result<(), Failure> {
        if !self.makes() {
            return self.do_it(room);
        }
        // What is made has the modes that are written here, whatever the caller's mask is.
        let mask = sys::umask(0);
        let done = self.do_it(room);
        sys::umask(mask);
        done
    }

    /// Whether it may make files or directories.
    const fn makes(&self) -> bool {
        match *self {
            Step::Mount { make, .. } => make,
            Step::Bind { flags, .. } => flags.make,
            Step::Dev { .. } | Step::Mask { .. } => true,
            Step::ReceiveOnly | Step::Root { .. } | Step::ReadOnly { .. } | Step::ReadOnlyRoot | Step::Pivot => false,
        }
    }

    fn do_it(&self, room: &mut Room) -> Result<(), Failure> {
        match *self {
            Step::ReceiveOnly => mount::receive_only().map_err(|errno| Part::Whole.failed(errno)),
            Step::Root { path } => pivot::take(room, path),
            Step::Mount { kind, target, options, attributes, make } => {
                let place = directory(room, target, make)?;
                attach::file_system(room, kind.name(), options, attributes, &place).map(drop)
            }
            Step::Bind { source, target, attributes, flags } => bind(room, source, target, attributes, flags),
            Step::Dev { target, options, attributes, make, bind } => {
                let place = directory(room, target, make)?;
                let below = sys::fstat(place.fd.number()).map_err(|errno| Part::Target.failed(errno))?;
                let top = match attach::file_system(room, c"tmpfs", options, attributes, &place)? {
                    Some(top) => top,
                    None => attach::again(room, &place, |found| found.device != below.device)?,
                };
                dev::fill(room, &top, bind)
            }
            Step::Mask { target } => match existing(room, target)? {
                Some(place) => mask::mask(room, &place),
                None => Ok(()),
            },
            Step::ReadOnly { target } => match existing(room, target)? {
                Some(place) => read_only(room, &place),
                None => Ok(()),
            },
            Step::ReadOnlyRoot => read_only_root(room),
            Step::Pivot => pivot::pivot(room),
        }
    }
}

/// The directory at `target` in the root.
fn directory<'a>(room: &mut Room, target: &'a CStr, make: bool) -> Result<Place<'a>, Failure> {
    let fd = find(room, target, make.then_some(Make::Directory))?;
    let fd = resolve::directory(fd).map_err(|errno| Part::Target.failed(errno))?;
    Ok(Place { fd, path: target })
}

/// What is at `target` in the root, if something is.
fn existing<'a>(room: &mut Room, target: &'a CStr) -> Result<Option<Place<'a>>, Failure> {
    match find(room, target, None) {
        Ok(fd) => Ok(Some(Place { fd, path: target })),
        Err(Failure { errno: Errno::NOENT | Errno::NOTDIR, .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn find(room: &mut Room, target: &CStr, make: Option<Make>) -> Result<Fd, Failure> {
    let root = room.root().map_err(|errno| Part::Target.failed(errno))?;
    let links = Links::for_target(target);
    match make {
        None => resolve::place(root, target, links).map_err(|errno| Part::Target.failed(errno)),
        Some(make) => resolve::place_or_make(root, target, links, make).map_err(|errno| Part::Create.failed(errno)),
    }
}

fn bind(room: &mut Room, source: &CStr, target: &CStr, attributes: u32, flags: BindFlags) -> Result<(), Failure> {
    let source = match sys::openat(sys::CWD, source, open::PATH, 0) {
        Err(Errno::NOENT) if flags.optional => return Ok(()),
        opened => opened.map_err(|errno| Part::Source.failed(errno))?,
    };
    let stat = sys::fstat(source.number()).map_err(|errno| Part::Source.failed(errno))?;
    let make = if stat.is_directory() { Make::Directory } else { Make::File };
    let fd = find(room, target, flags.make.then_some(make))?;
    let below = sys::fstat(fd.number()).map_err(|errno| Part::Target.failed(errno))?;
    if stat.is_directory() != below.is_directory() {
        // What mount(2) says; the newer calls say EINVAL, as to much else.
        return Err(Part::Attach.failed(Errno::NOTDIR));
    }
    // Below a file there is nothing: its own mount is all.
    let manner = Manner { attributes, recursive: flags.recursive, deep: flags.deep && stat.is_directory() };
    attach::bind(room, &source, &Place { fd, path: target }, manner)
}

/// Binds a place over itself, read-only with all below it.
fn read_only(room: &mut Room, place: &Place<'_>) -> Result<(), Failure> {
    let manner = Manner { attributes: attribute::READ_ONLY, recursive: true, deep: true };
    attach::bind(room, &place.fd, place, manner)
}

fn read_only_root(room: &mut Room) -> Result<(), Failure> {
    match (room.is_new, room.root.take()) {
        (true, Some(root)) => {
            let done = attach::set_one(room, &root, attribute::READ_ONLY);
            room.root = Some(root);
            done
        }
        (_, root) => {
            room.root = root;
            Err(Part::Whole.failed(Errno::PROTO))
        }
    }
}

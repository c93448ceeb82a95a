// SPDX-License-Identifier: MIT OR Apache-2.0
//! A step: one thing that a thread does to its mounts. The words in which it travels are in `code.rs`.

use core::ffi::CStr;

use super::attach::{self, Manner, New, Place, attribute};
use super::fd::Fd;
use super::overlay::{self, Layers};
use super::pivot::{self, Base};
use super::resolve::{self, Links, Make};
use super::room::{Failure, Part, Room};
use super::sys::{self, Errno, open};
use super::text::{Text, split};
use super::{dev, mask, mount};

/// One thing that is done to become what is described. Targets are paths in the root, sources of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Cut propagation of mounts to the outside.
    ReceiveOnly,
    /// Refuse to go on where something is mounted above this process's root, or on it: who leaves the root could get there.
    Top,
    /// Have what is made from now on belong to a user and group of the user namespace, who need not be those of this thread.
    Owner {
        /// The user, inside.
        uid: u32,
        /// The group, inside.
        gid: u32,
    },
    /// Take the directory at `path` as the root that all later targets are in; without it that is "/".
    Root {
        /// An absolute path; not a link.
        path: &'a CStr,
        /// `MOUNT_ATTR_*`, on all that is mounted below it too.
        attributes: u32,
    },
    /// Mount the memory that changes are kept in, where nobody but overlays has it; before a root is taken.
    Memory {
        /// Options of the tmpfs.
        options: &'a CStr,
    },
    /// Take a new, empty tmpfs as the root.
    RootTmpfs {
        /// Its options.
        options: &'a CStr,
        /// `MOUNT_ATTR_*`.
        attributes: u32,
    },
    /// Take an overlay over the directory at `path` as the root.
    RootOverlay {
        /// An absolute path; not a link.
        path: &'a CStr,
        /// What it is made of.
        layers: Layers<'a>,
        /// `MOUNT_ATTR_*`.
        attributes: u32,
    },
    /// Mount an overlay.
    Overlay {
        /// Where: a directory.
        target: &'a CStr,
        /// What it is made of.
        layers: Layers<'a>,
        /// `MOUNT_ATTR_*`.
        attributes: u32,
        /// Whether the directory is made if it is absent.
        make: bool,
        /// Whether the topmost layer is bound, read-only, if the kernel will not have it as a layer.
        or_bind: bool,
    },
    /// Mount a new file system.
    Mount {
        /// Which.
        new: New<'a>,
        /// Where: a directory.
        target: &'a CStr,
        /// `MOUNT_ATTR_*`.
        attributes: u32,
        /// Whether the directory is made if it is absent.
        make: bool,
        /// Whether nothing is done where it cannot be made.
        optional: bool,
    },
    /// Attach a tree that was made before.
    Attach {
        /// The descriptor that it is open as, which stays open; -1 as long as it was not made, -2 if there is nothing.
        tree: i32,
        /// What it is, for a reader.
        what: &'a CStr,
        /// Where.
        target: &'a CStr,
        /// Whether the target is made if it is absent, of the tree's kind.
        make: bool,
    },
    /// Say where mounts go to that are made in what is mounted at a place, and where they come from.
    Propagate {
        /// Where; "/" is what this process has for it.
        target: &'a CStr,
        /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED` or `MS_UNBINDABLE`, and `MS_REC`.
        how: u32,
    },
    /// Make `source` appear at `target` too.
    Bind {
        /// What is there already.
        source: &'a CStr,
        /// Where it shall be seen.
        target: &'a CStr,
        /// What becomes of its own attributes.
        attributes: u32,
        /// What becomes of those of all that comes along, its own with them.
        below: u32,
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
    /// Make a path read-only; nothing is done where it is absent.
    ReadOnly {
        /// The file or directory.
        target: &'a CStr,
        /// Whether it is what is mounted there, without what is mounted below it; else it is all of that.
        alone: bool,
    },
    /// Make a symbolic link; one that is there and leads to the same will do.
    Symlink {
        /// Where it leads.
        to: &'a CStr,
        /// Its path.
        target: &'a CStr,
    },
    /// Make a directory, and those above it, where there is nothing.
    Directory {
        /// Its path.
        target: &'a CStr,
    },
    /// Make the root read-only: it alone, not what is mounted in it.
    ReadOnlyRoot,
    /// Make the root this process's "/", and leave nothing of the old one.
    Pivot,
    /// Make the root this process's "/" by chroot(2) alone: the old one is still there, and who has the right to change
    /// roots, or something open outside, gets back to it.
    ChrootAlone,
    /// Hide the memory that changes are kept in, where the root was not changed: from then on overlays alone have it.
    LetGo,
}

/// What belongs to a [`Step::Bind`] besides its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(clippy::struct_excessive_bools, reason = "five independent bits of one word")]
pub struct BindFlags {
    /// What is mounted below the source comes along.
    pub recursive: bool,
    /// The source is one of the root, not of this machine.
    pub inside: bool,
    /// Nothing is done if the source is absent.
    pub optional: bool,
    /// The target is made if it is absent, of the source's kind.
    pub make: bool,
    /// It stands for a file system that cannot be mounted here. Means nothing to the kernel; a reader is told.
    pub instead: bool,
}

impl Step<'_> {
    /// Does it, in the mount namespace of this thread.
    ///
    /// # Errors
    /// The kernel's number, and which half of the step it was.
    pub fn perform(&self, room: &mut Room) -> Result<(), Failure> {
        // What was refused to an earlier step, which did without.
        room.refused = None;
        if self.makes() { unmasked(|| self.do_it(room)) } else { self.do_it(room) }
    }

    /// Whether it makes files or directories, besides a target that is absent.
    const fn makes(&self) -> bool {
        matches!(self, Step::Dev { .. } | Step::Overlay { .. } | Step::RootOverlay { .. })
    }

    fn do_it(&self, room: &mut Room) -> Result<(), Failure> {
        match *self {
            Step::ReceiveOnly => mount::receive_only().map_err(|errno| Part::Whole.failed(errno)),
            Step::Owner { uid, gid } => room.own(uid, gid),
            Step::Root { path, attributes } => pivot::take(room, path, Base::Directory, attributes),
            Step::RootTmpfs { options, attributes } => pivot::take(room, c"/", Base::Tmpfs(options), attributes),
            Step::RootOverlay { path, layers, attributes } => {
                pivot::take(room, path, Base::Overlay(layers), attributes)
            }
            Step::Overlay { target, layers, attributes, make, or_bind } => {
                let place = directory(room, target, make)?;
                let done = overlay::mount(room, layers, attributes, or_bind, &place);
                on_a_directory(&place, done).map(drop)
            }
            Step::Mount { new, target, attributes, make, optional } => {
                let place = directory(room, target, make)?;
                let done = attach::file_system_alone(room, new, attributes, &place);
                match on_a_directory(&place, done) {
                    Err(Failure { part, .. }) if optional && part == Part::Make as u16 => Ok(()),
                    done => done,
                }
            }
            Step::Attach { tree: -2, .. } => Ok(()),
            Step::Attach { tree, target, make, .. } => attach_tree(room, tree, target, make),
            Step::Propagate { target, how } if pivot::is_top(target) => {
                mount::propagate(how as usize).map_err(|errno| Part::Whole.failed(errno))
            }
            Step::Propagate { target, how } => {
                let top = find(room, target, None)?;
                attach::propagate(room, &top, how)
            }
            Step::Bind { source, target, attributes, below, flags } => {
                bind(room, source, target, (attributes, below), flags)
            }
            Step::Dev { target, options, attributes, make, bind } => {
                let place = directory(room, target, make)?;
                let done = attach::file_system(room, New::of(c"tmpfs", options), attributes, &place);
                let top = match on_a_directory(&place, done)? {
                    Some(top) => top,
                    None => {
                        let below = sys::fstat(place.fd.number()).map_err(|errno| Part::Target.failed(errno))?;
                        attach::again(room, &place, |found| found.device != below.device)?
                    }
                };
                room.as_owner(|room| dev::fill(room, &top, bind))
            }
            Step::Mask { target } => match existing(room, target)? {
                Some(place) => mask::mask(room, &place),
                None => Ok(()),
            },
            Step::ReadOnly { target, alone } => match existing(room, target)? {
                Some(place) if alone => attach::set_one(room, &place.fd, attribute::READ_ONLY),
                Some(place) => read_only(room, &place),
                None => Ok(()),
            },
            Step::Symlink { to, target } => symlink(room, to, target),
            // What is there is another's, and may be looked into by others than this thread.
            Step::Directory { target } => match find(room, target, None) {
                Err(Failure { errno: Errno::NOENT, .. }) => find(room, target, Some(Make::Directory)).map(drop),
                _ => Ok(()),
            },
            Step::ReadOnlyRoot => read_only_root(room),
            Step::Pivot => pivot::pivot(room, false),
            Step::ChrootAlone => pivot::pivot(room, true),
            Step::Memory { options } => room.make_scratch(options),
            Step::LetGo => room.let_go(),
            Step::Top => pivot::demand_top(room),
        }
    }
}

/// Does something that makes files: they have the modes that are written here, whatever the caller's mask is.
fn unmasked<T>(work: impl FnOnce() -> T) -> T {
    let mask = sys::umask(0);
    let done = work();
    sys::umask(mask);
    done
}

/// The place at `target` in the root, for what only a directory can have on it.
#[inline(never)]
fn directory<'a>(room: &mut Room, target: &'a CStr, make: bool) -> Result<Place<'a>, Failure> {
    let fd = find(room, target, make.then_some(Make::Directory))?;
    Ok(Place { fd, path: target })
}

/// What has come of mounting it there. The kernel mounts it on nothing but a directory; its calls say different things of
/// that, EINVAL as to much else among them, so one looks at what it was.
#[inline(never)]
fn on_a_directory<T>(place: &Place<'_>, done: Result<T, Failure>) -> Result<T, Failure> {
    match done {
        Err(_) if !sys::fstat(place.fd.number()).is_ok_and(|stat| stat.is_directory()) => {
            Err(Part::Target.failed(Errno::NOTDIR))
        }
        done => done,
    }
}

/// What is at `target` in the root, if something is.
#[inline(never)]
fn existing<'a>(room: &mut Room, target: &'a CStr) -> Result<Option<Place<'a>>, Failure> {
    match find(room, target, None) {
        Ok(fd) => Ok(Some(Place { fd, path: target })),
        Err(Failure { errno: Errno::NOENT | Errno::NOTDIR, .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn find(room: &mut Room, target: &CStr, make: Option<Make>) -> Result<Fd, Failure> {
    let root = room.root().map_err(|errno| Part::Target.failed(errno))?;
    let (links, ask) = (Links::for_target(target), room.way());
    match (ask(root, target, links), make) {
        (Err(Errno::NOENT), Some(make)) => unmasked(|| {
            room.as_owner_or_ourselves(|_| {
                resolve::missing_made(ask, root, target, links, make).map_err(|errno| Part::Create.failed(errno))
            })
        }),
        (found, None) => found.map_err(|errno| Part::Target.failed(errno)),
        (found, Some(_)) => found.map_err(|errno| Part::Create.failed(errno)),
    }
}

/// Makes a link, and the directories above it that are absent.
fn symlink(room: &mut Room, to: &CStr, target: &CStr) -> Result<(), Failure> {
    let create = |errno| Part::Create.failed(errno);
    let (above, name) = split(target.to_bytes());
    let above = Text::of(if above.is_empty() { b"/" } else { above }).map_err(create)?;
    let name = Text::of(name).map_err(create)?;
    let directory = find(room, above.as_c_str(), Some(Make::Directory))?;
    let made = room.as_owner_or_ourselves(|_| {
        sys::symlinkat(to, directory.number(), name.as_c_str()).map_err(|errno| Part::Create.failed(errno))
    });
    match made {
        Err(Failure { errno: Errno::EXIST, .. }) => {}
        answer => return answer,
    }
    let mut buffer = [0; 4096];
    let there = sys::openat(directory.number(), name.as_c_str(), open::PATH | open::NOFOLLOW, 0);
    let len = there.and_then(|there| sys::readlink(there.number(), &mut buffer)).unwrap_or_default();
    if buffer.get(..len) == Some(to.to_bytes()) { Ok(()) } else { Err(create(Errno::EXIST)) }
}

fn bind(
    room: &mut Room,
    source: &CStr,
    target: &CStr,
    attributes: (u32, u32),
    flags: BindFlags,
) -> Result<(), Failure> {
    let BindFlags { recursive, inside, optional, make, .. } = flags;
    let opened = if inside {
        room.root().and_then(|root| room.way()(root, source, Links::for_target(source)))
    } else {
        room.source(source, 0)
    };
    let source = match opened {
        Err(Errno::NOENT) if optional => return Ok(()),
        opened => opened.map_err(|errno| Part::Source.failed(errno))?,
    };
    let fd = place_for(room, source.number(), target, make)?;
    // Below a file there is nothing: its own mount is all.
    let (attributes, below) = match attributes {
        (0, 0) => (0, 0),
        attributes if is_directory(source.number()).map_err(|errno| Part::Source.failed(errno))? => attributes,
        (attributes, below) => (attributes | below, 0),
    };
    let manner = Manner { attributes, below, recursive };
    let place = Place { fd, path: target };
    let done = attach::bind(room, source.number(), &place, manner).map(drop);
    of_one_kind(source.number(), &place.fd, done)
}

/// Attaches a tree that was made before.
fn attach_tree(room: &mut Room, tree: i32, target: &CStr, make: bool) -> Result<(), Failure> {
    let place = place_for(room, tree, target, make)?;
    let done = attach::attach(tree, &place);
    of_one_kind(tree, &place, done)
}

/// The place at `target` for what `source` is open on; made, if that is asked for, as a directory or a file as that is.
#[inline(never)]
fn place_for(room: &mut Room, source: i32, target: &CStr, make: bool) -> Result<Fd, Failure> {
    if !make {
        return find(room, target, None);
    }
    let is_directory = is_directory(source).map_err(|errno| Part::Source.failed(errno))?;
    find(room, target, Some(if is_directory { Make::Directory } else { Make::File }))
}

fn is_directory(fd: i32) -> Result<bool, Errno> {
    sys::fstat(fd).map(|stat| stat.is_directory())
}

/// What has come of attaching one at the other. The kernel attaches a directory to nothing but a directory, and a file to a
/// file; else it is ENOTDIR to mount(2), and EINVAL, as much else, to the newer calls.
#[inline(never)]
fn of_one_kind(source: i32, place: &Fd, done: Result<(), Failure>) -> Result<(), Failure> {
    match done {
        Err(Failure { errno: Errno::INVAL, .. }) if is_directory(source) != is_directory(place.number()) => {
            Err(Part::Attach.failed(Errno::NOTDIR))
        }
        done => done,
    }
}

/// Binds a place over itself, read-only with all below it.
fn read_only(room: &mut Room, place: &Place<'_>) -> Result<(), Failure> {
    attach::bind(room, place.fd.number(), place, Manner::whole_with(attribute::READ_ONLY)).map(drop)
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

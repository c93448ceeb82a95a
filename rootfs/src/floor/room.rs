// SPDX-License-Identifier: MIT OR Apache-2.0
//! The room: descriptors that steps hand on to the steps after them.

use core::ffi::CStr;

use super::attach::{New, attribute};
use super::fd::Fd;
use super::overlay;
use super::owner::Owner;
use super::pivot::{self, Base};
use super::resolve::{self, Ask, Links};
use super::sys::{self, Errno, open};
use super::text::{Number, Text, split};

/// Why a step failed: the kernel's number, and which half of the step it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// The kernel's number.
    pub errno: Errno,
    /// A [`Part`] as a number.
    pub part: u16,
}

/// A half of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum Part {
    /// The step as a whole.
    Whole = 0,
    /// What is bound: absent, or not what it should be.
    Source = 1,
    /// The place in the root: absent, a link, no directory.
    Target = 2,
    /// Making what is absent of the target.
    Create = 3,
    /// Making the file system, or the copy of the source.
    Make = 4,
    /// Seeing a new proc or sysfs: a user namespace may only where it sees all of an existing one.
    Reveal = 5,
    /// Attaching the mount at its target.
    Attach = 6,
    /// Read-only, nosuid, nodev, noexec.
    Attributes = 7,
    /// `/proc/thread-self/fd`, which older calls need.
    Links = 8,
    /// Leaving the old root.
    Leave = 9,
    /// Where changes are kept: absent, somebody else's, or not to be written.
    Changes = 10,
    /// The top of the mount namespace, which this process's root must be.
    Top = 11,
    /// The first entry of a minimal /dev; the others follow, see `dev.rs`.
    Entry = 16,
    /// The first lower directory of an overlay; the others follow.
    Lower = 64,
}

impl Part {
    /// A failure of this part.
    #[must_use]
    pub const fn failed(self, errno: Errno) -> Failure {
        Failure { errno, part: self as u16 }
    }
}

/// What a thread that performs steps holds between them. Everything in it is closed when it goes, or by `Step::Pivot`.
#[derive(Debug, Default)]
pub struct Room {
    pub(super) root: Option<Fd>,
    /// Whether `root` was made by `Step::Root`, and is not this thread's own "/".
    pub(super) is_new: bool,
    /// A read-only empty tmpfs that is mounted over a masked directory: others are copies of it.
    pub(super) empty: Option<Fd>,
    /// This machine's null device, read-only, as it is mounted over a masked file.
    pub(super) null: Option<Fd>,
    links: Option<Fd>,
    /// The file system in the making that the kernel refused last: it has noted why, for who reads it.
    pub refused: Option<Fd>,
    /// This thread's own "/", if something lies over it by now.
    below: Option<Fd>,
    /// The memory that changes are kept in, which lies over "/".
    scratch: Option<Fd>,
    /// How many overlays have their changes in it.
    overlays: i32,
    /// How many mounts lie over "/".
    covers: u32,
    /// Whose is what is made, if not whose this thread is.
    pub(super) owner: Option<Owner>,
}

/// What [`Room::mount`] mounts.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'a> {
    /// What a descriptor is open on, bound.
    Open(i32),
    /// A new file system.
    New(New<'a>),
    /// What is there, with other flags.
    Same,
}

const PROC_SUPER_MAGIC: u64 = 0x9fa0;
/// `MNT_DETACH`.
const DETACH: usize = 2;

impl Room {
    /// An empty room.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            root: None,
            is_new: false,
            empty: None,
            null: None,
            links: None,
            refused: None,
            below: None,
            scratch: None,
            overlays: 0,
            covers: 0,
            owner: None,
        }
    }

    /// The root that targets are beneath: that of `Step::Root`, else this thread's own.
    pub(super) fn root(&mut self) -> Result<i32, Errno> {
        if let Some(root) = &self.root {
            return Ok(root.number());
        }
        let root = sys::openat(sys::CWD, c"/", open::PATH | open::DIRECTORY, 0)?;
        Ok(self.root.insert(root).number())
    }

    /// mount(2) at what `target` is open on; a failure is one of `part`.
    ///
    /// That call knows nothing but paths: they are the numbers of descriptors, which lead to what is open whatever happens
    /// to names.
    pub(super) fn mount(&mut self, what: What<'_>, target: &Fd, flags: usize, part: Part) -> Result<(), Failure> {
        let number;
        let (source, kind, options) = match what {
            What::Open(fd) => {
                number = Number::of(fd);
                (Some(number.as_c_str()), None, None)
            }
            What::New(New { kind, source, options }) => {
                (Some(source), Some(kind), Some(options).filter(|text| !text.is_empty()))
            }
            What::Same => (None, None, None),
        };
        let target = Number::of(target.number());
        let here = self.enter_links()?;
        let answer = sys::mount(source, target.as_c_str(), kind, flags, options);
        Self::leave_links(here);
        answer.map_err(|errno| part.failed(errno))
    }

    /// Has this thread be in `/proc/thread-self/fd`, where the number of a descriptor is a path; answers where it was.
    #[inline(never)]
    pub(super) fn enter_links(&mut self) -> Result<Option<Fd>, Failure> {
        let failed = |errno| Part::Links.failed(errno);
        let links = self.links().map_err(failed)?;
        let here = sys::openat(sys::CWD, c".", open::PATH | open::DIRECTORY, 0).ok();
        sys::fchdir(links).map_err(failed).map(|()| here)
    }

    /// Has it be again where it was.
    #[inline(never)]
    pub(super) fn leave_links(here: Option<Fd>) {
        // A directory that we may not enter, or that was removed: there is no way back to it, but to the root.
        if here.is_none_or(|here| sys::fchdir(here.number()).is_err()) {
            let _ = sys::chdir(c"/");
        }
    }

    /// How places in the root are found. In this thread's own "/" with something over it, ".." must not be the kernel's.
    pub(super) fn way(&self) -> Ask {
        if self.below.is_some() && !self.is_new { resolve::walk } else { resolve::place }
    }

    /// What is at `path` of this machine, open as a place with these flags more.
    ///
    /// Where something lies over "/", a ".." that leads up to it, as in many a link, would lead the kernel onto that. So the
    /// path is walked then, which never asks for "..". A link of a proc, which a walk does not follow, leads to what is open,
    /// and the kernel takes it.
    #[inline(never)]
    pub(super) fn source(&self, path: &CStr, flags: usize) -> Result<Fd, Errno> {
        let Some(below) = &self.below else { return sys::openat(sys::CWD, path, open::PATH | flags, 0) };
        if flags & open::NOFOLLOW != 0 {
            let (above, name) = split(path.to_bytes());
            if name.is_empty() {
                return sys::openat(below.number(), c".", open::PATH | flags, 0);
            }
            let above = resolve::walk(below.number(), Text::of(above)?.as_c_str(), Links::Follow)?;
            return sys::openat(above.number(), Text::of(name)?.as_c_str(), open::PATH | flags, 0);
        }
        match resolve::walk(below.number(), path, Links::Follow) {
            Err(Errno::LOOP) => sys::openat(sys::CWD, path, open::PATH | flags, 0),
            Ok(fd) if flags & open::DIRECTORY != 0 => resolve::directory(fd),
            answer => answer,
        }
    }

    /// Notes that something lies over "/" now, which was open as `below`.
    pub(super) fn is_covered(&mut self, below: Fd) {
        self.below.get_or_insert(below);
        self.covers = self.covers.saturating_add(1);
    }

    /// Takes away from a copy of this machine's whole "/" at `place` what lies over "/", and was copied too.
    #[inline(never)]
    pub(super) fn uncover(&mut self, source: i32, place: &Fd) -> Result<(), Failure> {
        let attach = |errno| Part::Attach.failed(errno);
        let Some(below) = &self.below else { return Ok(()) };
        let top = sys::fstat(below.number()).map_err(attach)?;
        let source = sys::fstat(source).map_err(attach)?;
        if (top.device, top.inode) != (source.device, source.inode) {
            return Ok(());
        }
        let place = Number::of(place.number());
        let covers = self.covers;
        let here = self.enter_links()?;
        let done = (0..covers).try_for_each(|_| sys::umount2(place.as_c_str(), DETACH));
        Self::leave_links(here);
        done.map_err(attach)
    }

    /// Mounts the memory that changes are kept in.
    pub(super) fn make_scratch(&mut self, options: &CStr) -> Result<(), Failure> {
        if self.is_new || self.scratch.is_some() {
            return Err(Part::Whole.failed(Errno::PROTO));
        }
        self.scratch = Some(pivot::lay(self, c"/", Base::Tmpfs(options), attribute::NOSUID | attribute::NODEV)?);
        Ok(())
    }

    /// A new directory in it, for one overlay.
    pub(super) fn scratch(&mut self) -> Result<Fd, Errno> {
        let scratch = self.scratch.as_ref().ok_or(Errno::PROTO)?;
        let name = Number::of(self.overlays);
        self.overlays = self.overlays.saturating_add(1);
        overlay::directory(scratch, name.as_c_str(), 0o700).map(|(fd, _)| fd)
    }

    /// Unmounts it: overlays have hold of it, and nobody else needs it.
    pub(super) fn let_go(&mut self) -> Result<(), Failure> {
        let failed = |errno| Part::Whole.failed(errno);
        let scratch = self.scratch.take().ok_or(failed(Errno::PROTO))?;
        let top = sys::openat(sys::CWD, c"/..", open::PATH | open::DIRECTORY, 0).map_err(failed)?;
        if sys::fstat(top.number()).map_err(failed)?.device != sys::fstat(scratch.number()).map_err(failed)?.device {
            return Err(failed(Errno::STALE));
        }
        self.below = None;
        self.covers = 0;
        sys::umount2(c"/..", DETACH).map_err(failed)
    }

    /// How many mounts an old root that was exchanged consists of: itself, and what lies over it.
    pub(super) const fn old_layers(&self) -> u32 {
        if self.scratch.is_some() { 2 } else { 1 }
    }

    /// Enters this thread's own mount namespace, by its link in /proc.
    pub(super) fn enter_own_mounts(&mut self) -> Result<(), Errno> {
        let link = sys::openat(self.links()?, c"../ns/mnt", 0, 0)?;
        sys::enter_mounts(&link)
    }

    /// This thread's list of mounts, in the same proc.
    pub(super) fn mountinfo(&mut self) -> Result<Fd, Errno> {
        sys::openat(self.links()?, c"../mountinfo", open::NOFOLLOW, 0)
    }

    /// `/proc/thread-self/fd`, held open: a later step may mount over /proc.
    fn links(&mut self) -> Result<i32, Errno> {
        if let Some(links) = &self.links {
            return Ok(links.number());
        }
        let links = sys::openat(sys::CWD, c"/proc/thread-self/fd", open::PATH | open::DIRECTORY, 0)?;
        if sys::fstatfs(links.number())?.0 != PROC_SUPER_MAGIC {
            return Err(Errno::NODEV);
        }
        Ok(self.links.insert(links).number())
    }
}

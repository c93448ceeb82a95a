// SPDX-License-Identifier: MIT OR Apache-2.0
//! The room: descriptors that steps hand on to the steps after them.

use core::ffi::CStr;

use super::fd::Fd;
use super::sys::{self, Errno, open};
use super::text::Number;

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
    /// The first entry of a minimal /dev; the others follow, see `dev.rs`.
    Entry = 16,
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
    links: Option<Fd>,
}

/// What [`Room::mount`] mounts.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'a> {
    /// What a descriptor is open on, bound.
    Open(&'a Fd),
    /// A new file system of this kind, with these options.
    New(&'a CStr, &'a CStr),
    /// What is there, with other flags.
    Same,
}

const PROC_SUPER_MAGIC: u64 = 0x9fa0;

impl Room {
    /// An empty room.
    #[must_use]
    pub const fn new() -> Self {
        Self { root: None, is_new: false, empty: None, links: None }
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
                number = Number::of(fd.number());
                (Some(number.as_c_str()), None, None)
            }
            What::New(kind, options) => (Some(kind), Some(kind), Some(options).filter(|text| !text.is_empty())),
            What::Same => (None, None, None),
        };
        let links = self.links().map_err(|errno| Part::Links.failed(errno))?;
        let here = sys::openat(sys::CWD, c".", open::PATH | open::DIRECTORY, 0);
        sys::fchdir(links).map_err(|errno| Part::Links.failed(errno))?;
        let answer = sys::mount(source, Number::of(target.number()).as_c_str(), kind, flags, options);
        // A directory that we may not enter, or that was removed: there is no way back to it, but to the root.
        if here.and_then(|here| sys::fchdir(here.number())).is_err() {
            let _ = sys::chdir(c"/");
        }
        answer.map_err(|errno| part.failed(errno))
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

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done in the other mount namespace: by a thread that is let die, or by a copy of this process.
//!
//! The copy is one of a threaded program: nothing here allocates or takes a lock.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use rustix::fs::Mode;

use crate::floor::resolve::{self, Links, Make};
use crate::floor::sys::{self, CWD, Stat, open, openat};
use crate::floor::text::Text;
use crate::floor::{Errno, Fd};
use crate::sys::copy::{self, Words};
use crate::sys::{mounted, threads};

/// Which half of the work failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Part {
    /// A thread, or a copy of this process.
    Start = 1,
    /// Joining the user namespace that owns the mount namespace.
    User,
    /// Joining the mount namespace.
    Join,
    /// `/proc/thread-self/fd`.
    Links,
    /// The root.
    Root,
    /// The target.
    Target,
    /// Making the target.
    Create,
    /// A file where a directory is needed, or the other way round.
    Kind,
    /// The attaching.
    Attach,
    /// What is mounted at the target is another.
    Other,
    /// The unmounting.
    Unmount,
    /// The copy of what is mounted.
    Copy,
}

impl Part {
    const ALL: [Self; 12] = [
        Self::Start,
        Self::User,
        Self::Join,
        Self::Links,
        Self::Root,
        Self::Target,
        Self::Create,
        Self::Kind,
        Self::Attach,
        Self::Other,
        Self::Unmount,
        Self::Copy,
    ];
}

/// Why it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) part: Part,
    pub(super) errno: Errno,
}

/// What was done: the mount's number, the one that is never used again, and a descriptor that stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Done {
    pub(super) id: u64,
    pub(super) unique: Option<u64>,
    pub(super) fd: Option<i32>,
}

/// What shall be done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task {
    /// Attach a mount that is attached nowhere.
    Attach { tree: i32, make: bool },
    /// Unmount exactly this one; keep a copy of it if so.
    Remove { id: u64, unique: Option<u64>, keep: bool },
}

/// A task and where it is done.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) namespace: BorrowedFd<'a>,
    /// The user namespace to be joined before, if so: by the only thread of a process.
    pub(super) user: Option<BorrowedFd<'a>>,
    /// Without it, the top of the mount namespace.
    pub(super) root: Option<i32>,
    pub(super) target: &'a CStr,
    pub(super) task: Task,
}

impl Part {
    fn failed(self, errno: Errno) -> Failure {
        Failure { part: self, errno }
    }
}

impl Work<'_> {
    /// Does it, on this thread, which is good for nothing else from then on.
    pub(super) fn perform(&self) -> Result<Done, Failure> {
        let links = openat(CWD, c"/proc/thread-self/fd", open::PATH | open::DIRECTORY, 0);
        let links = links.map_err(|errno| Part::Links.failed(errno))?;
        if let Some(user) = self.user {
            copy::hide().map_err(|errno| Part::Start.failed(errno))?;
            threads::enter_user_of(user).map_err(|errno| Part::User.failed(errno))?;
        }
        threads::enter_mounts_of(self.namespace).map_err(|errno| Part::Join.failed(errno))?;
        // What is made has the modes that are written here; the mask is this thread's own since it has left.
        rustix::process::umask(Mode::empty());
        let top;
        let root = match self.root {
            Some(root) => root,
            None => {
                top = openat(CWD, c"/", open::PATH | open::DIRECTORY, 0).map_err(|errno| Part::Root.failed(errno))?;
                top.number()
            }
        };
        match self.task {
            Task::Attach { tree, make } => self.attach(root, tree, make),
            Task::Remove { id, unique, keep } => self.remove(root, &links, (id, unique), keep),
        }
    }

    /// The same as numbers, for a copy of this process.
    pub(super) fn perform_in_words(&self) -> Words {
        match self.perform() {
            Ok(Done { id, unique, fd }) => {
                let fd = fd.and_then(|fd| u64::try_from(fd).ok()).map_or(0, |fd| fd.saturating_add(1));
                [0, id, unique.unwrap_or_default(), fd]
            }
            Err(Failure { part, errno }) => [part as u64, errno.0.into(), 0, 0],
        }
    }

    fn attach(&self, root: i32, tree: i32, make: bool) -> Result<Done, Failure> {
        let links = Links::for_target(self.target);
        let attach = |errno| Part::Attach.failed(errno);
        let is_directory = sys::fstat(tree).map_err(attach)?.is_directory();
        let (place, absent) = match resolve::place(root, self.target, links) {
            Err(Errno::NOENT) if make => {
                let kind = if is_directory { Make::Directory } else { Make::File };
                let absent = first_absent(root, self.target, links).map_err(|errno| Part::Create.failed(errno))?;
                // Somebody else may have made it meanwhile: then it is theirs, and stays.
                match resolve::place_or_made(resolve::place, root, self.target, links, kind) {
                    Ok((place, is_made)) => (Ok(place), is_made.then_some(absent)),
                    Err(errno) => (Err(Part::Create.failed(errno)), Some(absent)),
                }
            }
            found => (found.map_err(|errno| Part::Target.failed(errno)), None),
        };
        let mut below = None;
        let done = place.and_then(|place| {
            let found = sys::fstat(place.number()).map_err(|errno| Part::Target.failed(errno))?;
            below = Some(found);
            if found.is_directory() != is_directory {
                let errno = if is_directory { Errno::NOTDIR } else { Errno(21) };
                return Err(Part::Kind.failed(errno));
            }
            sys::move_mount(tree, place.number()).map_err(attach)?;
            Ok(Done { id: sys::mount_id(tree).map_err(attach)?, unique: mounted::unique_id(tree), fd: None })
        });
        if let (Err(_), Some(absent)) = (&done, absent) {
            unmake(root, self.target, absent, below);
        }
        done
    }

    fn remove(&self, root: i32, links: &Fd, ours: (u64, Option<u64>), keep: bool) -> Result<Done, Failure> {
        let find = || -> Result<(Fd, bool), Failure> {
            let place = resolve::place(root, self.target, Links::for_target(self.target));
            let place = place.map_err(|errno| Part::Target.failed(errno))?;
            let id = sys::mount_id(place.number()).map_err(|errno| Part::Target.failed(errno))?;
            let unique = mounted::unique_id(place.number());
            // A number is used again; the other, where the kernel has it, is not.
            let is_it = id == ours.0 && ours.1.zip(unique).is_none_or(|(ours, found)| ours == found);
            Ok((place, is_it))
        };
        let other = Part::Other.failed(Errno::STALE);
        let (place, is_it) = find()?;
        if !is_it {
            return Err(other);
        }
        // Below a file there is nothing to take along.
        let kept = match keep {
            true => Some(sys::open_tree(place.number(), true).map_err(|errno| Part::Copy.failed(errno))?),
            false => None,
        };
        mounted::unmount(links, &place).map_err(|errno| Part::Unmount.failed(errno))?;
        // Somebody may have mounted over it in between: then that one went.
        match find() {
            Ok((_, true)) => Err(other),
            _ => Ok(Done { id: ours.0, unique: ours.1, fd: kept.map(Fd::into_number) }),
        }
    }
}

/// What a copy has answered.
pub(super) fn of_words(words: Words) -> Result<Done, Failure> {
    let [part, first, second, fd] = words;
    if part == 0 {
        let fd = fd.checked_sub(1).and_then(|fd| i32::try_from(fd).ok());
        return Ok(Done { id: first, unique: (second != 0).then_some(second), fd });
    }
    let part = Part::ALL.into_iter().find(|known| *known as u64 == part).unwrap_or(Part::Start);
    Err(part.failed(Errno(u16::try_from(first).unwrap_or_default())))
}

/// Where in a path the first name begins that is absent.
fn first_absent(root: i32, path: &CStr, links: Links) -> Result<usize, Errno> {
    let bytes = path.to_bytes();
    let mut from = 0_usize;
    loop {
        let rest = bytes.get(from..).unwrap_or_default();
        let slashes = rest.iter().take_while(|byte| **byte == b'/').count();
        let start = from.saturating_add(slashes);
        let name = bytes.get(start..).unwrap_or_default().iter().take_while(|byte| **byte != b'/').count();
        if name == 0 {
            return Ok(bytes.len());
        }
        let end = start.saturating_add(name);
        let prefix = Text::of(bytes.get(..end).unwrap_or_default())?;
        match resolve::place(root, prefix.as_c_str(), links) {
            Ok(_) => from = end,
            Err(Errno::NOENT) => return Ok(start),
            Err(errno) => return Err(errno),
        }
    }
}

/// Removes what was made of a path, from its end: what is empty, in the directories that the names lead to. A file only if
/// it is `made`, the one that was made: somebody may have exchanged the names above it.
fn unmake(root: i32, path: &CStr, absent: usize, made: Option<Stat>) {
    let mut bytes = path.to_bytes();
    let mut last = made.filter(|made| !made.is_directory());
    while bytes.len() > absent {
        bytes = trimmed(bytes);
        let name = bytes.iter().rev().take_while(|byte| **byte != b'/').count();
        let (above, name) = bytes.split_at_checked(bytes.len().saturating_sub(name)).unwrap_or_default();
        if name.is_empty() || above.len() < absent {
            return;
        }
        if name == b"." {
            bytes = above;
            continue;
        }
        let text = Text::of(if above.is_empty() { b"/" } else { above });
        let (Ok(text), Ok(name)) = (text, Text::of(name)) else { return };
        let directory = resolve::place(root, text.as_c_str(), Links::Follow);
        let removed = directory.and_then(|directory| match last.take() {
            None => mounted::unlink(&directory, name.as_c_str(), true),
            Some(made) => {
                let found = openat(directory.number(), name.as_c_str(), open::PATH | open::NOFOLLOW, 0)?;
                if sys::fstat(found.number())? != made {
                    return Err(Errno::STALE);
                }
                mounted::unlink(&directory, name.as_c_str(), false)
            }
        });
        // Where the last could not be made, what is above it was.
        if !matches!(removed, Ok(()) | Err(Errno::NOENT)) {
            return;
        }
        bytes = above;
    }
}

/// Without the slashes at the end.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let slashes = bytes.iter().rev().take_while(|byte| **byte == b'/').count();
    bytes.get(..bytes.len().saturating_sub(slashes)).unwrap_or_default()
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting: until no process is left in a group.
//!
//! Version 2 tells by `cgroup.events`, which poll(2) watches. Version 1 tells nothing: there the end of one of the listed
//! processes is waited for, by its pidfd, and the list read again.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::members::Members;
use super::{Cgroup, Directory};
use crate::error::{Error, ErrorKind, Object};
use crate::file;
use crate::layout::Version;

const OP: &str = "wait for the end of";

/// Between two looks where nothing tells us when to look.
pub(super) const PAUSE: Duration = Duration::from_millis(1);

impl Cgroup {
    /// Waits until no process is left in the group and below it, at most for `deadline`.
    ///
    /// A process that has ended does not count, waited for or not.
    ///
    /// # Errors
    /// `TimedOut`, naming who is left. What the kernel has against reading the files.
    /// # Kernel
    /// Version 2 tells of the moment; under version 1 processes are watched one after the other.
    #[doc(alias = "populated")]
    pub fn wait_empty(&self, deadline: Duration) -> Result<(), Error> {
        let end = Instant::now().checked_add(deadline);
        for directory in &self.directories {
            let left = directory.wait_empty(end)?;
            if !left.is_empty() {
                let object = Object::Group(directory.path().to_owned());
                return Err(Error::because(OP, object, ErrorKind::TimedOut, format!("it still has {}", left.said())));
            }
        }
        Ok(())
    }
}

impl Directory {
    /// Waits until the group is empty; the answer is who is left then.
    pub(super) fn wait_empty(&self, end: Option<Instant>) -> Result<Members, Error> {
        match self.version() {
            Version::V2 => self.wait_populated(end),
            Version::V1 => self.wait_members(end),
        }
    }

    fn wait_populated(&self, end: Option<Instant>) -> Result<Members, Error> {
        match self.wait_events("populated 0", end)? {
            Seen::Yes | Seen::Gone => Ok(Members::default()),
            Seen::No => {
                let mut left = self.members()?;
                // Whoever it is, we could not see it.
                left.strangers |= left.pids.is_empty();
                Ok(left)
            }
        }
    }

    /// Waits until `cgroup.events` of version 2 has a line.
    pub(super) fn wait_events(&self, wanted: &str, end: Option<Instant>) -> Result<Seen, Error> {
        const FILE: &str = "cgroup.events";
        loop {
            // Opened before it is read: a change after the reading wakes the poll.
            let file = match file::open(self.fd(), FILE) {
                Ok(file) => file,
                Err(Errno::NOENT | Errno::NODEV) if self.is_gone() => return Ok(Seen::Gone),
                Err(errno) => return Err(self.read_error(FILE, errno)),
            };
            match file::read_all(file.as_fd()) {
                Ok(text) if text.lines().any(|line| line == wanted) => return Ok(Seen::Yes),
                Ok(_) => {}
                Err(Errno::NODEV) => return Ok(Seen::Gone),
                Err(errno) => return Err(self.read_error(FILE, errno)),
            }
            if !wait_for(file.as_fd(), PollFlags::PRI, end).map_err(|errno| self.read_error(FILE, errno))? {
                return Ok(Seen::No);
            }
        }
    }

    fn wait_members(&self, end: Option<Instant>) -> Result<Members, Error> {
        loop {
            let left = self.members()?;
            if left.is_empty() || end.is_some_and(|end| Instant::now() >= end) {
                return Ok(left);
            }
            if let Some(held) = left.pids.first().and_then(|pid| hold(*pid)) {
                // It leaves the list a moment before, or after. An error here is one look more.
                let _ended = wait_for(held.as_fd(), PollFlags::IN, end);
            }
            thread::sleep(PAUSE);
        }
    }
}

/// What a wait has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// It is so.
    Yes,
    /// It was not by the end of the time.
    No,
    /// The group was removed.
    Gone,
}

fn hold(pid: u32) -> Option<OwnedFd> {
    pidfd_open(Pid::from_raw(i32::try_from(pid).ok()?)?, PidfdFlags::empty()).ok()
}

/// Waits for one of `flags`; false at the end of the time.
pub(super) fn wait_for(fd: BorrowedFd<'_>, flags: PollFlags, end: Option<Instant>) -> Result<bool, Errno> {
    let mut fds = [PollFd::from_borrowed_fd(fd, flags)];
    retry_on_intr(|| {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        poll(&mut fds, left.as_ref()).map(|ready| ready > 0)
    })
}

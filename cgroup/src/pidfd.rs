// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pidfds: the number of the process that one holds, for those who take numbers alone.
//!
//! If the process has ended *and* was waited for after its number was looked up, the number may be another's: who has used it
//! looks whether the process is still there.
//!
//! Man: `pidfd_open(2)`.

use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::retry_on_intr;

use crate::error::{Error, ErrorKind, Object};

/// The number that the process has here.
pub(crate) fn number(op: &'static str, pidfd: BorrowedFd<'_>) -> Result<u32, Error> {
    let object = || Object::Descriptor(pidfd.as_raw_fd());
    // The numbers in /proc are those of the pid namespace that it was mounted for.
    if std::fs::read_link("/proc/self").ok() != Some(std::process::id().to_string().into()) {
        let why = "/proc is not that of this pid namespace: the process' number cannot be looked up";
        return Err(Error::explained(op, object(), ErrorKind::WrongState, 0, why));
    }
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))
        .map_err(|error| Error::os(op, object(), error.raw_os_error().unwrap_or_default()))?;
    let number = text.lines().find_map(|line| line.strip_prefix("Pid:")).map(|number| number.trim().parse());
    match number {
        None => Err(Error::invalid(op, object(), vec!["the descriptor is not a pidfd".to_owned()])),
        Some(Ok(pid)) if pid > 0 => Ok(pid),
        // -1 if it has ended, 0 if our pid namespace has no number for it.
        Some(_) => Err(gone(op, pidfd)),
    }
}

/// Whether the process is still there; an error if not.
pub(crate) fn still_there(op: &'static str, pidfd: BorrowedFd<'_>) -> Result<(), Error> {
    let mut fds = [PollFd::from_borrowed_fd(pidfd, PollFlags::IN)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    match retry_on_intr(|| rustix::event::poll(&mut fds, Some(&at_once))) {
        Ok(0) => Ok(()),
        Ok(_) => Err(gone(op, pidfd)),
        Err(errno) => Err(Error::os(op, Object::Descriptor(pidfd.as_raw_fd()), errno.raw_os_error())),
    }
}

fn gone(op: &'static str, pidfd: BorrowedFd<'_>) -> Error {
    let why = "the process has ended, or is in a pid namespace that does not reach ours";
    Error::explained(op, Object::Descriptor(pidfd.as_raw_fd()), ErrorKind::NotFound, 0, why)
}

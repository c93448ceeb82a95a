// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stops of the program, as its init tells them to the caller.
//!
//! Man: eventfd(2), wait(2).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::error::{Error, Object};

/// What tells that the program was stopped: by Ctrl-Z in its terminal, or by whoever else sent `SIGTSTP` or `SIGSTOP`.
///
/// A shell has no other way to see it: the program is a child of the container's init. Who shows the container's terminal
/// in another one stops itself then, as any command that Ctrl-Z is typed to, and when it goes on has the program go on with
/// [`Container::signal`](crate::Container::signal), number 18 (`SIGCONT`), which the init passes to the program's whole
/// process group; number 20 (`SIGTSTP`) asks that group to stop.
///
/// It is readable, for poll(2), from a stop until it is [taken](Self::take). Whoever may trace the init could write to it:
/// what it says is worth no more than the program's own word.
#[derive(Debug)]
pub struct Stops(OwnedFd);

impl Stops {
    /// How often the program has been stopped since this was last asked. Does not wait.
    ///
    /// # Errors
    /// What the kernel answers: EINVAL if it was made of something that does not count.
    pub fn take(&self) -> Result<u64, Error> {
        // Looked at first: whoever else has it could have made it one that waits.
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        if rustix::event::poll(&mut fds, Some(&now)).is_ok_and(|ready| ready == 0) {
            return Ok(0);
        }
        let mut count = [0; 8];
        match rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut count)) {
            Ok(_) => Ok(u64::from_ne_bytes(count)),
            Err(Errno::AGAIN) => Ok(0),
            Err(errno) => Err(Error::os("count", Object::Named("the program's stops"), errno.raw_os_error())),
        }
    }
}

impl AsFd for Stops {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Stops {
    fn from(counter: OwnedFd) -> Self {
        Self(counter)
    }
}

impl From<Stops> for OwnedFd {
    fn from(stops: Stops) -> Self {
        stops.0
    }
}

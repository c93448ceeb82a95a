// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process, held by a descriptor that cannot come to mean another one.
//!
//! A [`PidFd`] needs no signal handler and no `waitpid(-1)`: it is waited for by itself, from any thread, and does not
//! disturb the other children of the program.
//!
//! Man: pidfd_open(2), pidfd_send_signal(2), waitid(2).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, WaitIdStatus};

use crate::error::{Error, ErrorKind, Object};
use crate::status::ExitStatus;
use crate::sys;

/// A held process.
///
/// Dropping it closes the descriptor and leaves the process alone.
#[derive(Debug)]
pub struct PidFd(OwnedFd);

impl PidFd {
    /// Holds the process `pid` of the caller's pid namespace.
    ///
    /// Whether it still is the process one means is for the caller to know: a number may have been given anew. Descriptors
    /// that come from a start ([`Spawn::spawn`](crate::Spawn::spawn)) have no such gap.
    ///
    /// # Errors
    /// `NotFound` if there is no such process, `Invalid` for 0 and for a thread that is not the leader of its process,
    /// `Unsupported` where a filter refuses the call.
    /// # Kernel
    /// Linux 5.3. See pidfd_open(2).
    #[doc(alias = "pidfd_open")]
    pub fn open(pid: u32) -> Result<Self, Error> {
        let object = Object::Pid(pid);
        let Some(number) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return Err(Error::invalid("open", object, vec![format!("{pid} is not the number of a process")]));
        };
        rustix::process::pidfd_open(number, PidfdFlags::empty()).map(Self).map_err(|errno| {
            let error = Error::os("open", object, errno.raw_os_error());
            match errno {
                Errno::NOSYS => {
                    error.with_hint("a seccomp profile refuses pidfd_open; starts through skep do not need it")
                }
                _ => error,
            }
        })
    }

    /// Sends `signal`, 1 to 64; 0 only asks whether one could be sent.
    ///
    /// # Errors
    /// `NotFound` if the process has ended and was reaped, `Denied` without the right, `Invalid` for a number that is not
    /// a signal.
    /// # Privileges
    /// The same user, or `CAP_KILL` over the user namespace of the process. See kill(2).
    /// # Kernel
    /// Linux 5.1. See pidfd_send_signal(2).
    #[doc(alias = "pidfd_send_signal")]
    pub fn signal(&self, signal: i32) -> Result<(), Error> {
        sys::pidfd_send_signal(self.0.as_fd(), signal, 0)
            .map_err(|errno| Error::os("signal", Object::Named("process"), i32::from(errno.0)))
    }

    /// Ends the process with `SIGKILL`. Not an error if it has ended already.
    ///
    /// # Errors
    /// `Denied` without the right, as for [`signal`](Self::signal).
    pub fn kill(&self) -> Result<(), Error> {
        match self.signal(9) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Waits until the process has ended, reaps it if it is the caller's child, and says how it ended.
    ///
    /// For a process that is not the caller's child, and where the program ignores `SIGCHLD` or reaps everything, the
    /// kernel is asked for what it keeps with the descriptor; before Linux 6.15 it keeps nothing, and the status is
    /// [`ExitStatus::UNKNOWN`].
    ///
    /// # Errors
    /// Only what the kernel has against the descriptor itself.
    /// # Kernel
    /// Linux 5.4 (`P_PIDFD`); 6.15 for the status of a process that somebody else reaped. See waitid(2).
    #[doc(alias = "waitid")]
    #[doc(alias = "PIDFD_GET_INFO")]
    pub fn wait(&self) -> Result<ExitStatus, Error> {
        if let Reaped::Status(status) = self.reap(WaitIdOptions::EXITED)? {
            return Ok(status);
        }
        // Not ours to reap. Its death, though, is for everybody to see.
        self.poll(PollFlags::IN, None)?;
        Ok(self.kept_status(REAPING_TAKES))
    }

    /// As [`wait`](Self::wait), at most for `deadline`; `None` if the process still runs then.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_for(&self, deadline: Duration) -> Result<Option<ExitStatus>, Error> {
        let begin = Instant::now();
        // Asked first: a descriptor that is no pidfd is told by it, and would be polled in vain.
        if let Reaped::Status(status) = self.reap(WaitIdOptions::EXITED | WaitIdOptions::NOHANG)? {
            return Ok(Some(status));
        }
        if !self.poll(PollFlags::IN, Some(deadline))? {
            return Ok(None);
        }
        loop {
            let left = deadline.saturating_sub(begin.elapsed());
            match self.reap(WaitIdOptions::EXITED | WaitIdOptions::NOHANG)? {
                Reaped::Status(status) => return Ok(Some(status)),
                Reaped::NotOurs => return Ok(Some(self.kept_status(REAPING_TAKES.min(left)))),
                // It has ended, but a tracer has yet to let go of it, which nothing tells of.
                Reaped::StillRuns if left.is_zero() => return Ok(None),
                Reaped::StillRuns => std::thread::sleep(left.min(Duration::from_millis(1))),
            }
        }
    }

    /// How the process ended, or `None` if it still runs. Does not wait: of a process that somebody else is just about to
    /// reap, the status is unknown at one moment and may be known at the next.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn try_wait(&self) -> Result<Option<ExitStatus>, Error> {
        self.wait_for(Duration::ZERO)
    }

    /// Whether the process has ended. Does not wait, and does not reap it: its status stays for whoever waits.
    ///
    /// # Errors
    /// Only what the kernel has against the descriptor itself.
    pub fn has_ended(&self) -> Result<bool, Error> {
        self.poll(PollFlags::IN, Some(Duration::ZERO))
    }

    fn reap(&self, options: WaitIdOptions) -> Result<Reaped, Error> {
        // __WALL: until its exec the process is a "clone child", which wait(2) leaves out by default.
        let options = options | WaitIdOptions::from_bits_retain(0x4000_0000);
        loop {
            match rustix::process::waitid(WaitId::PidFd(self.0.as_fd()), options) {
                Ok(Some(found)) => return Ok(Reaped::Status(status_of(&found))),
                Ok(None) => return Ok(Reaped::StillRuns),
                Err(Errno::CHILD) => return Ok(Reaped::NotOurs),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(wait_error(errno)),
            }
        }
    }

    /// Waits until the descriptor has one of `flags` or hangs up; false if the deadline passed first. It is readable from
    /// the process's end on, and hangs up when that was reaped.
    fn poll(&self, flags: PollFlags, deadline: Option<Duration>) -> Result<bool, Error> {
        let end = deadline.and_then(|deadline| Instant::now().checked_add(deadline));
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            let mut fds = [PollFd::new(&self.0, flags)];
            match rustix::event::poll(&mut fds, left.as_ref()) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(wait_error(errno)),
            }
        }
    }

    /// What the kernel keeps of a process that somebody else reaps. It does so from the reaping on, which follows the
    /// death after a moment, for which `patience` is had.
    fn kept_status(&self, patience: Duration) -> ExitStatus {
        let kept = || sys::pidfd_exit_code(self.0.as_fd()).map(ExitStatus::from_wait_status);
        kept()
            .or_else(|| {
                self.poll(PollFlags::empty(), Some(patience)).ok()?;
                kept()
            })
            .unwrap_or(ExitStatus::UNKNOWN)
    }
}

/// How long somebody else may take to reap a process that has ended, before its status is given up.
const REAPING_TAKES: Duration = Duration::from_millis(100);

/// What waitid answered.
enum Reaped {
    /// The process has ended so, and is reaped now.
    Status(ExitStatus),
    StillRuns,
    /// It is not a child of this process, or somebody else has reaped it.
    NotOurs,
}

fn wait_error(errno: Errno) -> Error {
    Error::os("wait for", Object::Named("process"), errno.raw_os_error())
}

fn status_of(status: &WaitIdStatus) -> ExitStatus {
    let raw = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => (code & 0xff) << 8,
        (None, Some(signal)) if status.dumped() => signal | 0x80,
        (None, Some(signal)) => signal,
        (None, None) => return ExitStatus::UNKNOWN,
    };
    ExitStatus::from_wait_status(raw)
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for PidFd {
    /// The descriptor must be a pidfd; every method answers an error otherwise.
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl From<PidFd> for OwnedFd {
    fn from(pidfd: PidFd) -> Self {
        pidfd.0
    }
}

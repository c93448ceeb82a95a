// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process, held by a descriptor that cannot come to mean another one.
//!
//! A [`PidFd`] needs no signal handler and no `waitpid(-1)`: it is waited for by itself, from any thread, and does not
//! disturb the other children of the program.
//!
//! Man: pidfd_open(2), pidfd_send_signal(2), waitid(2).

mod info;

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, WaitIdStatus};

pub use info::{ProcessIds, ProcessInfo, ProcessNumbers};

use crate::descriptor::{A_PROCESS, Held, held_process, why_not};
use crate::error::{Error, ErrorKind, Object};
use crate::status::ExitStatus;
use crate::sys;

/// A held process.
///
/// Dropping it closes the descriptor and leaves the process alone.
///
/// See pidfd_open(2).
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
                // Which of the two differs from kernel to kernel.
                Errno::INVAL | Errno::NOENT => {
                    let why = "it is a thread, and not the first of its process".to_owned();
                    Error::because("open", Object::Pid(pid), ErrorKind::Invalid, why)
                        .with_hint("PidFd::open_thread holds a thread")
                }
                Errno::NOSYS => {
                    error.with_hint("a seccomp profile refuses pidfd_open; starts through skep do not need it")
                }
                _ => error,
            }
        })
    }

    /// Holds one thread of a process, by its number in the caller's pid namespace.
    ///
    /// It becomes readable when that thread ends, [`has_ended`](Self::has_ended) with it; a thread has no exit status, and
    /// [`wait`](Self::wait) answers [`ExitStatus::UNKNOWN`].
    ///
    /// # Errors
    /// As [`open`](Self::open); `Unsupported` before Linux 6.9.
    /// # Kernel
    /// Linux 6.9. See pidfd_open(2), `PIDFD_THREAD`.
    #[doc(alias = "PIDFD_THREAD")]
    pub fn open_thread(thread: u32) -> Result<Self, Error> {
        let object = Object::Pid(thread);
        let Some(number) = i32::try_from(thread).ok().and_then(Pid::from_raw) else {
            return Err(Error::invalid("open", object, vec![format!("{thread} is not the number of a thread")]));
        };
        // O_EXCL.
        let flags = PidfdFlags::from_bits_retain(0o200);
        rustix::process::pidfd_open(number, flags).map(Self).map_err(|errno| match errno {
            Errno::INVAL => {
                let why = "descriptors of threads are there from Linux 6.9 on";
                Error::explained("open", object, ErrorKind::Unsupported, errno.raw_os_error(), why)
            }
            _ => Error::os("open", object, errno.raw_os_error()),
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
        sys::pidfd_send_signal(self.0.as_fd(), signal, 0).map_err(|errno| self.refused("signal", errno.0.into()))
    }

    /// Sends `signal` to more or less than the held process, whichever was opened.
    ///
    /// # Errors
    /// As [`signal`](Self::signal); `WrongState` for [`SignalScope::Group`] where the process leads no group;
    /// `Unsupported` before Linux 6.9.
    /// # Privileges
    /// As [`signal`](Self::signal); to a group it is sent to those whom the caller may signal.
    /// # Kernel
    /// Linux 6.9. See pidfd_send_signal(2).
    #[doc(alias = "PIDFD_SIGNAL_THREAD")]
    #[doc(alias = "PIDFD_SIGNAL_PROCESS_GROUP")]
    pub fn signal_scope(&self, signal: i32, scope: SignalScope) -> Result<(), Error> {
        const ESRCH: i32 = 3;
        const EINVAL: i32 = 22;
        let flags = match scope {
            SignalScope::Thread => 1,
            SignalScope::Process => 2,
            SignalScope::Group => 4,
        };
        sys::pidfd_send_signal(self.0.as_fd(), signal, flags).map_err(|errno| match i32::from(errno.0) {
            // The same call in the form of all kernels tells whether it was the signal.
            EINVAL if (0..=64).contains(&signal) && self.is_pidfd() => {
                let why = "signals of a scope are there from Linux 6.9 on";
                Error::explained("signal", Object::Named("process"), ErrorKind::Unsupported, EINVAL, why)
            }
            ESRCH if scope == SignalScope::Group && self.has_ended().is_ok_and(|ended| !ended) => {
                let why = "it leads no process group";
                Error::explained("signal the group of", Object::Named("process"), ErrorKind::WrongState, ESRCH, why)
            }
            errno => self.refused("signal", errno),
        })
    }

    /// A copy of the process' descriptor `number`: the same open file, socket or the like.
    ///
    /// # Errors
    /// `Denied` without the right; `NotFound` if the process has ended or has no such descriptor.
    /// # Privileges
    /// To trace the process: `PTRACE_MODE_ATTACH_REALCREDS`, see ptrace(2).
    /// # Kernel
    /// Linux 5.6. See pidfd_getfd(2).
    #[doc(alias = "pidfd_getfd")]
    pub fn take_fd(&self, number: i32) -> Result<OwnedFd, Error> {
        const EBADF: i32 = 9;
        const EPERM: i32 = 1;
        sys::pidfd_getfd(self.0.as_fd(), number).map_err(|errno| match i32::from(errno.0) {
            EBADF if self.is_pidfd() => {
                let why = "the process has no such descriptor";
                Error::explained("take", Object::Descriptor(number), ErrorKind::NotFound, EBADF, why)
            }
            EPERM => self.refused("take an open file from", EPERM).with_hint(
                "it takes the right to trace the process: the same account, and what kernel.yama.ptrace_scope allows",
            ),
            errno => self.refused("take an open file from", errno),
        })
    }

    /// Whether the descriptor is what it should be: one that came by [`From`] may be anything.
    fn is_pidfd(&self) -> bool {
        held_process(self.0.as_fd()).is_ok_and(|held| held != Held::NoProcess)
    }

    /// Refuses what is no process, by a signal that is none: no right or life of the process is needed.
    pub(crate) fn demand_process(&self, op: &'static str) -> Result<(), Error> {
        const EBADF: u16 = 9;
        const EINVAL: u16 = 22;
        match sys::pidfd_send_signal(self.0.as_fd(), 0, 0) {
            Err(errno) if matches!(errno.0, EBADF | EINVAL) => Err(self.refused(op, errno.0.into())),
            _ => Ok(()),
        }
    }

    /// A refusal of the kernel, and what the descriptor is if it is no process.
    fn refused(&self, op: &'static str, errno: i32) -> Error {
        const EBADF: i32 = 9;
        const EINVAL: i32 = 22;
        const ESRCH: i32 = 3;
        const ENOTTY: i32 = 25;
        match errno {
            EBADF | EINVAL | ENOTTY if !self.is_pidfd() => {
                let why = format!("it is {}", why_not(self.0.as_fd(), A_PROCESS));
                Error::because(op, Object::Descriptor(self.0.as_raw_fd()), ErrorKind::Invalid, why)
            }
            ESRCH => Error::explained(op, Object::Named("process"), ErrorKind::NotFound, errno, "it has ended"),
            _ => Error::os(op, Object::Named("process"), errno),
        }
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

    /// Waits until the process has ended, at most for `deadline`, and reaps it if it is the caller's child; answers whether
    /// it has ended. Who asks for no status waits for nobody else to reap it, as [`wait`](Self::wait) may have to.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    /// # Kernel
    /// Linux 5.4. See waitid(2).
    pub fn wait_for_end(&self, deadline: Duration) -> Result<bool, Error> {
        Ok(!matches!(self.end_within(deadline)?, Reaped::StillRuns))
    }

    /// As [`wait`](Self::wait), at most for `deadline`; `None` if the process still runs then.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn wait_for(&self, deadline: Duration) -> Result<Option<ExitStatus>, Error> {
        let begin = Instant::now();
        Ok(match self.end_within(deadline)? {
            Reaped::Status(status) => Some(status),
            Reaped::NotOurs => Some(self.kept_status(REAPING_TAKES.min(deadline.saturating_sub(begin.elapsed())))),
            Reaped::StillRuns => None,
        })
    }

    /// What waiting for its end comes to.
    fn end_within(&self, deadline: Duration) -> Result<Reaped, Error> {
        let begin = Instant::now();
        // Asked first: a descriptor that is no pidfd is told by it, and would be polled in vain.
        if let reaped @ Reaped::Status(_) = self.reap(WaitIdOptions::EXITED | WaitIdOptions::NOHANG)? {
            return Ok(reaped);
        }
        if !self.poll(PollFlags::IN, Some(deadline))? {
            return Ok(Reaped::StillRuns);
        }
        loop {
            let left = deadline.saturating_sub(begin.elapsed());
            match self.reap(WaitIdOptions::EXITED | WaitIdOptions::NOHANG)? {
                // It has ended, but a tracer has yet to let go of it, which nothing tells of.
                Reaped::StillRuns if !left.is_zero() => std::thread::sleep(left.min(Duration::from_millis(1))),
                reaped => return Ok(reaped),
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
    /// `Invalid` for a descriptor that is no pidfd.
    pub fn has_ended(&self) -> Result<bool, Error> {
        // Of a descriptor that is none a poll would say yes.
        self.reap(WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)?;
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
                Err(errno) => return Err(self.refused("wait for", errno.raw_os_error())),
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
        // PIDFD_THREAD: what is kept of a thread is not how its process ended.
        if rustix::fs::fcntl_getfl(&self.0).is_ok_and(|flags| flags.contains(OFlags::EXCL)) {
            return ExitStatus::UNKNOWN;
        }
        let kept = || sys::pidfd_exit_code(self.0.as_fd()).map(ExitStatus::from_wait_status);
        kept()
            .or_else(|| {
                self.poll(PollFlags::empty(), Some(patience)).ok()?;
                kept()
            })
            .unwrap_or(ExitStatus::UNKNOWN)
    }
}

/// Who gets a signal that is sent by a descriptor.
///
/// See pidfd_send_signal(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignalScope {
    /// The held thread alone; of a process its first.
    #[doc(alias = "PIDFD_SIGNAL_THREAD")]
    Thread,
    /// The whole process, also by a descriptor of one thread.
    #[doc(alias = "PIDFD_SIGNAL_THREAD_GROUP")]
    Process,
    /// Every process of the process group that the held process leads.
    #[doc(alias = "PIDFD_SIGNAL_PROCESS_GROUP")]
    Group,
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

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prepared filters with a listener: for a program that is about to be started, whose parent supervises it.
//!
//! ```text
//!  child                                   parent, a thread that is not in spawn()
//!  dies with its parent
//!  its pid, the listener's number  ──────►
//!  waits                           ◄────── goes on: it can take what has that number (pidfd_getfd)
//!  loads the filter                        takes the listener
//!  waits                           ◄────── goes on: it has it
//!  closes its listener, may outlive its parent
//!  executes, asked about from here on
//! ```
//! The listener is not sent: that would take a call which the filter may ask about, and there is nobody yet to answer. For
//! the same reason the parent tries beforehand: a child under a filter that nobody answers can neither go on nor be told.
//! And as long as the child has its own listener, a call of it that is asked about waits though its parent be dead: so it
//! dies with it (`PR_SET_PDEATHSIG`) until it has closed that, if the filter lets it take this back.

use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::process;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, dup};
use rustix::net::{AddressFamily, SendFlags, Shutdown, SocketFlags, SocketType};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, Signal};

use super::Listener;
use crate::error::{Error, ErrorKind, Object};
use crate::seccomp::sys::{self, ASK_NO_MORE, SET_DEATH_SIGNAL};
use crate::seccomp::{Call, Filter, Loading, Verdict};

/// A filter with a listener, to be loaded by a child between fork and exec.
#[derive(Debug)]
pub struct Prepared {
    loading: Loading,
    filter: Filter,
    socket: OwnedFd,
    /// The parent's end, of which the child inherits a copy: as long as it has that, it does not see the parent's end.
    theirs: Arc<OwnedFd>,
    parent: u32,
    guarded: bool,
}

/// The parent's side of a [`Prepared`] filter: what gets the listener. Dropped, it lets go of a child that waits for it.
#[derive(Debug)]
pub struct Expected {
    socket: Arc<OwnedFd>,
}

/// How long is waited between two looks for the listener.
const PAUSE: Duration = Duration::from_micros(100);

impl Loading {
    /// Prepares the filter to be loaded by a child, with a listener for this process.
    ///
    /// The child calls [`Prepared::apply`]; another thread than the one that starts it calls [`Expected::listener`], and
    /// answers. [`Supervisor::start`](super::Supervisor::start) does both.
    ///
    /// # Errors
    /// `Unsupported` for a filter that is not for this machine; `Exhausted` without descriptors.
    pub fn prepare(self, filter: &Filter) -> Result<(Prepared, Expected), Error> {
        const OP: &str = "prepare";
        const OBJECT: Object = Object::Named("a seccomp filter with a listener");
        if let Some(why) = filter.foreign() {
            return Err(Error::because(OP, OBJECT, ErrorKind::Unsupported, why));
        }
        let pair = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let (socket, ours) = pair.map_err(|errno| Error::os(OP, OBJECT, errno.raw_os_error()))?;
        let (theirs, parent) = (Arc::new(ours), process::id());
        let expected = Expected { socket: Arc::clone(&theirs) };
        let guarded = can_be_guarded(filter);
        Ok((Prepared { loading: self, filter: filter.clone(), socket, theirs, parent, guarded }, expected))
    }
}

impl Prepared {
    /// Loads the filter for the calling thread, and waits until the parent has its listener. Allocates nothing: fit for
    /// `CommandExt::pre_exec`, as its last action.
    ///
    /// # Errors
    /// The kernel's; `EPIPE` if nobody expects the listener, or its process has ended. A filter that refuses read(2) cannot
    /// be loaded so. Until it executes, the child dies with the thread that has started it, unless the filter asks about
    /// prctl(2), or refuses it.
    /// # Privileges
    /// As [`enter_seccomp`](crate::enter_seccomp).
    pub fn apply(&self) -> io::Result<()> {
        if process::id() != self.parent {
            sys::put_over(self.socket.as_fd(), self.theirs.as_fd())?;
        }
        // One that has such a signal already keeps it.
        let guarded = self.guarded && sys::death_signal()? == 0;
        if guarded {
            sys::set_death_signal(sys::SIGKILL)?;
        }
        // The kernel gives the least number that is free: the one that this copy has, once it is closed.
        let copy = dup(&self.socket)?;
        let [a, b, c, d] = process::id().to_ne_bytes();
        let [e, f, g, h] = copy.as_raw_fd().to_ne_bytes();
        rustix::net::send(&self.socket, &[a, b, c, d, e, f, g, h], SendFlags::NOSIGNAL)?;
        // A parent that had ended before the signal was set is seen here.
        self.wait()?;
        drop(copy);
        let listener = OwnedFd::from(self.loading.apply_with_listener(&self.filter)?);
        if !guarded {
            // It is left open for whoever takes it; the exec closes it. A close could be refused.
            let _number = listener.into_raw_fd();
            return self.wait();
        }
        self.wait()?;
        sys::close(listener);
        sys::set_death_signal(0)
    }

    /// Waits for the parent's word.
    fn wait(&self) -> io::Result<()> {
        let mut word = [0];
        loop {
            match rustix::io::read(&self.socket, &mut word) {
                Err(Errno::INTR) => {}
                Ok(1) => return Ok(()),
                Ok(_) => return Err(Errno::PIPE.into()),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// A copy of the child's end: to let go of whoever waits at the other for a child that never came.
    pub(super) fn canceller(&self) -> io::Result<OwnedFd> {
        self.socket.try_clone()
    }
}

/// Whether the child can die with its parent until it executes: the filter lets it take that back, and close its listener.
fn can_be_guarded(filter: &Filter) -> bool {
    let decide = |call: Option<Call>| call.map_or(Verdict::KillProcess, |call| filter.decide(&call));
    let closes = decide(Call::named("close"));
    let [option, signal, mark] = [SET_DEATH_SIGNAL, 0, ASK_NO_MORE];
    let takes_back = Call::named("prctl").map(|call| call.arg(0, option).arg(1, signal).arg(2, mark));
    decide(takes_back).lets_through() && (closes.lets_through() || closes == Verdict::Notify)
}

/// Ends the waiting of [`Expected::listener`], and that of the child.
pub(super) fn cancel(socket: &OwnedFd) {
    let _ = rustix::net::shutdown(socket, Shutdown::Both);
}

impl Expected {
    /// The listener; waits until the child has loaded its filter.
    ///
    /// # Errors
    /// `NotFound` if the child ended before, or there never was one; `Denied` without the right: the child's
    /// [`apply`](Prepared::apply) fails then (`EPIPE`), before it has loaded anything.
    /// # Privileges
    /// That to trace the child (ptrace(2)): one that has changed its user, or is in a pid namespace of its own, keeps
    /// its listener; send it over a socket then.
    /// # Kernel
    /// Linux 5.6 (`pidfd_getfd`).
    #[doc(alias = "pidfd_getfd")]
    pub fn listener(self) -> Result<Listener, Error> {
        self.taken()
    }

    fn taken(&self) -> Result<Listener, Error> {
        const OBJECT: Object = Object::Named("the child's seccomp listener");
        let failed = |error: &io::Error| Error::io("take", OBJECT, error);
        let gone = || {
            let why = "the child ended before it had loaded its filter".to_owned();
            Error::because("take", OBJECT, ErrorKind::NotFound, why)
        };
        let (pid, number) = self.announced().map_err(|error| failed(&error))?.ok_or_else(gone)?;
        let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| failed(&errno.into()))?;
        let take = || rustix::process::pidfd_getfd(&pidfd, number, PidfdGetfdFlags::empty());
        let go_on =
            || rustix::net::send(&self.socket, &[1], SendFlags::NOSIGNAL).map_err(|errno| failed(&errno.into()));
        match take() {
            Ok(_copy) => go_on()?,
            Err(Errno::SRCH) => return Err(gone()),
            Err(errno) => return Err(failed(&errno.into())),
        };
        let listener = loop {
            match take() {
                Ok(fd) if is_listener(&fd) => break fd,
                // Not yet.
                Ok(_) | Err(Errno::BADF) if !ended(&pidfd) => thread::sleep(PAUSE),
                Ok(_) | Err(Errno::BADF | Errno::SRCH) => return Err(gone()),
                Err(errno) => {
                    // Under a filter that nobody answers it would be there for ever.
                    let _ended = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
                    return Err(failed(&errno.into()));
                }
            }
        };
        go_on()?;
        Ok(listener.into())
    }

    /// The child's pid, and the number that its listener is going to have.
    fn announced(&self) -> io::Result<Option<(Pid, i32)>> {
        let mut words = [0; 8];
        let count = loop {
            match rustix::io::read(&self.socket, &mut words) {
                Err(Errno::INTR) => {}
                done => break done?,
            }
        };
        let [a, b, c, d, e, f, g, h] = words;
        let pid = Pid::from_raw(i32::from_ne_bytes([a, b, c, d]));
        Ok(pid.filter(|_| count == words.len()).map(|pid| (pid, i32::from_ne_bytes([e, f, g, h]))))
    }
}

/// Whether it is a listener, and not what had the number before.
fn is_listener(fd: &OwnedFd) -> bool {
    let target = rustix::fs::readlink(format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new());
    target.is_ok_and(|target| target.as_bytes() == b"anon_inode:seccomp notify")
}

/// Whether a process is at its end.
fn ended(pidfd: &OwnedFd) -> bool {
    let mut here = [PollFd::new(pidfd, PollFlags::IN)];
    poll(&mut here, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|count| count > 0)
}

/// Closing would not do: there are copies of this end. What has been sent is received nevertheless.
impl Drop for Expected {
    fn drop(&mut self) {
        cancel(&self.socket);
    }
}

impl AsFd for Expected {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

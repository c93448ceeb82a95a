// SPDX-License-Identifier: MIT OR Apache-2.0
//! The caller's side of a start in the copying form: it drives the child, and hears why it failed.
//!
//! ```text
//! caller                         first stage                    second stage (a sibling, if needed)
//!   clone ─────────────────────────► makes a socket
//!   ◄─ Wire(socket) ───────────────── joins
//!   ◄─ Clocks ─────────────────────── has a new time namespace, if offsets are to be set
//!   writes them; a byte ────────────►
//!   ◄─ Second(pid, pidfd) ─────────── clones ─────────────────────►
//!   reaps the first                  exits
//!   writes the id map
//!   a byte ───────────────────────────────────────────────────────► calls of the table, exec
//!   ◄─ end of file: it runs; eight bytes before that: what failed
//! ```
//!
//! From the moment that the second stage is in a joined pid namespace, who is there may stop it, or end it: neither must
//! keep the caller.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendFlags, recvmsg, send};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, waitid, waitpid};

use super::call::Call;
use super::settings::Settings;
use super::table::{Failure, Table};
use crate::PidFd;
use crate::enter::{Way, refusal};
use crate::error::{Error, ErrorKind, Object};
use crate::floor::sys::Errno;
use crate::kind::NamespaceFlags;
use crate::sys::Extras;
use crate::sys::stages::{Report, Stages};

/// The two ends that a start talks over.
#[derive(Debug)]
pub(super) struct Wire {
    ours: UnixStream,
    childs: OwnedFd,
}

impl Wire {
    /// Makes both; the child's end under a number that `aside` finds to be in nobody's way.
    pub(super) fn new(aside: impl FnOnce(&OwnedFd) -> Result<OwnedFd, Error>) -> Result<Self, Error> {
        let (ours, childs) = UnixStream::pair().map_err(|error| {
            Error::os("make", Object::Named("a pair of sockets"), error.raw_os_error().unwrap_or_default())
        })?;
        Ok(Self { ours, childs: aside(&childs.into())? })
    }

    /// The number of the child's end.
    pub(super) fn number(&self) -> RawFd {
        self.childs.as_raw_fd()
    }
}

/// What the child tells next; nothing when it executes, or has ended.
///
/// A child that was killed closes its end, of which a stranger may hold a copy: it is looked at too.
fn receive(socket: &UnixStream, child: &Half) -> Result<Option<Report>, Error> {
    const EPROTO: i32 = 71;
    const EMFILE: i32 = 24;
    let failed = |errno: i32| Error::os("hear from", Object::Named("the child of a start"), errno);
    match child.hear(socket).map_err(|errno| failed(errno.raw_os_error()))? {
        Heard::Word => {}
        Heard::Ended => return Ok(None),
        Heard::Stopped => return Err(stopped()),
    }
    let mut bytes = [0; 8];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL;
    let got = loop {
        let mut parts = [io::IoSliceMut::new(&mut bytes)];
        match recvmsg(socket, &mut parts, &mut control, flags) {
            Err(rustix::io::Errno::INTR) => {}
            // It has ended without reading our byte.
            Err(rustix::io::Errno::CONNRESET) => return Ok(None),
            got => break got.map_err(|errno| failed(errno.raw_os_error()))?,
        }
    };
    let fd = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    match got.bytes {
        0 => Ok(None),
        // There was no number left for the descriptor that came.
        8 if got.flags.contains(ReturnFlags::CTRUNC) => {
            if let Some(pid) = Report::second_of(bytes) {
                end_by_number(pid);
            }
            Err(failed(EMFILE))
        }
        8 => Report::read(bytes, fd).map(Some).ok_or_else(|| failed(EPROTO)),
        _ => Err(failed(EPROTO)),
    }
}

/// Ends and reaps a child of which no descriptor could be had. It waits, and nobody else has its number until it is reaped.
fn end_by_number(pid: u32) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    // __WALL: it has not executed.
    let options = WaitOptions::from_bits_retain(0x4000_0000);
    if kill_process(pid, Signal::KILL).is_ok() {
        let _reaped = rustix::io::retry_on_intr(|| waitpid(Some(pid), options));
    }
}

/// A start in the copying form that went wrong.
#[derive(Debug)]
pub(super) enum Trouble {
    /// In a call of the table, or at the clone.
    Failure(Failure),
    /// The second clone, after a pid namespace was joined or not.
    Second(Errno, NamespaceFlags),
    /// Elsewhere, with its sentence.
    Error(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// A child that is not what it shall be yet; ended and reaped when dropped.
struct Half {
    pid: u32,
    /// Until it is handed on.
    pidfd: Option<PidFd>,
    /// How often it may still be found stopped.
    patience: Cell<u32>,
}

/// What is to be had from a child.
enum Heard {
    /// A word, or the end of the file.
    Word,
    /// It has ended without one.
    Ended,
    /// Somebody stops it whenever it goes on.
    Stopped,
}

/// How long a child may be silent before it is looked at.
const SILENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// How often a child is made to go on: one stop may be anybody's, this many are meant.
const PATIENCE: u32 = 10;

impl Half {
    fn new(pid: u32, pidfd: OwnedFd) -> Self {
        Self { pid, pidfd: Some(pidfd.into()), patience: Cell::new(PATIENCE) }
    }

    /// It is what it shall be, or ends by itself: whoever has the descriptor sees to it.
    fn done(mut self) -> Option<PidFd> {
        self.pidfd.take()
    }

    /// Waits until something is to be read from the socket, or its end.
    ///
    /// A child that is stopped is made to go on, since nobody else might; it blocks all other signals.
    fn hear(&self, socket: &UnixStream) -> Result<Heard, rustix::io::Errno> {
        let Some(pidfd) = &self.pidfd else { return Ok(Heard::Word) };
        let said = || {
            let mut said = [PollFd::new(socket, PollFlags::IN)];
            poll(&mut said, Some(&Timespec::default())).map(|ready| ready > 0)
        };
        loop {
            let mut fds = [PollFd::new(socket, PollFlags::IN), PollFd::new(pidfd, PollFlags::IN)];
            let ready = match poll(&mut fds, Some(&SILENCE)) {
                Err(rustix::io::Errno::INTR) => continue,
                ready => ready?,
            };
            if fds.iter().take(1).any(|fd| !fd.revents().is_empty()) {
                return Ok(Heard::Word);
            }
            if ready > 0 {
                // What it said before its end is there by now.
                return Ok(if said()? { Heard::Word } else { Heard::Ended });
            }
            // Looked at the socket again: a program that has begun meanwhile may be stopped as it likes.
            if is_stopped(pidfd) && !said()? {
                let Some(left) = self.patience.get().checked_sub(1) else { return Ok(Heard::Stopped) };
                self.patience.set(left);
                // Without the right it stays stopped, and patience ends.
                drop(pidfd.signal(Signal::CONT.as_raw()));
            }
        }
    }
}

/// Whether a child of ours is stopped now. It stays to be told to others.
fn is_stopped(pidfd: &PidFd) -> bool {
    // __WALL: it has not executed.
    let all = WaitIdOptions::from_bits_retain(0x4000_0000);
    let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT | all;
    waitid(WaitId::PidFd(pidfd.as_fd()), options).is_ok_and(|status| status.is_some_and(|status| status.stopped()))
}

impl Drop for Half {
    fn drop(&mut self) {
        if let Some(pidfd) = self.pidfd.take()
            && pidfd.kill().is_ok()
        {
            // Reaped, so that a failed start leaves no zombie.
            drop(pidfd.wait());
        }
    }
}

/// Makes the start. The answer comes when the program has been executed, or could not be.
pub(super) fn run(
    table: &Table<'_>,
    close: &[Call<'_>],
    settings: &Settings,
    way: &Way,
    wire: Wire,
) -> Result<(u32, OwnedFd), Trouble> {
    let map = settings.namespaces.id_map();
    let (first, then) = in_two(settings, way);
    let joined_for_children = way.joined().contains(NamespaceFlags::PID);
    let numbered = !settings.pids.is_empty() && !way.entries().is_empty();
    let second = !then.is_empty() || joined_for_children || numbered || settings.time_offsets.is_some();
    let stages = Stages {
        socket: wire.childs.as_fd(),
        callers_socket: wire.ours.as_fd(),
        close,
        joins: way.entries(),
        first: first.bits(),
        clocks: settings.time_offsets.is_some(),
        second,
        // The second one always: a program must not run of which the caller has no descriptor.
        waits: second || map.is_some(),
        calls: table.calls(),
        then: then.bits(),
        extras: Extras { cgroup: settings.cgroup.as_ref().map(AsFd::as_fd), pids: &settings.pids },
    };
    let waits = stages.waits;
    let (pid, pidfd) = stages.start().map_err(|errno| Trouble::Failure(Failure::of_clone(errno)))?;
    let mut child = Half::new(pid, pidfd);
    // Or the end of file would never come.
    let Wire { ours: first_wire, childs } = wire;
    drop(childs);
    let trouble = |report: Report| match report {
        Report::Join(at, errno) => Trouble::Error(way.explain(at, errno)),
        Report::Clone(errno) => Trouble::Second(errno, way.joined()),
        Report::Call(at, errno) => Trouble::Failure(table.failure(at, errno)),
        Report::NoWire(errno) => {
            Trouble::Error(Error::os("make", Object::Named("a pair of sockets"), i32::from(errno.0)))
        }
        Report::Clocks(Err(errno)) => {
            let object = Object::Named("a time namespace");
            Trouble::Error(refusal::of_make("make", object, NamespaceFlags::TIME, errno.0.into()))
        }
        Report::Clocks(Ok(())) | Report::Second(..) | Report::Wire(_) => Trouble::Error(unheard()),
    };
    let unexpected = |report: Option<Report>| report.map_or_else(|| Trouble::Error(unheard()), trouble);
    let ours = match receive(&first_wire, &child)? {
        Some(Report::Wire(socket)) => UnixStream::from(socket),
        other => return Err(unexpected(other)),
    };
    drop(first_wire);
    // Where nobody reads it, the child has ended meanwhile, which is found out below.
    let go_on = || {
        let _sent = send(&ours, b"x", SendFlags::NOSIGNAL);
    };
    if let Some(offsets) = settings.time_offsets {
        match receive(&ours, &child)? {
            Some(Report::Clocks(Ok(()))) => offsets.write_to(directory_of(child.pid)?)?,
            other => return Err(unexpected(other)),
        }
        go_on();
    }
    if second {
        let first = child;
        child = match receive(&ours, &first)? {
            Some(Report::Second(pid, pidfd)) => Half::new(pid, pidfd),
            other => return Err(unexpected(other)),
        };
        if let Some(pidfd) = first.done() {
            pidfd.wait()?;
        }
    }
    if let Some(map) = map {
        map.write_to(directory_of(child.pid)?, child.pid).map_err(|error| hidden(error, way))?;
    }
    if waits {
        go_on();
    }
    match receive(&ours, &child)? {
        Some(report) => Err(trouble(report)),
        None => {
            let pid = child.pid;
            child.done().map(|pidfd| (pid, pidfd.into())).ok_or_else(|| Trouble::Error(unheard()))
        }
    }
}

/// What the first clone makes, and what the second one.
fn in_two(settings: &Settings, way: &Way) -> (NamespaceFlags, NamespaceFlags) {
    let made = settings.namespaces.flags();
    match settings.time_offsets {
        // By the rights that a user namespace gives.
        Some(_) => (made & NamespaceFlags::USER, made - NamespaceFlags::USER - NamespaceFlags::TIME),
        None if way.entries().is_empty() => (made, NamespaceFlags::empty()),
        None => (NamespaceFlags::empty(), made),
    }
}

/// The child has ended, or was ended, before it could say anything.
fn unheard() -> Error {
    let why = "the child ended before it had joined its namespaces: somebody killed it".to_owned();
    Error::because("start", Object::Named("a program in other namespaces"), ErrorKind::WrongState, why)
}

/// The child was kept from going on, and has been ended.
fn stopped() -> Error {
    let why = "the child was stopped (SIGSTOP) again and again before it could execute the program".to_owned();
    Error::because("start", Object::Named("a program in other namespaces"), ErrorKind::WrongState, why).with_hint(
        "a process of the pid namespace that is joined may do so: it can keep everybody from beginning there",
    )
}

/// A child that joins hides its memory, and its files in /proc are then those of the root of the user namespace in which
/// the caller's program was executed. Who has left that since is not their owner.
fn hidden(error: Error, way: &Way) -> Error {
    const EACCES: i32 = 13;
    if way.entries().is_empty() || error.errno() != Some(EACCES) {
        return error;
    }
    error.with_hint(
        "the caller has changed its user namespace since its last exec, and who then joins and makes a user namespace \
         in one start owns no file of the child in /proc: execute the caller's program anew, or make two starts of it",
    )
}

/// The directory of a child in /proc.
fn directory_of(pid: u32) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, format!("/proc/{pid}"), flags, Mode::empty())
        .map_err(|errno| Error::os("look at", Object::Pid(pid), errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ExitStatus, Spawn};

    fn half(script: &str) -> (Half, PidFd) {
        let child = Spawn::new("/bin/sh").args(["-c", script]).spawn().unwrap();
        let copy = || child.as_fd().try_clone_to_owned().unwrap();
        (Half::new(child.pid(), copy()), copy().into())
    }

    #[test]
    fn a_child_that_is_stopped_whenever_it_goes_on_is_given_up_and_ended() {
        let (child, pidfd) = half("while :; do kill -STOP $$; done");
        let (socket, _other) = UnixStream::pair().unwrap();
        assert!(matches!(child.hear(&socket), Ok(Heard::Stopped)));
        let error = receive(&socket, &child).unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("pid namespace")), "{error:?}");
        drop(child);
        assert!(pidfd.has_ended().unwrap());
    }

    #[test]
    fn a_child_that_is_stopped_once_goes_on() {
        let (child, pidfd) = half("kill -STOP $$; exit 4");
        let (socket, _other) = UnixStream::pair().unwrap();
        assert!(matches!(child.hear(&socket), Ok(Heard::Ended)));
        assert_eq!(pidfd.wait().unwrap(), ExitStatus::from_wait_status(4 << 8));
    }

    #[test]
    fn a_map_that_could_not_be_written_of_a_hidden_child_is_told_as_such() {
        let error = || Error::os("write the uid map of", Object::Pid(7), 13);
        let own = std::fs::File::open("/proc/self/ns/net").unwrap();
        let way = crate::Join::new().namespace(own).way_of_child().unwrap();
        let hint = hidden(error(), &way);
        assert!(hint.hint().is_some_and(|hint| hint.contains("since its last exec")), "{hint:?}");
        let nowhere = crate::Join::new().way_of_child().unwrap();
        assert_eq!(hidden(error(), &nowhere).hint(), None);
    }
}

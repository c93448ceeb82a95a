// SPDX-License-Identifier: MIT OR Apache-2.0
//! A hook that runs: watched to its end, for nobody that it leaves behind, and killed with its family when its time is up.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::Signal;
use skep_ns::{ExitStatus, PidFd, SignalScope};

use super::super::file::nameless;
use super::family::{self, by_number};
use crate::error::{Error, ErrorKind, Object};

/// How much of what a hook wrote is told.
const TAIL: usize = 4096;
/// How much is read at most of what was written until its end.
const LEFT_OVER: usize = 1 << 20;
/// How long a killed hook may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a hook has failed.
pub(super) enum Failure {
    /// It could not be started.
    Start(skep_ns::Error),
    /// It could not be started inside.
    Inside(Error),
    /// What it takes on our side could not be had.
    Ours(Errno),
    /// What has become of it.
    Became(ErrorKind, String),
}

impl Failure {
    pub(super) fn of(self, op: &'static str, object: Object) -> Error {
        match self {
            Failure::Start(error) => Error::of_leaf(op, object, error),
            Failure::Inside(error) => {
                let why = format!("it could not be started: {}", crate::Report(&error));
                Error::because(op, object, error.kind(), why)
            }
            Failure::Ours(errno) => Error::os(op, object, errno.raw_os_error()).with_hint_of_limits(),
            Failure::Became(kind, why) => Error::because(op, object, kind, why),
        }
    }
}

/// What a hook reads its state from, and writes to.
pub(super) struct Streams {
    pub(super) state: OwnedFd,
    pub(super) out: OwnedFd,
    pub(super) err: OwnedFd,
    /// Our end.
    pub(super) pipe: OwnedFd,
}

impl Streams {
    pub(super) fn new(state: &[u8]) -> Result<Self, Errno> {
        // A file, which can be of any size, and which a hook that reads nothing leaves nobody waiting at.
        let state = nameless("skep-state", state)?;
        rustix::fs::seek(&state, rustix::fs::SeekFrom::Start(0))?;
        let (pipe, out) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        // This end alone: the hook's would be no ordinary one.
        rustix::fs::fcntl_setfl(&pipe, OFlags::NONBLOCK)?;
        let err = rustix::io::fcntl_dupfd_cloexec(&out, 3)?;
        Ok(Self { state, out, err, pipe })
    }
}

/// How long a hook may take, and until when that is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    said: Duration,
    end: Instant,
}

impl Time {
    /// That of a hook which begins now; `None` if it may take as long as it does.
    pub(super) fn from_now(said: Option<Duration>) -> Option<Self> {
        said.and_then(|said| Some(Self { said, end: Instant::now().checked_add(said)? }))
    }
}

/// A hook that runs, the leader of a session of its own.
pub(super) struct Running {
    pub(super) pid: u32,
    pub(super) process: PidFd,
    /// The reading end of what it writes to.
    pub(super) pipe: OwnedFd,
}

impl Running {
    /// Has it run to its end, which must come by itself within its time, and be a good one. Nothing of it is left that it
    /// has not sent to the background itself.
    pub(super) fn finish(self, time: Option<Time>) -> Result<(), Failure> {
        let mut written = Tail::default();
        let has_ended = self.watch(time, &mut written).map_err(|errno| {
            self.kill();
            let _reaped = self.process.wait_for(PATIENCE);
            Failure::Ours(errno)
        })?;
        if !has_ended {
            self.kill();
        }
        let status = self.process.wait_for(PATIENCE).map_err(Failure::Start)?;
        written.read(&self.pipe, LEFT_OVER);
        let became = |kind, what: &str| Err(Failure::Became(kind, format!("{what}; {written}")));
        match status {
            _ if !has_ended => {
                let said = time.map_or(Duration::ZERO, |time| time.said);
                became(ErrorKind::TimedOut, &format!("it was killed, for it took longer than {said:?}"))
            }
            Some(status) if status.success() => Ok(()),
            Some(ExitStatus::UNKNOWN) => became(
                ErrorKind::WrongState,
                "it has ended, and nobody knows how: this program ignores SIGCHLD, or waits for the children of others",
            ),
            Some(status) => became(ErrorKind::WrongState, &format!("it ended with {status}")),
            None => became(ErrorKind::TimedOut, "it was killed, and does not end"),
        }
    }

    /// Reads what the hook writes until it has ended; false if its time was up before that.
    fn watch(&self, time: Option<Time>, written: &mut Tail) -> Result<bool, Errno> {
        let end = time.map(|time| time.end);
        let mut is_open = true;
        loop {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let wait = left.and_then(|left| Timespec::try_from(left).ok());
            let (process, pipe) = (self.process.as_fd(), self.pipe.as_fd());
            let mut both = [PollFd::new(&process, PollFlags::IN), PollFd::new(&pipe, PollFlags::IN)];
            let mut alone = [PollFd::new(&process, PollFlags::IN)];
            let fds: &mut [PollFd<'_>] = if is_open { &mut both } else { &mut alone };
            match rustix::event::poll(fds, wait.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
            let is_ready = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
            let (has_ended, has_written) = (is_ready(0), is_ready(1));
            if has_ended {
                return Ok(true);
            }
            // Asked of one that never stops writing too.
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(false);
            }
            if has_written {
                is_open = written.read(&self.pipe, 1 << 16);
            }
        }
    }

    /// Kills everybody of it, which has not been reaped.
    fn kill(&self) {
        let leader = by_number(self.pid);
        let group = |signal: Signal| {
            if self.process.signal_scope(signal.as_raw(), SignalScope::Group).is_err()
                && let Some(leader) = leader
            {
                let _gone = rustix::process::kill_process_group(leader, signal);
            }
        };
        // The group at once, which nobody slips away from by a fork; and held still before anybody is killed: whose parent
        // has ended is nobody's descendant any more.
        group(Signal::STOP);
        let held = family::hold(self.pid, &self.process);
        group(Signal::KILL);
        let _gone = self.process.kill();
        held.kill();
    }
}

/// The end of what a hook has written.
#[derive(Debug, Default)]
struct Tail {
    bytes: Vec<u8>,
    is_cut: bool,
}

impl Tail {
    /// Reads what there is, at most about so much; false at the end of the file.
    fn read(&mut self, pipe: &OwnedFd, most: usize) -> bool {
        let mut buffer = [0; 8192];
        let mut total = 0;
        while total < most {
            match rustix::io::read(pipe, &mut buffer) {
                Ok(0) => return false,
                Ok(count) => {
                    total += count;
                    self.bytes.extend(buffer.iter().take(count));
                    let too_many = self.bytes.len().saturating_sub(TAIL);
                    self.is_cut |= too_many > 0;
                    self.bytes.drain(..too_many);
                }
                Err(Errno::INTR) => {}
                Err(_) => return true,
            }
        }
        true
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        match (self.is_cut, text.trim_end()) {
            (_, "") => f.write_str("it wrote nothing"),
            (false, text) => write!(f, "it wrote: {text:?}"),
            (true, text) => write!(f, "the end of what it wrote: {text:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_took_until_a_hook_ran_is_a_part_of_its_time() {
        let Streams { state, out, err, pipe } = Streams::new(b"{}").unwrap();
        let mut spawn = skep_ns::Spawn::new("/bin/sleep");
        spawn.args(["1000"]).session().stdin(state).stdout(out).stderr(err);
        let child = spawn.spawn().unwrap();
        let running = Running { pid: child.pid(), process: child.into_pidfd(), pipe };
        // All of its time was gone before.
        let time = Time { said: Duration::from_secs(1000), end: Instant::now() };
        let Err(Failure::Became(kind, why)) = running.finish(Some(time)) else { panic!("it has ended well") };
        assert_eq!(kind, ErrorKind::TimedOut);
        assert!(why.contains("took longer than 1000s"), "{why}");
    }

    #[test]
    fn the_end_of_much_is_kept() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let text = format!("{}{}", "a".repeat(5000), "b".repeat(4000));
        rustix::io::write(&write, text.as_bytes()).unwrap();
        drop(write);
        let mut tail = Tail::default();
        assert!(!tail.read(&read, LEFT_OVER));
        assert_eq!(tail.to_string(), format!("the end of what it wrote: \"{}{}\"", "a".repeat(96), "b".repeat(4000)));
        assert_eq!(Tail::default().to_string(), "it wrote nothing");
    }
}

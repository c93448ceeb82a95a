// SPDX-License-Identifier: MIT OR Apache-2.0
//! A further program that was executed.

use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use skep_caps_sec::Listener;
use skep_ns::{ExitStatus, Output, PidFd, Pipes};

use super::further::{Further, Furthers};
use crate::error::{Error, ErrorKind, Object};
use crate::terminal::Terminal;

/// A program that was executed in a container, beside the container's own.
///
/// Dropping it lets the program run on, as with std's `Child`. The kernel keeps a container with a pid namespace from ending
/// as long as an ended program of it has not been waited for by whoever executed it: waiting for the
/// [container](crate::Container::wait) by the handle that executed it does so too. Where that is some other process, wait
/// here.
#[derive(Debug)]
pub struct Executed {
    further: Arc<Further>,
    all: Arc<Furthers>,
    /// Whether how it ends is for others to learn.
    is_left: bool,
    notes: Vec<String>,
    /// The writing end of the program's standard input, if it is a pipe.
    pub stdin: Option<PipeWriter>,
    /// The reading end of the program's standard output, if it is a pipe.
    pub stdout: Option<PipeReader>,
    /// The reading end of the program's standard error, if it is a pipe.
    pub stderr: Option<PipeReader>,
    /// The caller's side of its terminal, if it was given one.
    pub terminal: Option<Terminal>,
    /// Where the system calls arrive that its policy asks about, if it asks about any: its own, not those of the
    /// container's program. See [`Container::listener`](crate::Container::listener).
    pub listener: Option<Listener>,
}

impl Executed {
    /// The handle of `further`, which is one of `all`.
    pub(super) fn new(further: Arc<Further>, all: Arc<Furthers>, pipes: Pipes, notes: Vec<String>) -> Self {
        let Pipes { stdin, stdout, stderr } = pipes;
        all.add(Arc::clone(&further));
        Self { further, all, is_left: false, notes, stdin, stdout, stderr, terminal: None, listener: None }
    }

    /// What it shares with the container's handle.
    pub(super) fn share(&self) -> Arc<Further> {
        Arc::clone(&self.further)
    }

    /// Its number in the caller's pid namespace, to show; to act on it use [`pidfd`](Self::pidfd).
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.further.pid
    }

    /// The process itself.
    #[must_use]
    pub fn pidfd(&self) -> &PidFd {
        &self.further.process
    }

    /// What of its description was not applied, where that was left to the machine: a sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Waits for its end, and says how it was; later calls say the same again. Does not close [`stdin`](Self::stdin).
    ///
    /// # Errors
    /// As [`PidFd::wait`].
    pub fn wait(&self) -> Result<ExitStatus, Error> {
        Ok(self.ended_by(None)?.unwrap_or(ExitStatus::UNKNOWN))
    }

    /// As [`wait`](Self::wait), at most for `deadline`; `None` if it still runs then.
    ///
    /// # Errors
    /// As [`PidFd::wait`].
    pub fn wait_for(&self, deadline: Duration) -> Result<Option<ExitStatus>, Error> {
        self.ended_by(Instant::now().checked_add(deadline))
    }

    /// How it ended, or `None` if it still runs. Does not wait.
    ///
    /// # Errors
    /// As [`PidFd::wait`].
    pub fn try_wait(&self) -> Result<Option<ExitStatus>, Error> {
        self.further.reap().map_err(|error| failed("wait for", error))
    }

    fn ended_by(&self, end: Option<Instant>) -> Result<Option<ExitStatus>, Error> {
        self.further.wait(end).map_err(|error| failed("wait for", error))
    }

    /// Sends `signal`, 1 to 64, to it. One that has ended gets none.
    ///
    /// # Errors
    /// As [`PidFd::signal`].
    pub fn signal(&self, signal: i32) -> Result<(), Error> {
        match self.try_wait()? {
            Some(_) => Ok(()),
            None => self.further.process.signal(signal).map_err(|error| failed("signal", error)),
        }
    }

    /// Ends it with `SIGKILL`; what it has started itself runs on.
    ///
    /// # Errors
    /// As [`PidFd::kill`].
    pub fn kill(&self) -> Result<(), Error> {
        self.further.process.kill().map_err(|error| failed("kill", error))
    }

    /// Closes the pipe to its standard input, reads its output to the end, waits, and answers all of it.
    ///
    /// # Errors
    /// As [`PidFd::wait`], and what reading the pipes answers; `WrongState` while its [`terminal`](Self::terminal) has not
    /// been taken: the program waits for whoever reads that; and while its [`listener`](Self::listener) has not.
    pub fn wait_with_output(mut self) -> Result<Output, Error> {
        if self.terminal.is_some() {
            let why = "it has a terminal, which has to be read by itself".to_owned();
            return Err(Error::because("read the output of", OBJECT, ErrorKind::WrongState, why));
        }
        if self.listener.is_some() {
            let why = "its policy asks about system calls, and nobody has taken its listener to answer them".to_owned();
            return Err(Error::because("read the output of", OBJECT, ErrorKind::WrongState, why));
        }
        let pipes = Pipes { stdin: self.stdin.take(), stdout: self.stdout.take(), stderr: self.stderr.take() };
        let (stdout, stderr) = pipes.read_to_end().map_err(|error| failed("read the output of", error))?;
        Ok(Output { status: self.wait()?, stdout, stderr })
    }

    /// Leaves it to others to learn how it ends: to a loop of the caller's own that waits for children, or, when the caller has
    /// ended, to the nearest subreaper above it, as container engines are. Dropping it would take that from them if it has
    /// ended by now; and so would waiting for the container by a handle of this process.
    pub fn leave(mut self) {
        self.is_left = true;
        self.all.leave(&self.further);
    }
}

const OBJECT: Object = Object::Named("a program in the container");

fn failed(op: &'static str, error: skep_ns::Error) -> Error {
    Error::of_leaf(op, OBJECT, error)
}

impl AsFd for Executed {
    /// Readable when the program has ended: for any event loop.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.further.process.as_fd()
    }
}

impl Drop for Executed {
    fn drop(&mut self) {
        if !self.is_left {
            self.all.let_go(&self.further);
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A container that runs.

use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::Duration;

use skep_ns::{ExitStatus, Output, PidFd};

use crate::builder::Builder;
use crate::error::{Error, Object};

/// A container that runs, held by a pidfd of its first process.
///
/// Dropping it lets the container run on, as with std's `Child`; [`Builder::kill_on_drop`] changes that.
#[derive(Debug)]
pub struct Container {
    pid: u32,
    pidfd: PidFd,
    status: OnceLock<ExitStatus>,
    kill_on_drop: bool,
    /// The writing end of the program's standard input, if it is a pipe.
    pub stdin: Option<PipeWriter>,
    /// The reading end of the program's standard output, if it is a pipe.
    pub stdout: Option<PipeReader>,
    /// The reading end of the program's standard error, if it is a pipe.
    pub stderr: Option<PipeReader>,
}

impl Container {
    /// A container without a name: nothing of it is kept when it has ended.
    pub fn anonymous() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(pid: u32, pidfd: PidFd, pipes: skep_ns::Pipes, kill_on_drop: bool) -> Self {
        let skep_ns::Pipes { stdin, stdout, stderr } = pipes;
        Self { pid, pidfd, status: OnceLock::new(), kill_on_drop, stdin, stdout, stderr }
    }

    /// The first process's number in the caller's pid namespace, to show; to act on it use [`pidfd`](Self::pidfd).
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The first process itself.
    #[must_use]
    pub fn pidfd(&self) -> &PidFd {
        &self.pidfd
    }

    /// Waits until the first process has ended, and says how; later calls say the same again.
    ///
    /// With a pid namespace every other process of the container has ended by then. Does not close [`stdin`](Self::stdin).
    ///
    /// # Errors
    /// As [`PidFd::wait`].
    pub fn wait(&self) -> Result<ExitStatus, Error> {
        match self.status.get() {
            Some(status) => Ok(*status),
            None => self.pidfd.wait().map(|status| self.remember(status)).map_err(waiting),
        }
    }

    /// As [`wait`](Self::wait), at most for `deadline`; `None` if it still runs then.
    ///
    /// # Errors
    /// As [`PidFd::wait`].
    pub fn wait_for(&self, deadline: Duration) -> Result<Option<ExitStatus>, Error> {
        match self.status.get() {
            Some(status) => Ok(Some(*status)),
            None => {
                let ended = self.pidfd.wait_for(deadline).map_err(waiting)?;
                Ok(ended.map(|status| self.remember(status)))
            }
        }
    }

    /// How it ended, or `None` if it still runs. Does not wait.
    ///
    /// # Errors
    /// As [`PidFd::wait`].
    pub fn try_wait(&self) -> Result<Option<ExitStatus>, Error> {
        self.wait_for(Duration::ZERO)
    }

    /// Keeps a status that is known; of two threads that waited, the other may have been too late to learn it.
    fn remember(&self, status: ExitStatus) -> ExitStatus {
        if status.is_known() {
            *self.status.get_or_init(|| status)
        } else {
            self.status.get().copied().unwrap_or(status)
        }
    }

    /// Sends `signal`, 1 to 64, to the first process.
    ///
    /// In a pid namespace of its own that process is PID 1: the kernel drops signals that it has no handler for, but for
    /// `SIGKILL` and `SIGSTOP`.
    ///
    /// # Errors
    /// As [`PidFd::signal`].
    pub fn signal(&self, signal: i32) -> Result<(), Error> {
        self.pidfd.signal(signal).map_err(|error| Error::of_ns("signal", Object::Container(None), error))
    }

    /// Ends the first process with `SIGKILL`, and with a pid namespace every other process of the container.
    ///
    /// # Errors
    /// As [`PidFd::kill`].
    pub fn kill(&self) -> Result<(), Error> {
        if self.status.get().is_some() {
            return Ok(());
        }
        self.pidfd.kill().map_err(|error| Error::of_ns("kill", Object::Container(None), error))
    }

    /// Closes the pipe to its standard input, reads its output to the end, waits, and answers all of it.
    ///
    /// # Errors
    /// As [`PidFd::wait`], and what reading the pipes answers.
    pub fn wait_with_output(mut self) -> Result<Output, Error> {
        let pipes = skep_ns::Pipes { stdin: self.stdin.take(), stdout: self.stdout.take(), stderr: self.stderr.take() };
        let (stdout, stderr) =
            pipes.read_to_end().map_err(|error| Error::of_ns("read the output of", Object::Container(None), error))?;
        Ok(Output { status: self.wait()?, stdout, stderr })
    }
}

fn waiting(error: skep_ns::Error) -> Error {
    Error::of_ns("wait for", Object::Container(None), error)
}

impl AsFd for Container {
    /// Readable when the first process has ended: for any event loop.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if self.kill_on_drop && self.status.get().is_none() && self.kill().is_ok() {
            let _reaped = self.wait();
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program that was started.

use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::error::{Error, Object};
use crate::pidfd::PidFd;
use crate::status::ExitStatus;

/// A program that was started.
///
/// As with std's `Child`, dropping it lets the program run on; who never waits leaves a zombie until the caller ends.
///
/// See waitid(2), pidfd_open(2).
#[derive(Debug)]
pub struct Child {
    pid: u32,
    pidfd: PidFd,
    status: OnceLock<ExitStatus>,
    /// The writing end of the program's standard input, if it is a pipe.
    pub stdin: Option<PipeWriter>,
    /// The reading end of the program's standard output, if it is a pipe.
    pub stdout: Option<PipeReader>,
    /// The reading end of the program's standard error, if it is a pipe.
    pub stderr: Option<PipeReader>,
}

/// The caller's ends of a program's pipes.
#[derive(Debug, Default)]
pub struct Pipes {
    /// The writing end of the program's standard input, if it is a pipe.
    pub stdin: Option<PipeWriter>,
    /// The reading end of the program's standard output, if it is a pipe.
    pub stdout: Option<PipeReader>,
    /// The reading end of the program's standard error, if it is a pipe.
    pub stderr: Option<PipeReader>,
}

/// What a program wrote, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

impl Child {
    pub(crate) fn new(pid: u32, pidfd: PidFd, pipes: Pipes) -> Self {
        let Pipes { stdin, stdout, stderr } = pipes;
        Self { pid, pidfd, status: OnceLock::new(), stdin, stdout, stderr }
    }

    /// Its number in the caller's pid namespace, to show; to act on it use [`pidfd`](Self::pidfd).
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The process itself.
    #[must_use]
    pub fn pidfd(&self) -> &PidFd {
        &self.pidfd
    }

    /// The process alone, for who waits by that; its pipes are closed, and a status that is known already is forgotten.
    #[must_use]
    pub fn into_pidfd(self) -> PidFd {
        self.pidfd
    }

    /// Takes the pipes out, for a program that goes on in another process.
    pub fn take_pipes(&mut self) -> Pipes {
        Pipes { stdin: self.stdin.take(), stdout: self.stdout.take(), stderr: self.stderr.take() }
    }

    /// Closes the pipe to its standard input, waits for its end, and says how it ended; later calls say the same again.
    ///
    /// # Errors
    /// As [`PidFd::wait`].
    pub fn wait(&mut self) -> Result<ExitStatus, Error> {
        drop(self.stdin.take());
        match self.status.get() {
            Some(status) => Ok(*status),
            None => self.pidfd.wait().map(|status| self.remember(status)),
        }
    }

    /// As [`wait`](Self::wait), at most for `deadline`, and without closing the pipe; `None` if it still runs then.
    ///
    /// # Errors
    /// As [`PidFd::wait`].
    pub fn wait_for(&mut self, deadline: Duration) -> Result<Option<ExitStatus>, Error> {
        match self.status.get() {
            Some(status) => Ok(Some(*status)),
            None => Ok(self.pidfd.wait_for(deadline)?.map(|status| self.remember(status))),
        }
    }

    /// How it ended, or `None` if it still runs. Does not wait.
    ///
    /// # Errors
    /// As [`PidFd::wait`].
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, Error> {
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

    /// Ends it with `SIGKILL`.
    ///
    /// # Errors
    /// As [`PidFd::kill`].
    pub fn kill(&self) -> Result<(), Error> {
        if self.status.get().is_some() { Ok(()) } else { self.pidfd.kill() }
    }

    /// Reads both pipes to their ends, waits for the program's end, and answers all of it.
    ///
    /// # Errors
    /// As [`PidFd::wait`], and what reading the pipes answers.
    pub fn wait_with_output(mut self) -> Result<Output, Error> {
        let (stdout, stderr) = self.take_pipes().read_to_end()?;
        Ok(Output { status: self.wait()?, stdout, stderr })
    }
}

impl AsFd for Child {
    /// Readable when the program has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

type Source<'a> = (Option<PipeReader>, &'a mut Vec<u8>);

impl Pipes {
    /// Reads the program's output and its errors to their ends, both at once, so that neither fills up while the other is
    /// waited for. Closes its input first.
    ///
    /// # Errors
    /// What read(2) answers.
    pub fn read_to_end(self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        drop(self.stdin);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        read_both((self.stdout, &mut out), (self.stderr, &mut err))
            .map_err(|errno| Error::os("read", Object::Named("output"), errno))?;
        Ok((out, err))
    }
}

fn read_both<'a>(mut one: Source<'a>, mut other: Source<'a>) -> Result<(), i32> {
    let os = |error: std::io::Error| error.raw_os_error().unwrap_or(5);
    while let (Some(first), Some(second)) = (&one.0, &other.0) {
        let mut fds = [PollFd::new(first, PollFlags::IN), PollFd::new(second, PollFlags::IN)];
        match rustix::event::poll(&mut fds, None) {
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno.raw_os_error()),
            Ok(_) => {}
        }
        let ready = fds.map(|fd| !fd.revents().is_empty());
        for (ready, source) in ready.into_iter().zip([&mut one, &mut other]) {
            if ready && read_some(source).map_err(os)? == 0 {
                source.0 = None;
            }
        }
    }
    for (pipe, bytes) in [one, other] {
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(bytes).map_err(os)?;
        }
    }
    Ok(())
}

fn read_some((pipe, bytes): &mut Source<'_>) -> std::io::Result<usize> {
    let Some(pipe) = pipe else { return Ok(0) };
    let mut buffer = [0; 8192];
    loop {
        match pipe.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(count) => {
                bytes.extend(buffer.iter().take(count));
                return Ok(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn pipes_are_read_to_their_ends_whichever_are_there() {
        let pipe = |text: &[u8]| {
            let (read, mut write) = std::io::pipe().unwrap();
            write.write_all(text).unwrap();
            Some(read)
        };
        let read = |stdout, stderr| Pipes { stdin: None, stdout, stderr }.read_to_end().unwrap();
        assert_eq!(read(None, None), (vec![], vec![]));
        assert_eq!(read(pipe(b"one"), None), (b"one".to_vec(), vec![]));
        assert_eq!(read(None, pipe(b"other")), (vec![], b"other".to_vec()));
        let long = vec![7; 20_000];
        assert_eq!(read(pipe(&long), pipe(b"")), (long, vec![]));
    }
}

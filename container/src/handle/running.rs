// SPDX-License-Identifier: MIT OR Apache-2.0
//! A container that runs.

use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use skep_caps_sec::Listener;
use skep_cgroup::Cgroup;
use skep_ns::{ExitStatus, Output, PidFd};
use skep_rootfs::RootSpec;

use super::ended;
use super::exec::Furthers;
use super::first::First;
use super::known::Known;
use super::status::Status;
use crate::builder::Builder;
use crate::error::{Error, ErrorKind, Object};
use crate::parent::{Started, Undo};
use crate::spec::Spec;
use crate::state::{Description, StateDir};
use crate::stops::Stops;
use crate::terminal::Terminal;

/// A container that runs, or has run, held by a pidfd of its first process.
///
/// Dropping it lets the container run on, as with std's `Child`; [`Builder::kill_on_drop`] changes that. One with a name
/// can be [opened](Self::open) again, by any process of its user, until it is [deleted](Self::delete). What was made for
/// one without a name is removed when its handle is dropped after its end.
#[derive(Debug)]
pub struct Container {
    pub(super) name: Option<String>,
    pub(super) first: First,
    /// Whether it was ever started, or left to others to start.
    pub(super) was_started: bool,
    /// Why it cannot be known whether it runs, if it cannot.
    doubt: Option<String>,
    status: OnceLock<ExitStatus>,
    pub(super) kill_on_drop: bool,
    pub(super) undo: Undo,
    pub(super) notes: Vec<String>,
    /// Held by who changes it according to what is so now.
    pub(super) alone: Mutex<()>,
    pub(super) description: Description,
    /// What else was executed in it by this handle.
    pub(super) further: Arc<Furthers>,
    /// The writing end of the program's standard input, if it is a pipe.
    pub stdin: Option<PipeWriter>,
    /// The reading end of the program's standard output, if it is a pipe.
    pub stdout: Option<PipeReader>,
    /// The reading end of the program's standard error, if it is a pipe.
    pub stderr: Option<PipeReader>,
    /// The caller's side of the program's terminal, if it was given one. It goes with the handle, and the terminal is hung
    /// up then: take it out to keep it. Nobody has it who opens the container by its name.
    pub terminal: Option<Terminal>,
    /// What tells that the program was stopped, as by Ctrl-Z: of a container with an init, unless it stays in the caller's
    /// session. Nobody has it who opens the container by its name.
    pub stops: Option<Stops>,
    /// Where the system calls arrive that its [policy](Builder::seccomp) asks about, if it asks about any: somebody must
    /// answer them, or whoever makes one waits: [`supervise`](Self::supervise), or a loop of one's own. Once it is dropped, as it is with the handle, they answer `ENOSYS`: take it
    /// out to keep it. Nobody has it who opens the container by its name.
    pub listener: Option<Listener>,
}

impl Container {
    /// A container without a name: nothing of it is kept when it has ended.
    ///
    /// A caller that is killed leaves its cgroup behind, if it has one; give it a name where that matters.
    pub fn anonymous() -> Builder {
        Builder::new(None)
    }

    /// A container with a name, 1 to 128 of the letters a-z, A-Z, 0-9, _, ., - and +, which no other of its user has.
    ///
    /// It is kept under its name, and can be [opened](Self::open) by other processes, until it is
    /// [deleted](Self::delete): after its end too, and after the death of whoever made it.
    pub fn builder(name: impl Into<String>) -> Builder {
        Builder::new(Some(name.into()))
    }

    pub(super) fn started(name: Option<String>, started: Started, mut notes: Vec<String>, kill_on_drop: bool) -> Self {
        let Started { pid, process, pipes, terminal, stops, listener, spec, notes: failed, undo } = started;
        let skep_ns::Pipes { stdin, stdout, stderr } = pipes;
        notes.extend(failed);
        let first = First::Found { pid, process };
        let status = OnceLock::new();
        Self {
            name,
            first,
            was_started: true,
            doubt: None,
            status,
            kill_on_drop,
            undo,
            notes,
            alone: Mutex::new(()),
            description: Description::of(spec),
            further: Furthers::of(Some(pid)),
            stdin,
            stdout,
            stderr,
            terminal,
            stops,
            listener,
        }
    }

    pub(super) fn opened(name: &str, known: Known, state: StateDir) -> Self {
        let Known { first, was_started, doubt, removals, description, .. } = known;
        let undo = Undo::of(Some(state), removals);
        let further = Furthers::of(first.pid());
        Self {
            name: Some(name.to_owned()),
            first,
            was_started,
            doubt,
            status: OnceLock::new(),
            kill_on_drop: false,
            undo,
            notes: Vec::new(),
            alone: Mutex::new(()),
            description,
            further,
            stdin: None,
            stdout: None,
            stderr: None,
            terminal: None,
            stops: None,
            listener: None,
        }
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How it was described when it was made, with the numbers that names of users had then; `None` if it was opened half made,
    /// or what was written down of it cannot be read. Of a container that was opened it is read when it is first asked for.
    #[must_use]
    pub fn spec(&self) -> Option<&Spec> {
        self.description.spec()
    }

    /// The [annotations](Spec::annotations) of its description, without reading the rest of it: for lists.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.description.annotations().into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What its maker has kept with it under this name: see [`Builder::memo`]. Read in the same way.
    #[must_use]
    pub fn memo(&self, name: &str) -> Option<&str> {
        self.description.memo()?.get(name).map(String::as_str)
    }

    /// The [bundle](Spec::bundle) that its description comes from, in the same way.
    #[must_use]
    pub fn bundle(&self) -> Option<&Path> {
        self.description.bundle()
    }

    /// The [root](Spec::root) of its description, in the same way.
    #[must_use]
    pub fn root(&self) -> Option<&RootSpec> {
        self.description.root()
    }

    pub(super) fn object(&self) -> Object {
        Object::Container(self.name.clone())
    }

    /// What of its description was not applied, where that was left to the machine: a sentence each.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The first process's number in the caller's pid namespace, to show; to act on it use [`pidfd`](Self::pidfd).
    ///
    /// `None` for a container that had ended, or was half made, when it was opened.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.first.pid()
    }

    /// The first process itself; `None` as for [`pid`](Self::pid).
    #[must_use]
    pub fn pidfd(&self) -> Option<&PidFd> {
        self.first.process()
    }

    /// Its cgroup, if it was given one: what it uses ([`Cgroup::stat`]), what has happened to it ([`Cgroup::events`]).
    /// It is there until the container is deleted; that of one without a name until its handle is dropped.
    ///
    /// # Errors
    /// `Denied` to who may not look at it.
    pub fn cgroup(&self) -> Result<Option<Cgroup>, Error> {
        let Some(directories) = self.undo.cgroup() else { return Ok(None) };
        let opened = Cgroup::from_directories(directories);
        let opened = opened.map_err(|error| Error::of_leaf("open the cgroup of", self.object(), error))?;
        Ok(Some(opened).filter(|cgroup| cgroup.directories().next().is_some()))
    }

    /// What it is doing.
    ///
    /// # Errors
    /// What looking at its process or at the lock of its state answers.
    pub fn status(&self) -> Result<Status, Error> {
        if self.status.get().is_some() {
            return Ok(Status::Ended);
        }
        if let Some(process) = self.first.process() {
            let has_ended = process.has_ended().map_err(|error| self.waiting(error))?;
            return Ok(match has_ended {
                true => Status::Ended,
                false if self.is_frozen() => Status::Frozen,
                false if self.is_waited_at()? => Status::Created,
                false => Status::Running,
            });
        }
        if self.doubt.is_some() && self.is_deserted() {
            return Ok(Status::Ended);
        }
        self.certain("look at")?;
        match self.undo.state() {
            // Looked at anew: its maker goes on with it, or has died.
            Some(state) if !self.was_started => self.status_of_unstarted(state),
            _ => Ok(Status::Ended),
        }
    }

    /// What one is doing now that was not started when it was opened.
    fn status_of_unstarted(&self, state: &StateDir) -> Result<Status, Error> {
        // Tried before the record is read: who has it starts the container before giving it back.
        let is_ours = state.lock()?;
        let known = Known::of(state);
        if is_ours {
            state.unlock();
        }
        let known = known?;
        if let Some(why) = known.doubt {
            if self.is_deserted() {
                return Ok(Status::Ended);
            }
            return Err(Error::because("look at", self.object(), ErrorKind::WrongState, why));
        }
        Ok(match (known.first.process(), known.was_started, known.maker_lives) {
            (Some(_), ..) if state.is_waited_at()? => Status::Created,
            (Some(_), ..) => Status::Running,
            (None, true, _) => Status::Ended,
            (None, false, Some(true)) => Status::Creating,
            (None, false, None) if !is_ours => Status::Creating,
            (None, false, _) => Status::HalfMade,
        })
    }

    fn is_waited_at(&self) -> Result<bool, Error> {
        self.undo.state().map_or(Ok(false), StateDir::is_waited_at)
    }

    /// Whether it is certain that there is nobody in its cgroup, in which its first process was before it executed anything.
    fn is_deserted(&self) -> bool {
        let cgroup = match self.cgroup() {
            Ok(Some(cgroup)) => cgroup,
            // The group of a scope is gone with the last process in it, and seen to be where those above it are.
            Ok(None) => {
                return self.undo.unit().is_some()
                    && self.undo.cgroup().into_iter().flatten().any(|path| is_in_view(path));
            }
            Err(_) => return false,
        };
        if cgroup.v2_fd().is_some() {
            return cgroup.events().is_ok_and(|events| !events.populated);
        }
        // Version 1 lists the processes that the reader's pid namespace knows; it counts all.
        cgroup.stat().is_ok_and(|stat| stat.pids.current == Some(0))
    }

    /// An error if it cannot be known whether it runs.
    fn certain(&self, op: &'static str) -> Result<(), Error> {
        match &self.doubt {
            Some(why) => Err(Error::because(op, self.object(), ErrorKind::WrongState, why.clone())),
            None => Ok(()),
        }
    }

    /// Waits until the first process has ended, and says how; later calls say the same again.
    ///
    /// With a pid namespace every other process of the container has ended by then. Does not close [`stdin`](Self::stdin),
    /// and answers no calls: with a [`listener`](Self::listener) that nobody serves it may wait for ever.
    ///
    /// # Errors
    /// As [`PidFd::wait`].
    pub fn wait(&self) -> Result<ExitStatus, Error> {
        match (self.status.get(), self.first.process()) {
            (Some(status), _) => Ok(*status),
            (None, Some(process)) => {
                let ended = self.further.wait_for(process, None).and_then(|_| process.wait());
                ended.map(|status| self.remember(status)).map_err(|error| self.waiting(error))
            }
            (None, None) => self.recorded_status(),
        }
    }

    /// As [`wait`](Self::wait), at most for `deadline`; `None` if it still runs then.
    ///
    /// # Errors
    /// As [`PidFd::wait`].
    pub fn wait_for(&self, deadline: Duration) -> Result<Option<ExitStatus>, Error> {
        match (self.status.get(), self.first.process()) {
            (Some(status), _) => Ok(Some(*status)),
            (None, Some(process)) => {
                let ended = self.ended_within(process, deadline).map_err(|error| self.waiting(error))?;
                Ok(ended.map(|status| self.remember(status)))
            }
            (None, None) => self.recorded_status().map(Some),
        }
    }

    /// How the first process ended, if it does within `deadline`. Further programs are reaped meanwhile, without which it
    /// would not end.
    pub(super) fn ended_within(
        &self,
        process: &PidFd,
        deadline: Duration,
    ) -> Result<Option<ExitStatus>, skep_ns::Error> {
        let begin = Instant::now();
        self.further.wait_for(process, Some(deadline))?;
        process.wait_for(deadline.saturating_sub(begin.elapsed()))
    }

    /// The same for who does not ask how: then nobody else has to have reaped it.
    pub(super) fn has_ended_within(&self, process: &PidFd, deadline: Duration) -> Result<bool, skep_ns::Error> {
        let begin = Instant::now();
        self.further.wait_for(process, Some(deadline))?;
        process.wait_for_end(deadline.saturating_sub(begin.elapsed()))
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
        if !status.is_known() {
            return self.status.get().copied().or_else(|| self.recorded_status().ok()).unwrap_or(status);
        }
        *self.status.get_or_init(|| {
            if let Some(state) = self.undo.state() {
                // For those who open it later, and cannot ask the kernel any more. They live without it.
                let _unwritten = ended::write(state, status);
            }
            status
        })
    }

    /// The status that the parent of the first process has written down, if it could.
    fn recorded_status(&self) -> Result<ExitStatus, Error> {
        self.certain("wait for")?;
        if !self.was_started {
            let why = "it was not started when it was opened".to_owned();
            return Err(Error::because("wait for", self.object(), ErrorKind::WrongState, why));
        }
        match self.undo.state() {
            Some(state) => ended::read(state),
            None => Ok(ExitStatus::UNKNOWN),
        }
    }

    fn waiting(&self, error: skep_ns::Error) -> Error {
        Error::of_leaf("wait for", self.object(), error)
    }

    /// Sends `signal`, 1 to 64, to the first process.
    ///
    /// In a pid namespace of its own that process is PID 1: the kernel drops signals that it has no handler for, but for
    /// `SIGKILL` and `SIGSTOP`. An init hands signals on to the program; `SIGTSTP` and `SIGCONT`, by which programs stop and
    /// go on, to the process group that the program leads. See [`stops`](Self::stops).
    ///
    /// # Errors
    /// `WrongState` if it has ended, or was never started, whoever has it open and whether or not it was waited for: nobody
    /// has heard the signal; as all verbs answer that take one that runs. Else as [`PidFd::signal`].
    pub fn signal(&self, signal: i32) -> Result<(), Error> {
        self.first.signal("signal", signal, || self.object())
    }

    /// Ends the first process with `SIGKILL`, and with a pid namespace every other process of the container; a frozen one too.
    ///
    /// # Errors
    /// As [`PidFd::kill`].
    pub fn kill(&self) -> Result<(), Error> {
        match self.first.process() {
            Some(process) if self.status.get().is_none() => {
                process.kill().map_err(|error| Error::of_leaf("kill", self.object(), error))?;
                self.thaw_the_killed();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Closes the pipe to its standard input, reads its output to the end, waits, and answers all of it.
    ///
    /// # Errors
    /// As [`PidFd::wait`], and what reading the pipes answers; `WrongState` while its [`terminal`](Self::terminal) has not
    /// been taken: the program waits for whoever reads that; and while its [`listener`](Self::listener) has not.
    pub fn wait_with_output(mut self) -> Result<Output, Error> {
        if self.terminal.is_some() {
            let why = "it has a terminal, which has to be read by itself".to_owned();
            return Err(Error::because("read the output of", self.object(), ErrorKind::WrongState, why));
        }
        if self.listener.is_some() {
            let why = "its policy asks about system calls, and nobody has taken its listener to answer them".to_owned();
            return Err(Error::because("read the output of", self.object(), ErrorKind::WrongState, why));
        }
        let pipes = skep_ns::Pipes { stdin: self.stdin.take(), stdout: self.stdout.take(), stderr: self.stderr.take() };
        let (stdout, stderr) =
            pipes.read_to_end().map_err(|error| Error::of_leaf("read the output of", self.object(), error))?;
        Ok(Output { status: self.wait()?, stdout, stderr })
    }
}

impl AsFd for Container {
    /// Readable when the first process has ended: for any event loop.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.first.as_fd()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if self.kill_on_drop && self.status.get().is_none() && self.kill().is_ok() {
            let _reaped = self.wait();
        }
        let mut undo = std::mem::take(&mut self.undo);
        if self.name.is_none() && !undo.is_empty() && matches!(self.status(), Ok(Status::Ended)) {
            let _left = undo.run();
        }
        undo.forget();
    }
}

/// Whether the groups above the one that would be there can be seen from here.
fn is_in_view(directory: &Path) -> bool {
    let above = directory.ancestors().skip(1).find(|above| above.exists());
    above.is_some_and(|above| above.join("cgroup.procs").exists())
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A container that is set up and has not begun.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use skep_caps_sec::Listener;

use crate::error::{Error, ErrorKind};
use crate::handle::Container;
use crate::parent::Launched;
use crate::plan::Plan;
use crate::terminal::Terminal;

/// A container that is set up: its first process waits, with a few pages of memory, for [`start`](Self::start).
///
/// Dropping it ends the process, reaps it, and removes everything that was made for the container.
#[derive(Debug)]
#[must_use = "dropping it deletes the container"]
pub struct Created {
    pub(super) launched: Launched,
    kill_on_drop: bool,
}

impl Created {
    pub(crate) fn new(launched: Launched, kill_on_drop: bool) -> Self {
        Self { launched, kill_on_drop }
    }

    /// The container's name, if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.launched.plan().name()
    }

    /// The first process's number in the caller's pid namespace, to show.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.launched.pid()
    }

    /// What was done to make it.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        self.launched.plan()
    }

    /// The caller's side of the program's terminal, if it has one: to be set up before anybody is at the other.
    #[must_use]
    pub fn terminal(&self) -> Option<&Terminal> {
        self.launched.terminal()
    }

    /// Where the system calls arrive that its [policy](crate::Builder::seccomp) asks about, if it asks about any.
    #[must_use]
    pub fn listener(&self) -> Option<&Listener> {
        self.launched.listener()
    }

    /// The same, taken out: [`Container::listener`] is `None` then. For a policy that asks about execve(2), the program's
    /// own among others, which is to be answered while [`start`](Self::start) waits for it.
    #[must_use]
    pub fn take_listener(&mut self) -> Option<Listener> {
        self.launched.take_listener()
    }

    /// How long each step of the child's has taken, in its words; nothing unless [`Builder::profile`](crate::Builder::profile)
    /// was asked for.
    #[must_use]
    pub fn times(&self) -> Vec<(String, Duration)> {
        self.launched.times()
    }

    /// What of its description is not applied, where that was left to the machine: a sentence each. The container that comes of
    /// it has these first, and what has failed at its start behind them.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        self.launched.plan().notes()
    }

    /// Executes the program. From any thread; the answer comes when it runs, or could not be executed.
    ///
    /// Where its policy asks about execve(2), it waits for the answer to that too: another thread, or another process, must
    /// have [taken the listener](Self::take_listener) before, and answer.
    ///
    /// # Errors
    /// `NotFound`, `NotExecutable` and `Denied` tell apart why the program cannot be executed; `WrongState` if its policy
    /// asks about execve(2) and the listener was not taken. Nothing is left behind.
    pub fn start(self) -> Result<Container, Error> {
        let plan = self.launched.plan();
        if plan.asks_about_exec() && self.launched.listener().is_some() {
            let why = "its policy asks about execve, and nobody could answer: the listener is still here".to_owned();
            let error = Error::because("start", plan.object(), ErrorKind::WrongState, why);
            return Err(error.with_hint("Created::take_listener, and answer from another thread while this one starts"));
        }
        let (name, notes) = (plan.name().map(str::to_owned), plan.notes().to_vec());
        Ok(Container::started(name, self.launched.start()?, notes, self.kill_on_drop))
    }

    /// Lets it wait for whoever starts it, of a builder that has made it for that.
    pub(crate) fn leave(self) -> Result<Container, Error> {
        let plan = self.launched.plan();
        let (name, notes) = (plan.name().map(str::to_owned), plan.notes().to_vec());
        Ok(Container::started(name, self.launched.leave()?, notes, self.kill_on_drop))
    }
}

impl AsFd for Created {
    /// The first process, by its pidfd: readable when it has ended, which is then a failure.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.launched.child()
    }
}

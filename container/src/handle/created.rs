// SPDX-License-Identifier: MIT OR Apache-2.0
//! A container that is set up and has not begun.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use crate::error::Error;
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
    launched: Launched,
    kill_on_drop: bool,
}

impl Created {
    pub(crate) fn new(launched: Launched, kill_on_drop: bool) -> Self {
        Self { launched, kill_on_drop }
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

    /// How long each step of the child's has taken, in its words; nothing unless [`Builder::profile`](crate::Builder::profile)
    /// was asked for.
    #[must_use]
    pub fn times(&self) -> Vec<(String, Duration)> {
        self.launched.times()
    }

    /// Executes the program. From any thread; the answer comes when it runs, or could not be executed.
    ///
    /// # Errors
    /// `NotFound`, `NotExecutable` and `Denied` tell apart why the program cannot be executed. Nothing is left behind.
    pub fn start(self) -> Result<Container, Error> {
        let plan = self.launched.plan();
        let (name, notes) = (plan.name().map(str::to_owned), plan.notes().to_vec());
        Ok(Container::started(name, self.launched.start()?, notes, self.kill_on_drop))
    }
}

impl AsFd for Created {
    /// The first process, by its pidfd: readable when it has ended, which is then a failure.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.launched.child()
    }
}

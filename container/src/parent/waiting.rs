// SPDX-License-Identifier: MIT OR Apache-2.0
//! A first process that was left waiting, and is led to its program by whoever has come.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use skep_ns::{ExitStatus, PidFd};

use super::cgroup::is_frozen;
use super::hooks::{self, Inside, State};
use super::sentence::sentence;
use super::wire::ParentWire;
use crate::error::{Error, ErrorKind};
use crate::host::process_denies_setgroups;
use crate::plan::Plan;
use crate::spec::{Moment, Spec};
use crate::wire::{Broken, Frame};

/// How long it may take to come to the door.
const PATIENCE: Duration = Duration::from_secs(10);

/// A first process that waits, and whom it has let in.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    wire: ParentWire,
    plan: Plan,
    spec: Spec,
    state: State,
    pid: u32,
    process: &'a PidFd,
    group: Vec<PathBuf>,
}

impl<'a> Waiting<'a> {
    /// That of a container of this name, described so and with its state there, over a connection to it; in this group, if
    /// it has one.
    ///
    /// # Errors
    /// It does not come to the door: it still waits then.
    pub(crate) fn new(
        connection: OwnedFd,
        (name, spec, state): (Option<&str>, Spec, &Path),
        (pid, process): (u32, &'a PidFd),
        group: &[PathBuf],
    ) -> Result<Self, Error> {
        let mut wire = ParentWire::to_waiting(connection);
        let plan = Plan::of_waiting(name, &spec);
        let end = Instant::now().checked_add(PATIENCE);
        let let_in = wire.receive_among_others(process, end, || is_frozen(group));
        let_in.map_err(|broken| not_let_in(&plan, broken))?;
        let state = State::new(name, Some(pid), Some(state), &spec);
        Ok(Self { wire, plan, spec, state, pid, process, group: group.to_vec() })
    }

    /// Has it execute its program.
    ///
    /// # Errors
    /// It ends then, by itself or because it was killed.
    pub(crate) fn start(&mut self) -> Result<(), Error> {
        let done = self.hooks().and_then(|()| self.execute());
        if done.is_err() {
            let _gone = self.process.kill();
        }
        done
    }

    fn hooks(&self) -> Result<(), Error> {
        if self.plan.hooks().start_container.is_empty() {
            return Ok(());
        }
        let described = (&self.plan, &self.spec);
        let denied = process_denies_setgroups(self.pid);
        let inside = Inside::of(described, (self.pid, self.process), self.group.clone(), denied)?;
        hooks::inside(described, &inside, &self.state, Moment::StartContainer)
    }

    fn execute(&mut self) -> Result<(), Error> {
        let executed = self.wire.send(Frame::Start).and_then(|()| self.wire.receive());
        executed.map(drop).map_err(|broken| {
            sentence(&self.plan, &self.spec, broken, &self.wire.log(), "first process", ExitStatus::UNKNOWN)
        })
    }

    /// Runs what is to be run once the program is; what has failed is told, a sentence each.
    pub(crate) fn after_start(&self) -> Vec<String> {
        hooks::after_start(&self.plan, &self.state)
    }
}

fn not_let_in(plan: &Plan, broken: Broken) -> Error {
    let (kind, why) = match broken {
        Broken::Frozen => (ErrorKind::WrongState, "it is frozen: thaw it first"),
        Broken::Late | Broken::Stopped => {
            (ErrorKind::TimedOut, "its first process does not answer: somebody has stopped it")
        }
        _ => (ErrorKind::WrongState, "its first process has ended, or somebody else has started it meanwhile"),
    };
    Error::because(plan.operation(), plan.object(), kind, why.to_owned())
}

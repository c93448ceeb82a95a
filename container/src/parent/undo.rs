// SPDX-License-Identifier: MIT OR Apache-2.0
//! The undo stack: what was made for a container outside of its processes, and is removed with it.
//!
//! Each removal is on the stack, and in the intent on disk, before what it removes is made: so it may find nothing, or a
//! part, and neither is a failure. Deleting a container whose maker was killed runs the same removals from the record.

use std::path::PathBuf;
use std::time::Duration;

use skep_cgroup::Cgroup;

use super::hooks::Poststop;
use super::network;
use super::scope::Unit;
use crate::error::{Error, Object};
use crate::state::{Removal, StateDir};

/// How long removing may take: a killed process in the kernel's hands may need a while to die.
const PATIENCE: Duration = Duration::from_secs(10);

/// Removals, last in, first out; the state goes when nothing else is left. Dropping it runs it.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    state: Option<StateDir>,
    removals: Vec<Removal>,
    /// What is run when everything but the state is gone.
    hooks: Option<Poststop>,
}

impl Undo {
    /// The stack of a container with this record.
    pub(crate) fn of(state: Option<StateDir>, removals: Vec<Removal>) -> Self {
        Self { state, removals, hooks: None }
    }

    /// The state directory, once there is one. From here on it is removed with everything else.
    pub(crate) fn keep_state(&mut self, state: StateDir) -> &StateDir {
        self.state.insert(state)
    }

    pub(crate) fn state(&self) -> Option<&StateDir> {
        self.state.as_ref()
    }

    /// The same, to be changed.
    pub(crate) fn state_mut(&mut self) -> Option<&mut StateDir> {
        self.state.as_mut()
    }

    /// Has `removal` be done. To be called before what it removes is made.
    pub(crate) fn push(&mut self, removal: Removal) {
        self.removals.push(removal);
    }

    /// Has these be removed instead of what was to be.
    pub(crate) fn replace(&mut self, removals: Vec<Removal>) {
        self.removals = removals;
    }

    /// Has these hooks be run when everything but the state is removed, in place of others.
    pub(crate) fn keep_hooks(&mut self, hooks: Option<Poststop>) {
        self.hooks = hooks;
    }

    /// Takes back the last removal: what it was for was not made by us.
    pub(crate) fn pop(&mut self) {
        self.removals.pop();
    }

    /// The directories of the cgroup that is to be removed, if one is.
    pub(crate) fn cgroup(&self) -> Option<&[PathBuf]> {
        self.removals.iter().find_map(|removal| match removal {
            Removal::Cgroup { directories } | Removal::Unit { directories, .. } => Some(directories.as_slice()),
            Removal::Link { .. } => None,
        })
    }

    /// The scope of systemd's that the cgroup is, if it is one.
    pub(crate) fn unit(&self) -> Option<&Unit> {
        self.removals.iter().find_map(|removal| match removal {
            Removal::Unit { unit, .. } => Some(unit),
            Removal::Cgroup { .. } | Removal::Link { .. } => None,
        })
    }

    /// Whether there is anything to undo.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.is_none() && self.removals.is_empty() && self.hooks.is_none()
    }

    /// Removes everything, runs the hooks then, and removes the state last. What could not be removed stays on the stack, and
    /// the state with it.
    ///
    /// # Errors
    /// The first failure, the rest is tried all the same; or the failures of the hooks, when nothing is on the stack any more.
    pub(crate) fn run(&mut self) -> Result<(), Error> {
        let mut failure = None;
        let mut left = Vec::new();
        while let Some(removal) = self.removals.pop() {
            if let Err(error) = removal.run() {
                failure = failure.or(Some(error));
                left.insert(0, removal);
            }
        }
        self.removals = left;
        if let Some(error) = failure {
            return Err(error);
        }
        // With the state still there: who is killed here leaves them to whoever deletes the container next.
        let hooks = self.hooks.take().map_or(Ok(()), |hooks| hooks.run());
        if let Some(state) = &self.state {
            state.remove()?;
        }
        self.state = None;
        hooks
    }

    /// Lets go of everything: it stays.
    pub(crate) fn forget(mut self) -> (Option<StateDir>, Vec<Removal>) {
        self.hooks = None;
        (self.state.take(), std::mem::take(&mut self.removals))
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        // There is nobody to tell. A container with a name has it all in its record still.
        let _left = self.run();
    }
}

impl Removal {
    fn run(&self) -> Result<(), Error> {
        match self {
            Removal::Cgroup { directories } => {
                let failed = |error| Error::of_leaf("remove the cgroup of", Object::Container(None), error);
                let cgroup = Cgroup::from_directories(directories).map_err(failed)?;
                // Mostly nobody is left, and there is nobody to look for.
                if cgroup.remove_within(Duration::ZERO).is_ok() {
                    return Ok(());
                }
                cgroup.kill().map_err(failed)?;
                cgroup.remove_within(PATIENCE).map_err(failed)
            }
            Removal::Unit { unit, directories } => unit.remove(directories),
            Removal::Link { name, mac, home } => network::remove(name, *mac, home.as_ref()),
        }
    }
}

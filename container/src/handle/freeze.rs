// SPDX-License-Identifier: MIT OR Apache-2.0
//! Freezing a container: its processes stand still until it is thawed, and are none the wiser.

use std::time::Duration;

use skep_cgroup::Cgroup;

use super::running::Container;
use crate::error::{Error, ErrorKind};
use crate::parent::is_frozen;

/// How long a thaw that a kill needs may take.
const PATIENCE: Duration = Duration::from_secs(1);

impl Container {
    /// Freezes every process of the container, and waits, at most for `deadline`, until all stand still. One that is frozen
    /// already stays so.
    ///
    /// # Errors
    /// `TimedOut` if a process is in a call that cannot be interrupted: the container is as it was then. `WrongState` if it
    /// does not run, or has no cgroup; `Unsupported` if that has no freezer.
    /// # Privileges
    /// Those over its cgroup: see [`Cgroup::freeze`].
    /// # Kernel
    /// Linux 5.2, or a freezer of version 1. See [`Cgroup::freeze`].
    #[doc(alias = "pause")]
    #[doc(alias = "cgroup.freeze")]
    pub fn freeze(&self, deadline: Duration) -> Result<(), Error> {
        const OP: &str = "freeze";
        let group = self.group_to(OP)?;
        group.freeze(deadline).map_err(|error| Error::of_leaf(OP, self.object(), error))
    }

    /// Thaws it, and waits, at most for `deadline`, until it is. One that is not frozen is no failure.
    ///
    /// # Errors
    /// As [`freeze`](Self::freeze); `WrongState` too if a group above is frozen, which keeps this one so.
    /// # Privileges
    /// As [`freeze`](Self::freeze).
    #[doc(alias = "resume")]
    #[doc(alias = "unpause")]
    #[doc(alias = "cgroup.freeze")]
    pub fn thaw(&self, deadline: Duration) -> Result<(), Error> {
        const OP: &str = "thaw";
        let group = self.group_to(OP)?;
        group.thaw(deadline).map_err(|error| Error::of_leaf(OP, self.object(), error))
    }

    /// Whether it is frozen now; not if it has no cgroup, or that cannot be looked at.
    pub(super) fn is_frozen(&self) -> bool {
        is_frozen(self.undo.cgroup().into_iter().flatten())
    }

    /// The cgroup of a container that runs, to do `op` by.
    pub(super) fn group_to(&self, op: &'static str) -> Result<Cgroup, Error> {
        let first = self.first.demand(op, || self.object())?;
        if first.has_ended().map_err(|error| Error::of_leaf(op, self.object(), error))? {
            let why = "its first process has ended".to_owned();
            return Err(Error::because(op, self.object(), ErrorKind::WrongState, why));
        }
        self.cgroup()?.ok_or_else(|| {
            let why = "it has no cgroup, by which its processes are known".to_owned();
            Error::because(op, self.object(), ErrorKind::WrongState, why)
                .with_hint("give it one when it is made: Builder::cgroup, or any limit")
        })
    }

    /// Lets what was killed die: under version 1 a signal waits until the group is thawed.
    pub(super) fn thaw_the_killed(&self) {
        let states = self.undo.cgroup().into_iter().flatten().map(|path| path.join("freezer.state"));
        let is_frozen = |text: Vec<u8>| !text.starts_with(b"THAWED");
        if states.filter_map(|path| std::fs::read(path).ok()).any(is_frozen)
            && let Ok(Some(group)) = self.cgroup()
        {
            let _held_above = group.thaw(PATIENCE);
        }
    }
}

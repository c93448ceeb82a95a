// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changing what a container that runs may use.

use skep_cgroup::{Cgroup, Lack, Limits};

use super::running::Container;
use crate::error::Error;

const OP: &str = "limit";

impl Container {
    /// Has it use at most this much from now on. What `limits` do not say stays as it is; what is not to be limited any more
    /// they say so.
    ///
    /// [`spec`](Self::spec) goes on saying how it was made; [`cgroup`](Self::cgroup) tells what is in force.
    ///
    /// # Errors
    /// `Invalid` with every limit that makes no sense or cannot be applied here, before any is; `WrongState` if it does not
    /// run, or has no cgroup.
    /// # Privileges
    /// Write access to its cgroup.
    #[doc(alias = "update")]
    pub fn limit(&self, limits: &Limits) -> Result<(), Error> {
        self.check_limits(limits)?;
        self.apply(OP, &self.group_to(OP)?, limits)
    }

    /// As [`limit`](Self::limit), as far as it can be done here; answers what cannot.
    ///
    /// # Errors
    /// As [`limit`](Self::limit), but for what cannot be applied here.
    /// # Privileges
    /// As [`limit`](Self::limit).
    pub fn limit_where_possible(&self, limits: &Limits) -> Result<Vec<Lack>, Error> {
        self.check_limits(limits)?;
        let group = self.group_to(OP)?;
        let applied = self.undo.unit().map_or_else(|| group.apply_possible(limits), |unit| unit.limit(limits, true));
        applied.map_err(|error| Error::of_leaf(OP, self.object(), error))
    }

    fn check_limits(&self, limits: &Limits) -> Result<(), Error> {
        let problems = limits.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid(OP, self.object(), problems)) }
    }

    /// Applies limits to its group, by systemd if that has made it: else it would undo them when it next looks.
    pub(super) fn apply(&self, op: &'static str, group: &Cgroup, limits: &Limits) -> Result<(), Error> {
        let applied = self.undo.unit().map_or_else(|| group.apply(limits), |unit| unit.limit(limits, false).map(drop));
        applied.map_err(|error| Error::of_leaf(op, self.object(), error))
    }
}

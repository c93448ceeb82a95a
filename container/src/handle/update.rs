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
        self.to_be_limited(limits)?.apply(limits).map_err(|error| Error::of_leaf(OP, self.object(), error))
    }

    /// As [`limit`](Self::limit), as far as it can be done here; answers what cannot.
    ///
    /// # Errors
    /// As [`limit`](Self::limit), but for what cannot be applied here.
    /// # Privileges
    /// As [`limit`](Self::limit).
    pub fn limit_where_possible(&self, limits: &Limits) -> Result<Vec<Lack>, Error> {
        self.to_be_limited(limits)?.apply_possible(limits).map_err(|error| Error::of_leaf(OP, self.object(), error))
    }

    /// Its cgroup, if these limits make sense.
    fn to_be_limited(&self, limits: &Limits) -> Result<Cgroup, Error> {
        let problems = limits.problems();
        if !problems.is_empty() {
            return Err(Error::invalid(OP, self.object(), problems));
        }
        self.group_to(OP)
    }
}

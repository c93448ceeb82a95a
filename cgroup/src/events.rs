// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events: what has happened to a group.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "cgroup.events", "memory.events", "pids.events".

use crate::controller::Controller;
use crate::error::Error;
use crate::group::Cgroup;
use crate::layout::Version;
use crate::stat::field;

/// What has happened to a group since it was made.
///
/// A count is `None` where the kernel does not keep it. Under version 2 groups below are included; under version 1 the
/// counts are of the group by itself, without groups that a payload has made below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Events {
    /// Whether it has a process now.
    pub populated: bool,
    /// Whether it is frozen now, all of it; `None` without a freezer.
    #[doc(alias = "freezer.state")]
    pub frozen: Option<bool>,
    /// How often its memory was used up; version 2 alone.
    pub oom: Option<u64>,
    /// How many processes the kernel has killed because memory was used up.
    #[doc(alias = "memory.oom_control")]
    #[doc(alias = "memory.events")]
    pub oom_kill: Option<u64>,
    /// How many forks were refused for `pids.max`; Linux 4.8.
    #[doc(alias = "pids.events")]
    pub forks_refused: Option<u64>,
}

impl Cgroup {
    /// Reads what has happened to the group.
    ///
    /// # Errors
    /// What the kernel has against reading its files; `NotFound` if the group was removed.
    /// # Kernel
    /// Linux 4.13 for the count of kills.
    pub fn events(&self) -> Result<Events, Error> {
        let held = self.held("read the events of")?;
        let populated = match held.version() {
            Version::V2 => field(&held.read("cgroup.events")?, "populated") == Some(1),
            Version::V1 => !self.procs()?.is_empty(),
        };
        let memory = self.of(Controller::Memory);
        let memory = memory.map(|group| {
            let v2 = group.version() == Version::V2;
            group.read_if_there(if v2 { "memory.events" } else { "memory.oom_control" })
        });
        let memory = memory.transpose()?.flatten().unwrap_or_default();
        let pids = self.of(Controller::Pids).map(|group| group.read_if_there("pids.events"));
        let pids = pids.transpose()?.flatten().unwrap_or_default();
        Ok(Events {
            populated,
            frozen: self.is_frozen()?,
            oom: field(&memory, "oom"),
            oom_kill: field(&memory, "oom_kill"),
            forks_refused: field(&pids, "max"),
        })
    }
}

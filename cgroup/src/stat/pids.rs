// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes and threads.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "PID"; kernel/cgroup/pids.c.

use super::Named;
use super::refill::stat;
use crate::text::{limit, number};
use crate::value::Max;

stat! {
    /// Processes and threads of a group, together.
    pub struct PidsStat {
        /// How many there are.
        #[doc(alias = "pids.current")]
        current: Option<u64>,
        /// How many there may be.
        #[doc(alias = "pids.max")]
        max: Option<Max<u64>>,
        /// The most there ever were; Linux 6.1.
        #[doc(alias = "pids.peak")]
        peak: Option<u64>,
        /// How many forks were refused: below Linux 6.11 for a limit of the group or one above, since then for the group's
        /// own limit, in it and below it.
        #[doc(alias = "pids.events")]
        refused: Option<u64>,
        /// How many forks in the group itself were refused for its own limit; Linux 6.11.
        #[doc(alias = "pids.events.local")]
        refused_local: Option<u64>,
        /// What the kernel told and this crate has no name for, by the kernel's keys.
        other: Named<String>,
    }
}

impl PidsStat {
    pub(super) fn read_current(&mut self, text: &str) {
        self.current = number(text);
    }

    pub(super) fn read_max(&mut self, text: &str) {
        self.max = limit(text);
    }

    pub(super) fn read_peak(&mut self, text: &str) {
        self.peak = number(text);
    }

    pub(super) fn read_events(&mut self, text: &str) {
        self.other.take_refused(text, &mut self.refused);
    }

    pub(super) fn read_local_events(&mut self, text: &str) {
        self.other.take_refused(text, &mut self.refused_local);
    }
}

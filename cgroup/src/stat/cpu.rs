// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processor time.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "CPU"; cgroup-v1/cpuacct.rst; scheduler/sched-bwc.rst.

use std::time::Duration;

use super::refill::{count, keyed};
use crate::text::{flat, number};

keyed! {
    /// Processor time of a group.
    pub struct CpuStat {
        /// All of it, since the group was made.
        #[doc(alias = "cpuacct.usage")]
        #[doc(alias = "usage_usec")]
        usage: Duration = Duration::from_micros["usage_usec"];
        /// That in user mode. The count of version 1 is by ticks.
        #[doc(alias = "user_usec")]
        user: Duration = Duration::from_micros["user_usec"];
        /// That in the kernel. The count of version 1 is by ticks.
        #[doc(alias = "system_usec")]
        system: Duration = Duration::from_micros["system_usec"];
        /// That of processes with a nice value above 0; Linux 6.11.
        #[doc(alias = "nice_usec")]
        nice: Duration = Duration::from_micros["nice_usec"];
        /// How long a sibling thread of a core was kept idle for it; Linux 6.2, with core scheduling.
        #[doc(alias = "core_sched.force_idle_usec")]
        forced_idle: Duration = Duration::from_micros["core_sched.force_idle_usec"];
        /// How many periods of its quota have passed.
        #[doc(alias = "nr_periods")]
        periods: u64 = count["nr_periods"];
        /// In how many of them it was kept from running.
        #[doc(alias = "nr_throttled")]
        throttled_periods: u64 = count["nr_throttled"];
        /// How long it was kept from running by its quota, on all processors together.
        #[doc(alias = "throttled_usec")]
        #[doc(alias = "throttled_time")]
        throttled: Duration = Duration::from_micros["throttled_usec"], Duration::from_nanos["throttled_time"];
        /// In how many periods it used more than its quota, on what it had saved; Linux 5.15.
        #[doc(alias = "nr_bursts")]
        bursts: u64 = count["nr_bursts"];
        /// How much more that was; Linux 5.15.
        #[doc(alias = "burst_usec")]
        #[doc(alias = "burst_time")]
        burst: Duration = Duration::from_micros["burst_usec"], Duration::from_nanos["burst_time"];
    }
    and {
        /// How long it was kept from running by its own quota or by that of a group above; Linux 6.6.
        #[doc(alias = "cpu.stat.local")]
        throttled_local: Option<Duration>,
        /// The time on each processor, by its number; version 1 alone.
        #[doc(alias = "cpuacct.usage_all")]
        #[doc(alias = "cpuacct.usage_percpu")]
        per_cpu: Vec<CpuTime>,
    }
}

/// Processor time on one processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct CpuTime {
    /// That in user mode.
    pub user: Duration,
    /// That in the kernel.
    pub system: Duration,
}

impl CpuStat {
    /// `cpu.stat` of either version.
    pub(super) fn read(&mut self, text: &str) {
        flat(text, |key, value| self.put(key, value));
    }

    /// `cpu.stat.local` of either version.
    pub(super) fn read_local(&mut self, text: &str) {
        flat(text, |key, value| match (key, number(value)) {
            ("throttled_usec", Some(time)) => self.throttled_local = Some(Duration::from_micros(time)),
            ("throttled_time", Some(time)) => self.throttled_local = Some(Duration::from_nanos(time)),
            _ => self.other.put(key, value),
        });
    }

    /// `cpuacct.usage`.
    pub(super) fn read_usage(&mut self, text: &str) {
        self.usage = number(text).map(Duration::from_nanos);
    }

    /// `cpuacct.usage_all`: a heading, then "0 1200 3400" for each processor.
    pub(super) fn read_usage_all(&mut self, text: &str) {
        let (mut user, mut system) = (Duration::ZERO, Duration::ZERO);
        for line in text.lines() {
            let mut numbers = line.split_ascii_whitespace().map(number);
            let (Some(Some(_)), Some(Some(in_user)), Some(Some(in_kernel))) =
                (numbers.next(), numbers.next(), numbers.next())
            else {
                continue;
            };
            let time = CpuTime { user: Duration::from_nanos(in_user), system: Duration::from_nanos(in_kernel) };
            user = user.saturating_add(time.user);
            system = system.saturating_add(time.system);
            self.per_cpu.push(time);
        }
        if !self.per_cpu.is_empty() {
            (self.user, self.system) = (Some(user), Some(system));
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits: what a group may use.
//!
//! A [`Limits`] is a value: build it, compare it, print it, then [`Cgroup::apply`](crate::Cgroup::apply) it. Unset means
//! "leave alone", which is not the same as [`Max::Unlimited`]. Version 1's files are reached through the same names; the
//! table is in `v1/names.rs`.
//!
//! Man: cgroups(7). Kernel: Documentation/admin-guide/cgroup-v2.rst, "CPU", "Memory", "PID", "Cpuset".

mod check;
mod cpu;
mod cpuset;
mod key;
mod memory;
mod pids;

#[cfg(test)]
mod tests;

pub use cpu::CpuLimits;
pub use cpuset::CpusetLimits;
pub(crate) use key::{Key, Setting, Value};
pub use memory::MemoryLimits;
pub use pids::PidsLimits;

use crate::controller::Controller;
use crate::value::{Bytes, IdList, Max, Quota, Weight};

/// What a group may use; what is unset is left alone.
///
/// ```
/// use skep_cgroup::{Limits, MIB, Quota};
///
/// let limits = Limits::new().memory_max(512 * MIB).pids_max(128).cpu(Quota::millicpus(1500));
/// limits.check()?;
///
/// let few = Limits::new().memory_max("1K".parse::<skep_cgroup::Bytes>()?).pids_max(0);
/// assert_eq!(few.problems().len(), 2);
/// # Ok::<(), skep_cgroup::Error>(())
/// ```
///
/// With the feature `serde` it is `{"memory": {"max": "512M"}, "pids": {"max": 128}, "cpu": {"quota": "1.5"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Limits {
    /// Processor time.
    pub cpu: CpuLimits,
    /// Which processors and memory nodes.
    pub cpuset: CpusetLimits,
    /// Memory and swap.
    pub memory: MemoryLimits,
    /// The number of processes and threads.
    pub pids: PidsLimits,
}

impl Limits {
    /// Nothing is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The most memory that the group may have; who needs more is killed.
    #[must_use]
    #[doc(alias = "memory.max")]
    #[doc(alias = "memory.limit_in_bytes")]
    pub fn memory_max(mut self, max: impl Into<Max<Bytes>>) -> Self {
        self.memory.max = Some(max.into());
        self
    }

    /// The memory from which on the group is slowed down and made to give back. Version 2 alone.
    #[must_use]
    #[doc(alias = "memory.high")]
    pub fn memory_high(mut self, high: impl Into<Max<Bytes>>) -> Self {
        self.memory.high = Some(high.into());
        self
    }

    /// The memory that is taken away only if nothing else can be had. In version 1 it is the soft limit, which is weaker.
    #[must_use]
    #[doc(alias = "memory.low")]
    #[doc(alias = "memory.soft_limit_in_bytes")]
    pub fn memory_low(mut self, low: impl Into<Max<Bytes>>) -> Self {
        self.memory.low = Some(low.into());
        self
    }

    /// The memory that is never taken away. Version 2 alone.
    #[must_use]
    #[doc(alias = "memory.min")]
    pub fn memory_min(mut self, min: impl Into<Max<Bytes>>) -> Self {
        self.memory.min = Some(min.into());
        self
    }

    /// The most swap that the group may have, without its memory. Version 1 limits the sum of both, which is computed.
    #[must_use]
    #[doc(alias = "memory.swap.max")]
    #[doc(alias = "memory.memsw.limit_in_bytes")]
    pub fn swap_max(mut self, max: impl Into<Max<Bytes>>) -> Self {
        self.memory.swap = Some(max.into());
        self
    }

    /// The most processes and threads, together; a fork beyond fails with EAGAIN.
    #[must_use]
    #[doc(alias = "pids.max")]
    pub fn pids_max(mut self, max: impl Into<Max<u64>>) -> Self {
        self.pids.max = Some(max.into());
        self
    }

    /// The processor time in each period.
    #[must_use]
    #[doc(alias = "cpu.max")]
    #[doc(alias = "cpu.cfs_quota_us")]
    pub fn cpu(mut self, quota: Quota) -> Self {
        self.cpu.quota = Some(quota);
        self
    }

    /// The share of processor time where groups compete for it.
    #[must_use]
    #[doc(alias = "cpu.weight")]
    #[doc(alias = "cpu.shares")]
    pub fn cpu_weight(mut self, weight: Weight) -> Self {
        self.cpu.weight = Some(weight);
        self
    }

    /// The processors that the group may run on.
    #[must_use]
    #[doc(alias = "cpuset.cpus")]
    pub fn cpus(mut self, cpus: IdList) -> Self {
        self.cpuset.cpus = Some(cpus);
        self
    }

    /// The memory nodes that the group may use.
    #[must_use]
    #[doc(alias = "cpuset.mems")]
    pub fn mems(mut self, mems: IdList) -> Self {
        self.cpuset.mems = Some(mems);
        self
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The controllers that it takes, each once.
    pub fn controllers(&self) -> impl Iterator<Item = Controller> + use<> {
        let mut all: Vec<Controller> = self.settings().iter().map(|setting| setting.key.controller()).collect();
        all.dedup();
        all.into_iter()
    }
}

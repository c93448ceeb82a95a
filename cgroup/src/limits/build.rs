// SPDX-License-Identifier: MIT OR Apache-2.0
//! Building: the limits that are set most, by a method each. All others are fields.

use super::{DeviceIoLimits, Limits};
use crate::devices::DeviceRules;
use crate::value::{Bytes, DeviceNumber, IdList, Max, Micros, Quota, Weight};

impl Limits {
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

    /// How much of its unused time of earlier periods the group may use on top of its quota.
    #[must_use]
    #[doc(alias = "cpu.max.burst")]
    #[doc(alias = "cpu.cfs_burst_us")]
    pub fn cpu_burst(mut self, burst: Micros) -> Self {
        self.cpu.burst = Some(burst);
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

    /// What the group may use of one block device.
    ///
    /// ```
    /// use skep_cgroup::{DeviceNumber, Limits, MIB};
    ///
    /// let limits = Limits::new().device(DeviceNumber::new(8, 0), |disk| {
    ///     disk.read_bytes = Some((10 * MIB).into());
    ///     disk.writes = Some(200.into());
    /// });
    /// assert_eq!(limits.to_string(), "io.devices.8:0.read_bytes 10 MiB, io.devices.8:0.writes 200");
    /// ```
    #[must_use]
    #[doc(alias = "io.max")]
    pub fn device(mut self, device: DeviceNumber, set: impl FnOnce(&mut DeviceIoLimits)) -> Self {
        set(self.io.devices.entry(device).or_default());
        self
    }

    /// The share of block devices where groups compete for one that io.cost is enabled on.
    #[must_use]
    #[doc(alias = "io.weight")]
    pub fn io_weight(mut self, weight: Weight) -> Self {
        self.io.weight = Some(weight);
        self
    }

    /// The most memory in huge pages of this size.
    #[must_use]
    #[doc(alias = "hugetlb.max")]
    #[doc(alias = "hugetlb.limit_in_bytes")]
    pub fn hugetlb_max(mut self, size: Bytes, max: impl Into<Max<Bytes>>) -> Self {
        self.hugetlb.entry(size).or_default().max = Some(max.into());
        self
    }

    /// Which devices the processes may open and make nodes of, in place of what rules the group had before.
    ///
    /// They hold from the moment of [`Cgroup::apply`](crate::Cgroup::apply): a process that is added afterwards is never
    /// without them. What it has open already it keeps.
    #[must_use]
    #[doc(alias = "devices.allow")]
    #[doc(alias = "devices.deny")]
    pub fn devices(mut self, rules: DeviceRules) -> Self {
        self.devices = Some(rules);
        self
    }
}

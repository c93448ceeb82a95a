// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processors and memory nodes.
//!
//! Man: cpuset(7). Kernel: Documentation/admin-guide/cgroup-v2.rst, "Cpuset"; cgroup-v1/cpusets.rst.

use super::fields::limits_of;
use crate::value::{IdList, Partition};

/// Where a group may run and have its memory; what is unset is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct CpusetLimits {
    /// The processors.
    #[doc(alias = "cpuset.cpus")]
    pub cpus: Option<IdList>,
    /// The memory nodes.
    #[doc(alias = "cpuset.mems")]
    pub mems: Option<IdList>,
    /// The processors that a partition below takes for itself. Version 2 alone, Linux 6.7; there an empty list takes it
    /// back.
    #[doc(alias = "cpuset.cpus.exclusive")]
    pub cpus_exclusive: Option<IdList>,
    /// Whether the group is a partition of its own. Version 2 alone; where the kernel takes the word and makes no partition,
    /// applying it is an error with the kernel's reason.
    #[doc(alias = "cpuset.cpus.partition")]
    pub partition: Option<Partition>,
    /// Whether no group beside may have any of the processors. Version 1 alone, as is all below.
    #[doc(alias = "cpuset.cpu_exclusive")]
    pub cpu_exclusive: Option<bool>,
    /// Whether no group beside may have any of the memory nodes.
    #[doc(alias = "cpuset.mem_exclusive")]
    pub mem_exclusive: Option<bool>,
    /// Whether the kernel too takes memory for the group from its nodes alone.
    #[doc(alias = "cpuset.mem_hardwall")]
    pub mem_hardwall: Option<bool>,
    /// Whether memory moves along when the nodes change or a process joins; version 2 always does that.
    #[doc(alias = "cpuset.memory_migrate")]
    pub memory_migrate: Option<bool>,
    /// Whether pages of files are spread over the nodes.
    #[doc(alias = "cpuset.memory_spread_page")]
    pub memory_spread_page: Option<bool>,
    /// Whether the kernel's own objects of files are spread over the nodes.
    #[doc(alias = "cpuset.memory_spread_slab")]
    pub memory_spread_slab: Option<bool>,
    /// Whether the scheduler balances the load among the processors.
    #[doc(alias = "cpuset.sched_load_balance")]
    pub sched_load_balance: Option<bool>,
    /// How far the scheduler looks for work for an idle processor, from -1 (as the machine does) to 5.
    #[doc(alias = "cpuset.sched_relax_domain_level")]
    pub sched_relax_domain_level: Option<i8>,
}

limits_of!(CpusetLimits {
    memory_migrate: MemoryMigrate as Flag,
    mems: Mems as List,
    cpus: Cpus as List,
    cpus_exclusive: CpusExclusive as List,
    partition: Partition as Partition,
    cpu_exclusive: CpuExclusive as Flag,
    mem_exclusive: MemExclusive as Flag,
    mem_hardwall: MemHardwall as Flag,
    memory_spread_page: SpreadPage as Flag,
    memory_spread_slab: SpreadSlab as Flag,
    sched_load_balance: LoadBalance as Flag,
    sched_relax_domain_level: RelaxLevel as Level,
});

impl CpusetLimits {
    pub(super) fn settings(&self, to: &mut Vec<super::Setting>) {
        self.own_settings(None, to);
    }

    pub(super) fn unset(&mut self, key: super::Key) {
        self.unset_own(key);
    }

    pub(super) fn problems(&self, problems: &mut Vec<String>) {
        if self.cpus.as_ref().is_some_and(IdList::is_empty) {
            problems.push("cpuset.cpus is empty: nothing could run".to_owned());
        }
        if self.mems.as_ref().is_some_and(IdList::is_empty) {
            problems.push("cpuset.mems is empty: nothing could have memory".to_owned());
        }
        for (place, list) in [("cpus", &self.cpus), ("mems", &self.mems), ("cpus_exclusive", &self.cpus_exclusive)] {
            let problem = list.as_ref().and_then(IdList::problem);
            problems.extend(problem.map(|problem| format!("cpuset.{place} {problem}")));
        }
        if let Some(level) = self.sched_relax_domain_level.filter(|level| !(-1..=5).contains(level)) {
            problems.push(format!("cpuset.sched_relax_domain_level {level} is not from -1 to 5"));
        }
    }
}

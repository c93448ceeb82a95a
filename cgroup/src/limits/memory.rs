// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory and swap.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "Memory"; cgroup-v1/memory.rst.

use super::fields::limits_of;
use crate::value::{Bytes, MIB, Max};

/// What of memory and swap a group may use; what is unset is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct MemoryLimits {
    /// The most memory; who needs more is killed. At least 1 MiB. Below what the group uses now, version 1 refuses what it
    /// cannot free, and version 2 kills until it fits.
    #[doc(alias = "memory.max")]
    #[doc(alias = "memory.limit_in_bytes")]
    pub max: Option<Max<Bytes>>,
    /// From here on the group is slowed down. Version 2 alone.
    #[doc(alias = "memory.high")]
    pub high: Option<Max<Bytes>>,
    /// Taken away only if nothing else can be had; in version 1 the soft limit.
    #[doc(alias = "memory.low")]
    #[doc(alias = "memory.soft_limit_in_bytes")]
    pub low: Option<Max<Bytes>>,
    /// Never taken away. Version 2 alone.
    #[doc(alias = "memory.min")]
    pub min: Option<Max<Bytes>>,
    /// The most swap, without memory. Version 1 limits the sum of both, which is computed.
    #[doc(alias = "memory.swap.max")]
    #[doc(alias = "memory.memsw.limit_in_bytes")]
    pub swap: Option<Max<Bytes>>,
    /// From this much swap on the group is slowed down. Version 2 alone.
    #[doc(alias = "memory.swap.high")]
    pub swap_high: Option<Max<Bytes>>,
    /// The most compressed swap in memory. Version 2 alone, Linux 5.19.
    #[doc(alias = "memory.zswap.max")]
    pub zswap_max: Option<Max<Bytes>>,
    /// Whether compressed swap may be written out. Version 2 alone, Linux 6.8.
    #[doc(alias = "memory.zswap.writeback")]
    pub zswap_writeback: Option<bool>,
    /// Whether the kernel kills all of the group where it has to kill one. Version 2 alone.
    #[doc(alias = "memory.oom.group")]
    pub oom_group: Option<bool>,
    /// Whether the kernel kills where there is no memory left; if not, who needs more waits. Version 1 alone.
    #[doc(alias = "memory.oom_control")]
    #[doc(alias = "oom_kill_disable")]
    pub oom_kill: Option<bool>,
    /// How readily memory is swapped out rather than files dropped, from 0 to 200. Version 1 alone.
    #[doc(alias = "memory.swappiness")]
    pub swappiness: Option<u32>,
    /// The most memory for buffers of TCP, which version 2 counts with the rest. Version 1 alone.
    #[doc(alias = "memory.kmem.tcp.limit_in_bytes")]
    pub kernel_tcp: Option<Max<Bytes>>,
}

limits_of!(MemoryLimits {
    min: MemoryMin as Amount,
    low: MemoryLow as Amount,
    high: MemoryHigh as Amount,
    max: MemoryMax as Amount,
    swap: Swap as Amount,
    swap_high: SwapHigh as Amount,
    zswap_max: ZswapMax as Amount,
    zswap_writeback: ZswapWriteback as Flag,
    oom_group: OomGroup as Flag,
    oom_kill: OomKill as Flag,
    swappiness: Swappiness as Number,
    kernel_tcp: KernelTcp as Amount,
});

impl MemoryLimits {
    pub(super) fn settings(&self, to: &mut Vec<super::Setting>) {
        self.own_settings(None, to);
    }

    pub(super) fn unset(&mut self, key: super::Key) {
        self.unset_own(key);
    }

    pub(super) fn problems(&self, problems: &mut Vec<String>) {
        if let Some(max) = self.max.and_then(Max::limit).filter(|max| *max < MIB) {
            let max = max.human();
            problems.push(format!("memory.max {max} is below the 1 MiB the kernel needs to start a process"));
        }
        if let Some(swappiness) = self.swappiness.filter(|swappiness| *swappiness > 200) {
            problems.push(format!("memory.swappiness {swappiness} is not from 0 to 200"));
        }
    }
}

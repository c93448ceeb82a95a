// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory and swap.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "Memory"; cgroup-v1/memory.rst.

use super::memory_use::MemoryUse;
use super::refill::{count, keyed, stat};
use crate::text::{flat, number};
use crate::value::{Bytes, Max};

stat! {
    /// Memory of a group.
    pub struct MemoryStat {
        /// What it has now.
        #[doc(alias = "memory.current")]
        #[doc(alias = "memory.usage_in_bytes")]
        current: Option<Bytes>,
        /// The most it ever had; Linux 5.19 under version 2.
        #[doc(alias = "memory.peak")]
        #[doc(alias = "memory.max_usage_in_bytes")]
        peak: Option<Bytes>,
        /// The most it may have.
        #[doc(alias = "memory.max")]
        #[doc(alias = "memory.limit_in_bytes")]
        max: Option<Max<Bytes>>,
        /// From where on it is slowed down; version 2 alone.
        #[doc(alias = "memory.high")]
        high: Option<Max<Bytes>>,
        /// The swap that it has now.
        #[doc(alias = "memory.swap.current")]
        swap: Option<Bytes>,
        /// The most swap that it ever had; Linux 6.5, version 2 alone.
        #[doc(alias = "memory.swap.peak")]
        swap_peak: Option<Bytes>,
        /// The most swap that it may have; version 2 alone.
        #[doc(alias = "memory.swap.max")]
        swap_max: Option<Max<Bytes>>,
        /// What its compressed swap takes; Linux 5.19, version 2 alone.
        #[doc(alias = "memory.zswap.current")]
        zswap: Option<Bytes>,
        /// Memory and swap together, which version 1 counts and limits.
        #[doc(alias = "memory.memsw")]
        with_swap: WithSwapStat,
        /// Whether it waits for memory right now; version 1 alone.
        under_oom: Option<bool>,
        /// What has happened to it and to groups below.
        #[doc(alias = "memory.events")]
        events: MemoryEvents,
        /// What has happened to it by its own limits; version 2 alone.
        #[doc(alias = "memory.events.local")]
        local_events: MemoryEvents,
        /// What has happened to its swap; version 2 alone.
        #[doc(alias = "memory.swap.events")]
        swap_events: SwapEvents,
        /// What it is used for.
        #[doc(alias = "memory.stat")]
        detail: MemoryUse,
    }
}

stat! {
    /// Memory and swap of a group together; version 1 alone, where it counts swap.
    pub struct WithSwapStat {
        /// What it has now.
        #[doc(alias = "memory.memsw.usage_in_bytes")]
        current: Option<Bytes>,
        /// The most it ever had.
        #[doc(alias = "memory.memsw.max_usage_in_bytes")]
        peak: Option<Bytes>,
        /// The most it may have.
        #[doc(alias = "memory.memsw.limit_in_bytes")]
        max: Option<Max<Bytes>>,
        /// How often it wanted more.
        #[doc(alias = "memory.memsw.failcnt")]
        refused: Option<u64>,
    }
}

keyed! {
    /// How often something has happened to the memory of a group, since it was made.
    #[doc(alias = "memory.events")]
    pub struct MemoryEvents {
        /// Memory was taken away although it had less than `memory.low`.
        low: u64 = count["low"];
        /// A process was slowed down because it had more than `memory.high`.
        high: u64 = count["high"];
        /// It was about to have more than it may: then memory is taken away first.
        #[doc(alias = "memory.failcnt")]
        max: u64 = count["max"];
        /// That was not enough, and a process was refused memory or was to be killed.
        oom: u64 = count["oom"];
        /// Processes that the kernel has killed for memory.
        oom_kill: u64 = count["oom_kill"];
        /// How often it has killed all of the group; Linux 5.17.
        oom_group_kill: u64 = count["oom_group_kill"];
        /// Network connections were slowed down; Linux 6.17.
        sock_throttled: u64 = count["sock_throttled"];
    }
}

keyed! {
    /// How often something has happened to the swap of a group, since it was made.
    #[doc(alias = "memory.swap.events")]
    pub struct SwapEvents {
        /// It had more than `memory.swap.high`; Linux 5.8.
        high: u64 = count["high"];
        /// It was about to have more than it may.
        max: u64 = count["max"];
        /// It could not have more: for its limit, or because there was none left.
        fail: u64 = count["fail"];
    }
}

/// The amount that a file holds.
pub(super) fn amount(text: &str) -> Option<Bytes> {
    number(text).map(Bytes::new)
}

impl MemoryEvents {
    pub(super) fn read(&mut self, text: &str) {
        flat(text, |key, value| self.put(key, value));
    }
}

impl SwapEvents {
    pub(super) fn read(&mut self, text: &str) {
        flat(text, |key, value| self.put(key, value));
    }
}

impl MemoryStat {
    /// `memory.oom_control` of version 1.
    pub(super) fn read_oom_control(&mut self, text: &str) {
        flat(text, |key, value| match (key, number(value)) {
            ("under_oom", Some(number)) => self.under_oom = Some(number != 0),
            _ => self.events.put(key, value),
        });
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory and swap.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "Memory"; cgroup-v1/memory.rst.

use crate::value::{Bytes, Max};

/// What of memory and swap a group may use; what is unset is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct MemoryLimits {
    /// The most memory; who needs more is killed. At least 1 MiB.
    #[doc(alias = "memory.max")]
    pub max: Option<Max<Bytes>>,
    /// From here on the group is slowed down. Version 2 alone.
    #[doc(alias = "memory.high")]
    pub high: Option<Max<Bytes>>,
    /// Taken away only if nothing else can be had; in version 1 the soft limit.
    #[doc(alias = "memory.low")]
    pub low: Option<Max<Bytes>>,
    /// Never taken away. Version 2 alone.
    #[doc(alias = "memory.min")]
    pub min: Option<Max<Bytes>>,
    /// The most swap, without memory.
    #[doc(alias = "memory.swap.max")]
    pub swap: Option<Max<Bytes>>,
}

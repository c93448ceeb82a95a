// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processors and memory nodes.
//!
//! Man: cpuset(7). Kernel: Documentation/admin-guide/cgroup-v2.rst, "Cpuset".

use crate::value::IdList;

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
}

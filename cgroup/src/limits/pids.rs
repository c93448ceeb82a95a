// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes and threads.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "PID".

use crate::value::Max;

/// How many processes and threads a group may have; what is unset is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct PidsLimits {
    /// The most processes and threads, together; from 1 to 4194304.
    #[doc(alias = "pids.max")]
    pub max: Option<Max<u64>>,
}

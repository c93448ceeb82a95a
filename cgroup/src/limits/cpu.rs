// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processor time.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "CPU"; Documentation/scheduler/sched-bwc.rst.

use crate::value::{Quota, Weight};

/// What processor time a group may use; what is unset is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct CpuLimits {
    /// The time in each period.
    #[doc(alias = "cpu.max")]
    pub quota: Option<Quota>,
    /// The share where groups compete, from 1 to 10000.
    #[doc(alias = "cpu.weight")]
    #[doc(alias = "cpu.shares")]
    pub weight: Option<Weight>,
}

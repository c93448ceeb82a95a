// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes and threads.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "PID"; kernel/cgroup/pids.c, `pids_max_write`.

use super::fields::limits_of;
use crate::value::Max;

/// `PID_MAX_LIMIT` of 64-bit kernels.
const MOST: u64 = 4 << 20;

/// How many processes and threads a group may have; what is unset is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct PidsLimits {
    /// The most processes and threads, together; from 1 to 4194304.
    #[doc(alias = "pids.max")]
    pub max: Option<Max<u64>>,
}

limits_of!(PidsLimits { max: Pids as Count });

impl PidsLimits {
    pub(super) fn settings(&self, to: &mut Vec<super::Setting>) {
        self.own_settings(None, to);
    }

    pub(super) fn unset(&mut self, key: super::Key) {
        self.unset_own(key);
    }

    pub(super) fn problems(&self, problems: &mut Vec<String>) {
        match self.max {
            Some(Max::Limit(0)) => problems.push("pids.max 0 lets no process start".to_owned()),
            Some(Max::Limit(max)) if max > MOST => {
                problems.push(format!(
                    "pids.max {max} is more than the {MOST} that the kernel takes; unlimited is \"max\""
                ));
            }
            _ => {}
        }
    }
}

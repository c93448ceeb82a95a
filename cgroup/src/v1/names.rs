// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of files that are more than one limit's.

pub(crate) const MEMORY: &str = "memory.limit_in_bytes";
pub(crate) const MEMORY_AND_SWAP: &str = "memory.memsw.limit_in_bytes";
pub(crate) const QUOTA: &str = "cpu.cfs_quota_us";
pub(crate) const PERIOD: &str = "cpu.cfs_period_us";

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names: which file of version 1 holds a limit.
//!
//! Kernel: Documentation/admin-guide/cgroup-v1/.

use crate::limits::Key;

/// The file that a limit is written to; `None` if version 1 has no such limit.
///
/// | limit | version 2 | version 1 | what differs |
/// |---|---|---|---|
/// | memory.max | memory.max | memory.limit_in_bytes | none is -1 |
/// | memory.high | memory.high | | |
/// | memory.low | memory.low | memory.soft_limit_in_bytes | a hint when memory is short, no protection |
/// | memory.min | memory.min | | |
/// | memory.swap | memory.swap.max | memory.memsw.limit_in_bytes | memory and swap together |
/// | cpu.quota | cpu.max | cpu.cfs_quota_us, cpu.cfs_period_us | two files; none is -1 |
/// | cpu.weight | cpu.weight | cpu.shares | 100 is 1024 |
/// | cpuset.cpus, cpuset.mems | the same | the same | a new group has none at all |
/// | pids.max | pids.max | pids.max | |
pub(crate) const fn file(key: Key) -> Option<&'static str> {
    match key {
        Key::MemoryMax => Some(MEMORY),
        Key::MemoryLow => Some("memory.soft_limit_in_bytes"),
        Key::MemoryHigh | Key::MemoryMin => None,
        Key::Swap => Some(MEMORY_AND_SWAP),
        Key::CpuQuota => Some(QUOTA),
        Key::CpuWeight => Some("cpu.shares"),
        Key::Cpus | Key::Mems | Key::Pids => Some(key.place()),
    }
}

pub(crate) const MEMORY: &str = "memory.limit_in_bytes";
pub(crate) const MEMORY_AND_SWAP: &str = "memory.memsw.limit_in_bytes";
pub(crate) const QUOTA: &str = "cpu.cfs_quota_us";
pub(crate) const PERIOD: &str = "cpu.cfs_period_us";

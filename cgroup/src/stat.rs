// SPDX-License-Identifier: MIT OR Apache-2.0
//! Statistics: what a group uses now, and what it may.
//!
//! A value is `None` where the kernel does not tell: the group does not have the controller, or the kernel not the file.
//! Under version 1 values are converted to what version 2 says.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "Memory", "PID", "CPU".

use std::time::Duration;

use crate::controller::Controller;
use crate::error::Error;
use crate::group::{Cgroup, Directory};
use crate::layout::Version;
use crate::v1::convert;
use crate::value::{Bytes, Max};

/// What a group uses, groups below it included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stat {
    /// Memory.
    pub memory: MemoryStat,
    /// Processes and threads.
    pub pids: PidsStat,
    /// Processor time.
    pub cpu: CpuStat,
}

/// Memory of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MemoryStat {
    /// What it has now.
    #[doc(alias = "memory.current")]
    #[doc(alias = "memory.usage_in_bytes")]
    pub current: Option<Bytes>,
    /// The most it ever had; Linux 5.19 under version 2.
    #[doc(alias = "memory.peak")]
    #[doc(alias = "memory.max_usage_in_bytes")]
    pub peak: Option<Bytes>,
    /// The most it may have.
    #[doc(alias = "memory.max")]
    #[doc(alias = "memory.limit_in_bytes")]
    pub max: Option<Max<Bytes>>,
    /// The swap that it has now.
    #[doc(alias = "memory.swap.current")]
    pub swap: Option<Bytes>,
}

/// Processes and threads of a group, together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PidsStat {
    /// How many there are.
    #[doc(alias = "pids.current")]
    pub current: Option<u64>,
    /// How many there may be.
    #[doc(alias = "pids.max")]
    pub max: Option<Max<u64>>,
}

/// Processor time of a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CpuStat {
    /// All of it, since the group was made.
    #[doc(alias = "cpuacct.usage")]
    #[doc(alias = "usage_usec")]
    pub usage: Option<Duration>,
    /// How long it was kept from running by its quota.
    #[doc(alias = "throttled_usec")]
    pub throttled: Option<Duration>,
}

impl Cgroup {
    /// Reads what the group uses.
    ///
    /// # Errors
    /// `NotFound` if the group was removed. What the kernel has against reading its files.
    pub fn stat(&self) -> Result<Stat, Error> {
        Ok(Stat { memory: self.memory_stat()?, pids: self.pids_stat()?, cpu: self.cpu_stat()? })
    }

    fn memory_stat(&self) -> Result<MemoryStat, Error> {
        let Some(group) = self.of(Controller::Memory) else { return Ok(MemoryStat::default()) };
        let bytes = |name| Ok::<_, Error>(number(group, name)?.map(Bytes::new));
        if group.version() == Version::V2 {
            return Ok(MemoryStat {
                current: bytes("memory.current")?,
                peak: bytes("memory.peak")?,
                max: group.read_if_there("memory.max")?.and_then(|text| text.parse().ok()),
                swap: bytes("memory.swap.current")?,
            });
        }
        let current = bytes("memory.usage_in_bytes")?;
        let both = number(group, "memory.memsw.usage_in_bytes")?;
        Ok(MemoryStat {
            current,
            peak: bytes("memory.max_usage_in_bytes")?,
            max: number(group, "memory.limit_in_bytes")?.map(convert::amount_of),
            // Two files read one after the other: the difference is never exact.
            swap: both.zip(current).map(|(both, current)| Bytes::new(both.saturating_sub(current.as_u64()))),
        })
    }

    fn pids_stat(&self) -> Result<PidsStat, Error> {
        let Some(group) = self.of(Controller::Pids) else { return Ok(PidsStat::default()) };
        let max = group.read_if_there("pids.max")?;
        let max = max.and_then(|text| match text.trim() {
            "max" => Some(Max::Unlimited),
            number => number.parse().ok().map(Max::Limit),
        });
        Ok(PidsStat { current: number(group, "pids.current")?, max })
    }

    fn cpu_stat(&self) -> Result<CpuStat, Error> {
        let (count, quota) = (self.of(Controller::Cpuacct), self.of(Controller::Cpu));
        let of = |group: Option<&Directory>| group.map(|found| found.read_if_there("cpu.stat")).transpose();
        let usage = match count {
            Some(group) if group.version() == Version::V1 => number(group, "cpuacct.usage")?.map(Duration::from_nanos),
            group => of(group)?.flatten().and_then(|text| field(&text, "usage_usec")).map(Duration::from_micros),
        };
        let throttled = of(quota)?.flatten().and_then(|text| {
            let micros = field(&text, "throttled_usec").map(Duration::from_micros);
            micros.or_else(|| field(&text, "throttled_time").map(Duration::from_nanos))
        });
        Ok(CpuStat { usage, throttled })
    }
}

/// The number that a file holds.
fn number(group: &Directory, name: &str) -> Result<Option<u64>, Error> {
    Ok(group.read_if_there(name)?.and_then(|text| text.trim().parse().ok()))
}

/// The number behind a word at the beginning of a line.
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "usage_usec 12\nuser_usec 7\nnr_throttled 0\nthrottled_usec 9\n";
        assert_eq!(field(text, "usage_usec"), Some(12));
        assert_eq!(field(text, "throttled_usec"), Some(9));
        assert_eq!(field(text, "usage"), None);
        assert_eq!(field("throttled_usec many", "throttled_usec"), None);
    }
}

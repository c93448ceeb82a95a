// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys: each limit by its place in [`Limits`], its controller and its file.

use std::fmt;

use super::Limits;
use crate::controller::Controller;
use crate::layout::Lack;
use crate::value::{Bytes, IdList, Max, Quota, Weight};

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    CpuQuota,
    CpuWeight,
    Cpus,
    Mems,
    MemoryMax,
    MemoryHigh,
    MemoryLow,
    MemoryMin,
    Swap,
    Pids,
}

/// A limit and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) key: Key,
    pub(crate) value: Value,
}

/// The value of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Amount(Max<Bytes>),
    Count(Max<u64>),
    Quota(Quota),
    Weight(Weight),
    List(IdList),
}

impl Key {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 10] = [
        Self::CpuQuota,
        Self::CpuWeight,
        Self::Cpus,
        Self::Mems,
        Self::MemoryMax,
        Self::MemoryHigh,
        Self::MemoryLow,
        Self::MemoryMin,
        Self::Swap,
        Self::Pids,
    ];

    /// Its place in [`Limits`].
    pub(crate) const fn place(self) -> &'static str {
        match self {
            Self::CpuQuota => "cpu.quota",
            Self::CpuWeight => "cpu.weight",
            Self::Cpus => "cpuset.cpus",
            Self::Mems => "cpuset.mems",
            Self::MemoryMax => "memory.max",
            Self::MemoryHigh => "memory.high",
            Self::MemoryLow => "memory.low",
            Self::MemoryMin => "memory.min",
            Self::Swap => "memory.swap",
            Self::Pids => "pids.max",
        }
    }

    /// Its file in version 2, where that is not its place.
    pub(crate) const fn v2_file(self) -> &'static str {
        match self {
            Self::CpuQuota => "cpu.max",
            Self::Swap => "memory.swap.max",
            other => other.place(),
        }
    }

    pub(crate) const fn controller(self) -> Controller {
        match self {
            Self::CpuQuota | Self::CpuWeight => Controller::Cpu,
            Self::Cpus | Self::Mems => Controller::Cpuset,
            Self::MemoryMax | Self::MemoryHigh | Self::MemoryLow | Self::MemoryMin | Self::Swap => Controller::Memory,
            Self::Pids => Controller::Pids,
        }
    }
}

/// What is set, as people read it: "memory.max 512 MiB, pids.max 128"; nothing if nothing is.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Setting { key, value }) in self.settings().iter().enumerate() {
            write!(f, "{}{} {}", if at == 0 { "" } else { ", " }, key.place(), value.human())?;
        }
        Ok(())
    }
}

impl Value {
    /// What people read.
    fn human(&self) -> String {
        match self {
            Self::Amount(Max::Limit(amount)) => amount.human().to_string(),
            other => other.text(),
        }
    }

    /// What the file of version 2 takes.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Amount(max) => max.to_string(),
            Self::Count(max) => max.to_string(),
            Self::Quota(quota) => quota.to_string(),
            Self::Weight(weight) => weight.to_string(),
            Self::List(list) => list.to_string(),
        }
    }
}

impl Key {
    /// Has `limits` leave it alone.
    fn unset(self, limits: &mut Limits) {
        let Limits { cpu, cpuset, memory, pids } = limits;
        match self {
            Self::CpuQuota => cpu.quota = None,
            Self::CpuWeight => cpu.weight = None,
            Self::Cpus => cpuset.cpus = None,
            Self::Mems => cpuset.mems = None,
            Self::MemoryMax => memory.max = None,
            Self::MemoryHigh => memory.high = None,
            Self::MemoryLow => memory.low = None,
            Self::MemoryMin => memory.min = None,
            Self::Swap => memory.swap = None,
            Self::Pids => pids.max = None,
        }
    }
}

impl Limits {
    /// The same without what cannot be applied: for who would rather have some limits than none.
    ///
    /// `lacks` is what [`Layout::assess`](crate::Layout::assess) has named.
    #[must_use]
    pub fn without(&self, lacks: &[Lack]) -> Self {
        let mut limits = self.clone();
        for setting in self.settings() {
            if lacks.iter().any(|lack| lack.limit() == Some(setting.key.place())) {
                setting.key.unset(&mut limits);
            }
        }
        limits
    }

    /// What is set, the limits of one controller beside each other.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let Self { cpu, cpuset, memory, pids } = self;
        let all = [
            (Key::CpuQuota, cpu.quota.map(Value::Quota)),
            (Key::CpuWeight, cpu.weight.map(Value::Weight)),
            (Key::Mems, cpuset.mems.clone().map(Value::List)),
            (Key::Cpus, cpuset.cpus.clone().map(Value::List)),
            (Key::MemoryMin, memory.min.map(Value::Amount)),
            (Key::MemoryLow, memory.low.map(Value::Amount)),
            (Key::MemoryHigh, memory.high.map(Value::Amount)),
            (Key::MemoryMax, memory.max.map(Value::Amount)),
            (Key::Swap, memory.swap.map(Value::Amount)),
            (Key::Pids, pids.max.map(Value::Count)),
        ];
        all.into_iter().filter_map(|(key, value)| Some(Setting { key, value: value? })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIB;

    #[test]
    fn every_limit_that_is_set_is_shown_and_can_be_left_out() {
        let limits = Limits::new().memory_max(64 * MIB).pids_max(128).cpu(Quota::millicpus(1500));
        assert_eq!(limits.to_string(), "cpu.quota 150000 100000, memory.max 64 MiB, pids.max 128");
        assert_eq!(Limits::new().to_string(), "");
        let mut each = limits.clone();
        for (number, setting) in limits.settings().iter().enumerate() {
            setting.key.unset(&mut each);
            assert_eq!(each.settings().len(), 2 - number);
        }
        assert_eq!(each, Limits::new());
        assert_eq!(limits.without(&[]), limits);
    }
}

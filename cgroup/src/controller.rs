// SPDX-License-Identifier: MIT OR Apache-2.0
//! Controllers: what the kernel can count and limit, a subsystem each.
//!
//! The names are those of version 2; where version 1 has another ("blkio"), both are read.
//!
//! Man: cgroups(7). Kernel: include/linux/cgroup_subsys.h.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Object};

/// A subsystem that counts or limits what the processes of a group use.
///
/// Displays as one word, the kernel's name in version 2 ("io"); that of version 1 ("blkio") is read too. With the feature
/// `serde` it is that word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Controller {
    /// Processor time: weights and quotas.
    Cpu,
    /// The count of processor time, which is apart in version 1 and always there in version 2.
    Cpuacct,
    /// Which processors and memory nodes.
    Cpuset,
    /// Memory and swap.
    Memory,
    /// Block devices; "blkio" in version 1.
    #[doc(alias = "blkio")]
    #[cfg_attr(feature = "serde", serde(alias = "blkio"))]
    Io,
    /// The number of processes and threads.
    Pids,
    /// Access to device nodes: a hierarchy in version 1, a program on the group in version 2.
    Devices,
    /// Stopping and continuing: a hierarchy in version 1, a file of every group in version 2.
    Freezer,
    /// A mark on network packets; version 1 alone.
    NetCls,
    /// The priority of network packets; version 1 alone.
    NetPrio,
    /// Counting of events for perf.
    PerfEvent,
    /// Huge pages.
    Hugetlb,
    /// RDMA devices.
    Rdma,
    /// Countable resources that are none of these.
    Misc,
    /// Memory of devices, since Linux 6.14.
    Dmem,
}

impl Controller {
    /// Every controller.
    pub const ALL: [Self; 15] = [
        Self::Cpu,
        Self::Cpuacct,
        Self::Cpuset,
        Self::Memory,
        Self::Io,
        Self::Pids,
        Self::Devices,
        Self::Freezer,
        Self::NetCls,
        Self::NetPrio,
        Self::PerfEvent,
        Self::Hugetlb,
        Self::Rdma,
        Self::Misc,
        Self::Dmem,
    ];

    /// The kernel's name in version 2.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Cpuset => "cpuset",
            Self::Memory => "memory",
            Self::Io => "io",
            Self::Pids => "pids",
            Self::Devices => "devices",
            Self::Freezer => "freezer",
            Self::NetCls => "net_cls",
            Self::NetPrio => "net_prio",
            Self::PerfEvent => "perf_event",
            Self::Hugetlb => "hugetlb",
            Self::Rdma => "rdma",
            Self::Misc => "misc",
            Self::Dmem => "dmem",
        }
    }

    /// Whether version 2 has it in every group: it is no controller there, or none that is listed, and need not be enabled.
    pub(crate) const fn is_in_every_group(self) -> bool {
        matches!(self, Self::Cpuacct | Self::Freezer | Self::Devices | Self::PerfEvent)
    }

    /// The controller of this name, in either version.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        let word = if word == "blkio" { "io" } else { word };
        Self::ALL.into_iter().find(|controller| controller.word() == word)
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Controller {
    type Err = Error;

    /// Reads the kernel's name, in either version.
    ///
    /// # Errors
    /// `Invalid` for anything else; the cause lists what is known.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::of_word(text).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(ToString::to_string).collect();
            let problem = format!("{text:?} is none of {}", known.join(", "));
            Error::invalid("parse", Object::Named("controller"), vec![problem])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_controller_is_read_by_its_word_and_blkio_is_io() {
        for controller in Controller::ALL {
            assert_eq!(controller.to_string().parse::<Controller>().unwrap(), controller);
        }
        assert_eq!("blkio".parse::<Controller>().unwrap(), Controller::Io);
        assert!("Memory".parse::<Controller>().is_err());
    }

    #[cfg(feature = "serde")]
    #[test]
    fn serde_uses_the_same_words() {
        for controller in Controller::ALL {
            assert_eq!(serde_json::to_value(controller).unwrap(), controller.word());
        }
        assert_eq!(serde_json::from_str::<Controller>("\"blkio\"").unwrap(), Controller::Io);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Partitions of processors, and what became of them.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "cpuset.cpus.partition".

use std::fmt;
use std::str::FromStr;

use super::{shown, unreadable};
use crate::error::Error;

/// What a group is to the scheduler: part of the group above, or the root of a partition of its own.
///
/// Displays as the kernel's word, and reads that. With the feature `serde` it is that word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Partition {
    /// Part of the partition that the group above is in.
    Member,
    /// A partition of its own, whose processors nobody else has.
    Root,
    /// One in which nothing is moved from processor to processor to balance their load.
    Isolated,
}

/// What the kernel says of a group's partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PartitionState {
    /// What was asked for.
    pub partition: Partition,
    /// Why it is none, in the kernel's words, if it is not what was asked for; older kernels give no reason, and it is empty.
    pub invalid: Option<String>,
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Member => "member",
            Self::Root => "root",
            Self::Isolated => "isolated",
        })
    }
}

impl FromStr for Partition {
    type Err = Error;

    /// Reads the kernel's word.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.trim() {
            "member" => Ok(Self::Member),
            "root" => Ok(Self::Root),
            "isolated" => Ok(Self::Isolated),
            _ => Err(unreadable("partition", format!("{} is none of member, root and isolated", shown(text)))),
        }
    }
}

impl FromStr for PartitionState {
    type Err = Error;

    /// Reads what the file says: "root", "isolated invalid (Cpu list in cpuset.cpus not exclusive)".
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let reason = rest.strip_prefix("invalid").map(|reason| {
            let reason = reason.trim();
            reason.strip_prefix('(').and_then(|reason| reason.strip_suffix(')')).unwrap_or(reason).to_owned()
        });
        Ok(Self { partition: word.parse()?, invalid: reason })
    }
}

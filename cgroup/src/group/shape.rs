// SPDX-License-Identifier: MIT OR Apache-2.0
//! Shape: what may be below a group, whether it is one of threads, and memory given back on request. Version 2 alone.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "Threads", "Core Interface Files", "memory.reclaim".

use std::fmt;

use super::{Cgroup, Directory};
use crate::error::{Error, ErrorKind, Object};
use crate::value::{Bytes, Max};

/// What a group of version 2 is good for.
///
/// Displays as the kernel's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum GroupType {
    /// Processes, whole.
    Domain,
    /// Processes, whose threads may be in groups of threads below it.
    DomainThreaded,
    /// Nothing, until it is made one of threads: a group beside or above it is.
    DomainInvalid,
    /// Threads of the processes in the nearest group above that is none of threads.
    Threaded,
}

impl fmt::Display for GroupType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Domain => "domain",
            Self::DomainThreaded => "domain threaded",
            Self::DomainInvalid => "domain invalid",
            Self::Threaded => "threaded",
        })
    }
}

impl Cgroup {
    /// Limits how many levels of groups there may be below this one; 0 is none.
    ///
    /// # Errors
    /// `Unsupported` if the group has no directory of version 2; `Denied` without the right; `NotFound` if it was removed.
    #[doc(alias = "cgroup.max.depth")]
    pub fn limit_depth(&self, max: impl Into<Max<u64>>) -> Result<(), Error> {
        self.of_v2("limit the groups below")?.write("cgroup.max.depth", &max.into().to_string())
    }

    /// Limits how many groups there may be below this one, at any level.
    ///
    /// # Errors
    /// Those of [`limit_depth`](Self::limit_depth).
    #[doc(alias = "cgroup.max.descendants")]
    pub fn limit_descendants(&self, max: impl Into<Max<u64>>) -> Result<(), Error> {
        self.of_v2("limit the groups below")?.write("cgroup.max.descendants", &max.into().to_string())
    }

    /// Has the kernel free that much of the group's memory, and waits for it; it may free more.
    ///
    /// # Errors
    /// `Busy` if less could be freed; `Unsupported` if the group has no memory controller of version 2, or the kernel no such
    /// file; those of [`limit_depth`](Self::limit_depth).
    /// # Kernel
    /// Linux 5.19.
    #[doc(alias = "memory.reclaim")]
    pub fn reclaim(&self, amount: Bytes) -> Result<(), Error> {
        const FILE: &str = "memory.reclaim";
        let group = self.of_v2("reclaim memory of")?;
        group.write(FILE, &amount.to_string()).map_err(|error| {
            if error.errno() != Some(rustix::io::Errno::AGAIN.raw_os_error()) {
                return error;
            }
            let object = Object::Value { text: amount.to_string(), file: group.path().join(FILE) };
            let errno = error.errno().unwrap_or_default();
            Error::explained("write", object, ErrorKind::Busy, errno, "less than that could be freed")
        })
    }

    /// What the group is good for; `None` if it has no directory of version 2.
    ///
    /// # Errors
    /// `NotFound` if the group was removed; what the kernel has against reading its file.
    #[doc(alias = "cgroup.type")]
    pub fn group_type(&self) -> Result<Option<GroupType>, Error> {
        let Some(group) = self.v2() else { return Ok(None) };
        Ok(match group.read("cgroup.type")?.trim() {
            "domain" => Some(GroupType::Domain),
            "domain threaded" => Some(GroupType::DomainThreaded),
            "domain invalid" => Some(GroupType::DomainInvalid),
            "threaded" => Some(GroupType::Threaded),
            _ => None,
        })
    }

    /// Makes it a group of threads, for good: threads of processes in the group above can be moved into it, and it may have
    /// limits although the group above has processes. Only controllers that know threads (cpu, cpuset, pids) work there.
    ///
    /// # Errors
    /// `WrongState` if the group has processes, or gives controllers that do not know threads, or the group above is not
    /// fit for it; those of [`limit_depth`](Self::limit_depth).
    #[doc(alias = "cgroup.type")]
    pub fn make_threaded(&self) -> Result<(), Error> {
        let group = self.of_v2("make a group of threads of")?;
        group.write("cgroup.type", "threaded").map_err(|error| {
            if !matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Busy) {
                return error;
            }
            let object = Object::Group(group.path().to_owned());
            let why =
                "it or the group above has processes along with controllers that do not know threads, or groups below";
            Error::explained(
                "make a group of threads of",
                object,
                ErrorKind::WrongState,
                error.errno().unwrap_or_default(),
                why,
            )
        })
    }

    fn of_v2(&self, op: &'static str) -> Result<&Directory, Error> {
        let held = self.held(op)?;
        self.v2().ok_or_else(|| {
            let object = Object::Group(held.path().to_owned());
            let why = "the group has no directory of version 2, and version 1 has no such thing";
            Error::explained(op, object, ErrorKind::Unsupported, 0, why)
        })
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lacks: what could not be had, and why.

use std::fmt;
use std::path::{Path, PathBuf};

use super::Version;
use crate::controller::Controller;
use crate::limits::Setting;

/// One limit that could not be applied, or the group itself that could not be made.
///
/// Displays as a sentence: "memory.max cannot be applied: the memory controller is not mounted".
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Lack {
    pub(super) limit: Option<String>,
    pub(super) controller: Option<Controller>,
    pub(super) reason: Reason,
    /// The reason in words of its own, where there is more to say.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub(super) detail: Option<String>,
    pub(super) directory: Option<PathBuf>,
}

/// Why something could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Reason {
    /// No hierarchy has the controller: it is not mounted, not built in, or disabled at boot.
    NotMounted,
    /// The group that we would be below does not have the controller, and we may not give it.
    NotOffered,
    /// Version 1 has no such limit.
    NoSuchLimit,
    /// Version 2 has no such limit.
    OnlyVersion1,
    /// The group has no directory in the hierarchy with the controller.
    NotJoined,
    /// This kernel does not have the file.
    NoSuchFile,
    /// The directory is not delegated to this user.
    NotDelegated,
    /// The hierarchy is mounted read-only.
    ReadOnly,
    /// Our own group, which the path is relative to, is not below the mount point.
    OutOfView,
    /// A group above has processes of its own, and version 2 gives controllers only below groups that have none.
    HasProcesses,
    /// Version 1 cannot express these device rules: it has one default, and exceptions to it.
    Inexpressible,
    /// The right is missing that no delegation gives: `CAP_SYS_ADMIN` of the first user namespace, for device rules.
    NotPermitted,
    /// The directory cannot be looked at.
    Unreadable,
}

impl Reason {
    /// That a version has no such limit.
    pub(crate) fn no_such_limit(version: Version) -> Self {
        match version {
            Version::V1 => Self::NoSuchLimit,
            Version::V2 => Self::OnlyVersion1,
        }
    }
}

impl Lack {
    /// That of a limit.
    pub(crate) fn of(setting: &Setting, reason: Reason, directory: Option<PathBuf>) -> Self {
        let (limit, controller) = (Some(setting.place()), Some(setting.key.controller()));
        Self { limit, controller, reason, detail: None, directory }
    }

    /// The same, and the reason in words of its own.
    pub(crate) fn with_detail(self, detail: String) -> Self {
        Self { detail: Some(detail), ..self }
    }

    /// The place of the limit in [`Limits`](crate::Limits), such as "memory.max"; `None` if it is the group itself.
    #[must_use]
    pub fn limit(&self) -> Option<&str> {
        self.limit.as_deref()
    }

    /// The controller that the limit takes.
    #[must_use]
    pub fn controller(&self) -> Option<Controller> {
        self.controller
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The directory that it is about, if it is about one.
    #[must_use]
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.limit {
            Some(limit) => write!(f, "{limit} cannot be applied: ")?,
            None => f.write_str("the group cannot be made: ")?,
        }
        match (self.controller, self.reason) {
            _ if self.detail.is_some() => f.write_str(self.detail.as_deref().unwrap_or_default())?,
            (Some(controller), Reason::NotMounted) => write!(f, "the {controller} controller is not mounted")?,
            (None, Reason::NotMounted) => f.write_str("no cgroup hierarchy is mounted")?,
            (Some(controller), Reason::NotOffered) => {
                write!(f, "the {controller} controller is not available to groups there")?;
            }
            (None, Reason::NotOffered) => f.write_str("a controller is not available to groups there")?,
            (_, Reason::NoSuchLimit) => f.write_str("cgroup version 1 has no such limit")?,
            (_, Reason::OnlyVersion1) => f.write_str("cgroup version 2 has no such limit")?,
            (Some(controller), Reason::NotJoined) => {
                write!(f, "the group has no directory with the {controller} controller")?;
            }
            (None, Reason::NotJoined) => f.write_str("the group has no directory there")?,
            (_, Reason::NoSuchFile) => f.write_str("this kernel has no such limit")?,
            (_, Reason::NotDelegated) => f.write_str("the directory is not delegated to this user")?,
            (_, Reason::ReadOnly) => f.write_str("the hierarchy is mounted read-only")?,
            (_, Reason::OutOfView) => {
                f.write_str("our own group is not below the mount point, and the path is relative to it")?;
            }
            (_, Reason::HasProcesses) => {
                f.write_str("the group above has processes of its own, and gives no controllers while it does")?;
            }
            (_, Reason::Inexpressible) => f.write_str("cgroup version 1 cannot express it")?,
            (_, Reason::NotPermitted) => {
                f.write_str("it takes CAP_SYS_ADMIN of the first user namespace, which we do not have")?;
            }
            (_, Reason::Unreadable) => f.write_str("the directory cannot be looked at")?,
        }
        match &self.directory {
            Some(directory) => write!(f, " ({directory:?})"),
            None => Ok(()),
        }
    }
}

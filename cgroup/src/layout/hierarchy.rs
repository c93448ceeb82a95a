// SPDX-License-Identifier: MIT OR Apache-2.0
//! One hierarchy: where it is mounted, our own group in it, and what of that group is ours.
//!
//! Man: cgroups(7).

use std::path::{Path, PathBuf};

use super::{Access, Version};
use crate::controller::Controller;
use crate::path::{self, GroupPath};

/// One mounted hierarchy.
///
/// Where one is mounted several times, bound elsewhere for instance, it is the mount in which our own group is seen that
/// counts; then one that can be written to, the one with the widest view, the first.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Hierarchy {
    pub(super) version: Version,
    /// "systemd" of "name=systemd".
    pub(super) name: Option<String>,
    pub(super) controllers: Vec<Controller>,
    pub(super) mount_point: PathBuf,
    /// Which group the mount point is, as `/proc/self/cgroup` would name it.
    pub(super) mount_root: PathBuf,
    /// Our own group, as seen from the mount point.
    pub(super) own: Option<PathBuf>,
    pub(super) access: Access,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) options: Vec<String>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) available: Vec<Controller>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) passed_on: Vec<Controller>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) may_pass_on: Vec<Controller>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) withheld: Vec<String>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) delegated: Option<PathBuf>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(super) marked: Option<PathBuf>,
}

impl Hierarchy {
    /// Its version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// The name of a hierarchy of version 1 that has one, such as "systemd".
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The controllers that live in it: in version 2 those that the group at the mount point has.
    #[must_use]
    pub fn controllers(&self) -> &[Controller] {
        &self.controllers
    }

    /// Where it is mounted.
    #[must_use]
    pub fn mount_point(&self) -> &Path {
        &self.mount_point
    }

    /// Our own group as an absolute path below the mount point, "/" if it is the mount point; `None` if it is not below.
    #[must_use]
    pub fn own_group(&self) -> Option<&Path> {
        self.own.as_deref()
    }

    /// What we may do in our own group.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// Which of the files that make a group delegated we may not write to in our own; none if it is wholly ours.
    #[must_use]
    #[doc(alias = "/sys/kernel/cgroup/delegate")]
    pub fn withheld(&self) -> &[String] {
        &self.withheld
    }

    /// The highest group that is ours, with all on the way from it down to our own, as an absolute path below the mount
    /// point: what was delegated to us. `None` if not even our own group is.
    ///
    /// For root it says little: to root everything belongs. See [`marked_group`](Self::marked_group).
    #[must_use]
    pub fn delegated_group(&self) -> Option<&Path> {
        self.delegated.as_deref()
    }

    /// The nearest group, our own or above it, of which systemd has noted that it leaves everything below to others
    /// (`Delegate=yes`; the attribute `user.delegate`, or `trusted.delegate`, which root alone can read). Outside of such a group systemd
    /// may move processes and remove groups as it sees fit, also those of root.
    #[must_use]
    #[doc(alias = "user.delegate")]
    #[doc(alias = "trusted.delegate")]
    #[doc(alias = "Delegate=")]
    pub fn marked_group(&self) -> Option<&Path> {
        self.marked.as_deref()
    }

    /// The controllers that our own group has: in version 2 those that the groups above pass on.
    #[must_use]
    #[doc(alias = "cgroup.controllers")]
    pub fn available(&self) -> &[Controller] {
        &self.available
    }

    /// The controllers that our own group passes on to groups below it; version 2.
    #[must_use]
    #[doc(alias = "cgroup.subtree_control")]
    pub fn passed_on(&self) -> &[Controller] {
        &self.passed_on
    }

    /// The controllers that we may let our own group pass on; version 2. None while it has processes, one of which
    /// we are: the root group alone is exempt.
    #[must_use]
    pub fn may_pass_on(&self) -> &[Controller] {
        &self.may_pass_on
    }

    /// How the hierarchy is mounted, in the kernel's words, such as "nsdelegate", "memory_recursiveprot",
    /// "memory_localevents", "pids_localevents", "favordynmods" of version 2, "clone_children" and "xattr" of version 1.
    #[must_use]
    #[doc(alias = "nsdelegate")]
    #[doc(alias = "memory_recursiveprot")]
    #[doc(alias = "memory_localevents")]
    #[doc(alias = "pids_localevents")]
    pub fn options(&self) -> &[String] {
        &self.options
    }

    /// Whether it is mounted with this option.
    #[must_use]
    pub fn has_option(&self, option: &str) -> bool {
        self.options.iter().any(|found| found == option)
    }

    /// The names from the mount point down to the group that `path` means here; `None` if it is relative to a group of ours
    /// that is not in view.
    pub(crate) fn place(&self, path: &GroupPath) -> Option<GroupPath> {
        if path.is_absolute() { Some(path.clone()) } else { Some(path.below(path::parts(self.own.as_deref()?))) }
    }

    /// Which group the mount point is.
    pub(crate) fn mount_root(&self) -> &Path {
        &self.mount_root
    }
}

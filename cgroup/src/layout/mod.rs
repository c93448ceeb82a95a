// SPDX-License-Identifier: MIT OR Apache-2.0
//! The layout: which hierarchies this machine has mounted, where we are in each, and what we may do there.
//!
//! A [`Layout`] is a value, found once and kept: `/proc/self/mountinfo` says where the hierarchies are,
//! `/proc/self/cgroup` which group we are in. Both speak of what is seen from our cgroup namespace and mount namespace.
//!
//! Man: cgroups(7), cgroup_namespaces(7), proc_pid_mountinfo(5).

mod assess;
mod detect;
mod lack;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::controller::Controller;
use crate::path::{self, GroupPath};

pub(crate) use detect::controllers;
pub use lack::{Lack, Reason};
pub(crate) use text::groups;

/// Where the hierarchies of control groups are, and our own place in them.
///
/// ```
/// use skep_cgroup::{Layout, Limits, MIB};
///
/// let layout = Layout::detect()?;
/// println!("{layout}");
/// for lack in layout.assess("web", &Limits::new().memory_max(64 * MIB))? {
///     println!("{lack}");
/// }
/// # Ok::<(), skep_cgroup::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Layout {
    hierarchies: Vec<Hierarchy>,
}

/// The sort of a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum LayoutKind {
    /// No hierarchy with a controller is mounted.
    None,
    /// A hierarchy of version 1 for each controller, or for a few together.
    V1,
    /// The one hierarchy of version 2.
    V2,
    /// Controllers of version 1, and the hierarchy of version 2 beside them.
    Hybrid,
}

/// A version of the kernel's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Version {
    /// Version 1.
    V1,
    /// Version 2, "unified".
    V2,
}

/// What we may do in our own group of a hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Access {
    /// Make groups in it.
    Writable,
    /// Nothing: it is not delegated to this user.
    Denied,
    /// Nothing: the hierarchy is mounted read-only.
    ReadOnly,
    /// Nothing by a relative path: our own group is not below the mount point.
    OutOfView,
}

/// One mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Hierarchy {
    version: Version,
    /// "systemd" of "name=systemd".
    name: Option<String>,
    controllers: Vec<Controller>,
    mount_point: PathBuf,
    /// Which group the mount point is, as `/proc/self/cgroup` would name it.
    mount_root: PathBuf,
    /// Our own group, as seen from the mount point.
    own: Option<PathBuf>,
    access: Access,
}

impl Layout {
    /// The sort of layout. A hierarchy without controllers (systemd's own, of version 1) does not count beside version 2.
    #[must_use]
    pub fn kind(&self) -> LayoutKind {
        let v2 = self.v2().is_some();
        let v1 = self.hierarchies.iter().any(|found| found.version == Version::V1 && !found.controllers.is_empty());
        match (v1, v2) {
            (false, false) => LayoutKind::None,
            (true, false) => LayoutKind::V1,
            (false, true) => LayoutKind::V2,
            (true, true) => LayoutKind::Hybrid,
        }
    }

    /// Every hierarchy, that of version 2 first.
    #[must_use]
    pub fn hierarchies(&self) -> &[Hierarchy] {
        &self.hierarchies
    }

    /// The hierarchy of version 2.
    #[must_use]
    pub fn v2(&self) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|found| found.version == Version::V2)
    }

    /// The hierarchy that a controller lives in. In version 2 the count of processor time, freezing and devices have no
    /// controllers of their own and are in every group; where version 1 has none, that is their hierarchy.
    #[must_use]
    pub fn of(&self, controller: Controller) -> Option<&Hierarchy> {
        let found = self.hierarchies.iter().find(|found| found.controllers.contains(&controller));
        found.or_else(|| self.v2().filter(|_| controller.is_in_every_group()))
    }

    /// The directories that a group of this path with these controllers has, or would have: see
    /// [`Cgroup::create_with`](crate::Cgroup::create_with). For who writes down what will be made before it is.
    ///
    /// Pure. A path that names no group, and a hierarchy that does not have the place in view, have none.
    #[must_use]
    pub fn directories(
        &self,
        path: impl AsRef<Path>,
        controllers: impl IntoIterator<Item = Controller>,
    ) -> Vec<PathBuf> {
        let Ok(path) = GroupPath::new("find", path.as_ref()) else { return Vec::new() };
        let mut hierarchies: Vec<&Hierarchy> = self.tracking().into_iter().collect();
        for hierarchy in controllers.into_iter().filter_map(|controller| self.of(controller)) {
            if !hierarchies.contains(&hierarchy) {
                hierarchies.push(hierarchy);
            }
        }
        let place = |found: &&Hierarchy| Some(found.mount_point().join(found.place(&path)?.as_path()));
        hierarchies.iter().filter_map(place).collect()
    }

    /// The hierarchy by which the processes of a group are kept track of, and killed: version 2; without it the freezer,
    /// which stops forks while we kill; without that the first that can be had.
    pub(crate) fn tracking(&self) -> Option<&Hierarchy> {
        let with = |controller| self.hierarchies.iter().find(|found| found.controllers.contains(&controller));
        let any = || self.hierarchies.iter().find(|found| !found.controllers.is_empty());
        self.v2().or_else(|| with(Controller::Freezer)).or_else(|| with(Controller::Pids)).or_else(any)
    }
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

    /// The names from the mount point down to the group that `path` means here; `None` if it is relative to a group of ours
    /// that is not in view.
    pub(crate) fn place(&self, path: &GroupPath) -> Option<GroupPath> {
        if path.is_absolute() { Some(path.clone()) } else { Some(path.below(path::parts(self.own.as_deref()?))) }
    }

    /// Which group the mount point is.
    pub(crate) fn mount_root(&self) -> &Path {
        &self.mount_root
    }

    /// The controllers, or the name, as the kernel writes them in version 1.
    fn title(&self) -> String {
        let mut words: Vec<String> = self.controllers.iter().map(ToString::to_string).collect();
        words.extend(self.name.iter().map(|name| format!("name={name}")));
        if words.is_empty() { "no controllers".to_owned() } else { words.join(",") }
    }
}

impl fmt::Display for LayoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::Hybrid => "hybrid",
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Writable => "writable",
            Self::Denied => "not delegated to this user",
            Self::ReadOnly => "mounted read-only",
            Self::OutOfView => "out of view",
        })
    }
}

impl fmt::Display for Hierarchy {
    /// "v1 cpu,cpuacct at "/sys/fs/cgroup/cpu,cpuacct", our group "/", writable".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {:?}", self.version, self.title(), self.mount_point)?;
        match &self.own {
            Some(own) => write!(f, ", our group {own:?}, {}", self.access),
            None => write!(f, ", our group out of view"),
        }
    }
}

impl fmt::Display for Layout {
    /// The kind, then a line for each hierarchy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cgroups: {}", self.kind())?;
        self.hierarchies.iter().try_for_each(|hierarchy| write!(f, "\n  {hierarchy}"))
    }
}

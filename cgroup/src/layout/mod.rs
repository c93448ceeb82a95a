// SPDX-License-Identifier: MIT OR Apache-2.0
//! The layout: which hierarchies this machine has mounted, where we are in each, and what we may do there.
//!
//! A [`Layout`] is a value, found once and kept: `/proc/self/mountinfo` says where the hierarchies are,
//! `/proc/self/cgroup` which group we are in. Both speak of what is seen from our cgroup namespace and mount namespace.
//!
//! Man: cgroups(7), cgroup_namespaces(7), proc_pid_mountinfo(5).

mod assess;
mod delegated;
mod detect;
mod hierarchy;
mod lack;
mod said;
mod text;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::path::GroupPath;
use crate::value::shown;

pub(crate) use detect::controllers;
pub use hierarchy::Hierarchy;
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
    /// The names of hierarchies that groups are to be made in too.
    #[cfg_attr(feature = "serde", serde(default))]
    named: Vec<String>,
    #[cfg_attr(feature = "serde", serde(default))]
    unmounted: Vec<Controller>,
    #[cfg_attr(feature = "serde", serde(default))]
    disabled: Vec<Controller>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Version {
    /// Version 1.
    #[default]
    V1,
    /// Version 2, "unified".
    V2,
}

/// What we may do in our own group of a hierarchy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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
    #[default]
    OutOfView,
    /// It was not looked at: see [`Layout::locate`].
    Unknown,
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

    /// The hierarchy that a controller lives in. In version 2 the count of processor time, freezing, devices and perf's
    /// counting are in every group without being listed; where version 1 has none, that is their hierarchy.
    #[must_use]
    pub fn of(&self, controller: Controller) -> Option<&Hierarchy> {
        let found = self.hierarchies.iter().find(|found| found.controllers.contains(&controller));
        found.or_else(|| self.v2().filter(|_| controller.is_in_every_group()))
    }

    /// The hierarchy of version 1 with this name, such as "systemd".
    #[must_use]
    #[doc(alias = "name=systemd")]
    pub fn named(&self, name: &str) -> Option<&Hierarchy> {
        self.hierarchies.iter().find(|found| found.name.as_deref() == Some(name))
    }

    /// The same layout, in which groups are made, opened and joined in the hierarchy of this name too: for processes that have
    /// to be in one, such as a systemd of version 1 in a root of its own.
    ///
    /// Not for processes that the machine's own systemd looks after: it finds them by their place there.
    ///
    /// # Errors
    /// `Unsupported` if no hierarchy in view has the name.
    pub fn with_named(mut self, name: &str) -> Result<Self, Error> {
        if self.named(name).is_none() {
            let names: Vec<_> = self.hierarchies.iter().filter_map(|found| found.name.as_deref()).collect();
            let there = if names.is_empty() { "none with a name".to_owned() } else { names.join(", ") };
            let why = format!("no hierarchy here has the name {}: there is {there}", shown(name));
            return Err(Error::because("take", Object::Named("a named hierarchy"), ErrorKind::Unsupported, why));
        }
        if !self.named.iter().any(|known| known == name) {
            self.named.push(name.to_owned());
        }
        Ok(self)
    }

    /// The controllers that this kernel has and no hierarchy in view: those of version 1 alone that nobody mounted, and
    /// those of version 2 that the visible part of it does not have.
    #[must_use]
    #[doc(alias = "/proc/cgroups")]
    pub fn unmounted(&self) -> &[Controller] {
        &self.unmounted
    }

    /// The controllers that were turned off when the machine was started (`cgroup_disable=`).
    #[must_use]
    #[doc(alias = "cgroup_disable")]
    pub fn disabled(&self) -> &[Controller] {
        &self.disabled
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
        for hierarchy in self.asked() {
            if !hierarchies.contains(&hierarchy) {
                hierarchies.push(hierarchy);
            }
        }
        let place = |found: &&Hierarchy| Some(found.mount_point().join(found.place(&path)?.as_path()));
        hierarchies.iter().filter_map(place).collect()
    }

    /// The named hierarchies that groups are to be made in.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &Hierarchy> {
        self.hierarchies.iter().filter(|found| self.asks_for(found))
    }

    /// Whether groups are to be made in this one for its name.
    pub(crate) fn asks_for(&self, hierarchy: &Hierarchy) -> bool {
        hierarchy.name.as_ref().is_some_and(|name| self.named.contains(name))
    }

    /// The hierarchies that groups are opened in, that to keep track of processes by first.
    pub(crate) fn opens(&self) -> impl Iterator<Item = &Hierarchy> {
        let tracking = self.tracking();
        let others = self.hierarchies.iter().filter(move |found| Some(*found) != tracking);
        tracking.into_iter().chain(others.filter(|found| !found.controllers.is_empty() || self.asks_for(found)))
    }

    /// Of these controllers those that no hierarchy has.
    fn without_hierarchy(&self, controllers: Vec<Controller>) -> Vec<Controller> {
        controllers.into_iter().filter(|found| self.of(*found).is_none()).collect()
    }

    /// The hierarchy by which the processes of a group are kept track of, and killed: version 2; without it the freezer,
    /// which stops forks while we kill; without that the first that can be had.
    pub(crate) fn tracking(&self) -> Option<&Hierarchy> {
        let with = |controller| self.hierarchies.iter().find(|found| found.controllers.contains(&controller));
        let any = || self.hierarchies.iter().find(|found| !found.controllers.is_empty() || self.asks_for(found));
        self.v2().or_else(|| with(Controller::Freezer)).or_else(|| with(Controller::Pids)).or_else(any)
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts: what shall be mounted where in a root, in order, as a value.
//!
//! A [`Mounts`] is built, compared, stored and altered; [`problems`](Mounts::problems) tells what is wrong with it without
//! looking at the machine. [`Steps`](crate::Steps) are made from it, and those are performed.

mod attributes;
mod bind;
mod cgroups;
mod check;
mod device;
mod devices;
mod disk;
mod idmap;
mod named;
mod overlay;
mod plain;
mod proc;
mod propagation;
mod rings;
mod standard;
mod symlink;
#[cfg(test)]
mod tests;
mod tmpfs;

use std::path::{Path, PathBuf};

pub use attributes::Attributes;
pub use bind::Bind;
pub use cgroups::{CgroupAccess, Cgroups, Hierarchy};
pub(crate) use check::{is_in_root, path_problems, plain};
pub use device::{Device, DeviceKind};
pub use devices::{Dev, Devpts};
pub use disk::Disk;
pub use idmap::{IdRange, Idmap};
pub use named::FileSystem;
pub(crate) use overlay::joined;
pub use overlay::{Changes, Overlay, Redirect, Xino};
pub use plain::{Mqueue, Sysfs};
pub use proc::{HidePid, Proc};
pub use propagation::Propagation;
pub use symlink::Symlink;
pub use tmpfs::Tmpfs;

/// What is mounted in a root, in this order; then what is made read-only, then what is masked.
///
/// ```
/// use skep_rootfs::{Bind, Mounts, Proc, Tmpfs};
///
/// let mounts = Mounts::new()
///     .add(Proc::new("/proc"))
///     .add(Tmpfs::new("/run").size(64 << 20))
///     .add(Bind::new("/var/log/web", "/logs").read_only())
///     .mask(["/proc/kcore", "/sys/firmware"]);
/// mounts.check()?;
/// # Ok::<(), skep_rootfs::Error>(())
/// ```
///
/// With the feature `serde` it is `{"mounts": [{"type": "tmpfs", "target": "/run", …}], "read_only": […], "masked": […]}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Mounts {
    /// What is mounted, in this order: a parent before what is mounted in it.
    pub mounts: Vec<Mount>,
    /// Directories that are made, with those above them, where there is nothing once everything is mounted.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::paths"))]
    pub directories: Vec<PathBuf>,
    /// Paths that become read-only, with all that is mounted below them; those that are absent stay so.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::paths"))]
    pub read_only: Vec<PathBuf>,
    /// Paths that are covered by something empty; those that are absent stay so.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::paths"))]
    pub masked: Vec<PathBuf>,
    /// Whether a mount may be where an earlier one is, or above it, which is then seen no more.
    pub may_hide: bool,
}

/// One mount, or a link that is made among them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "type", rename_all = "lowercase")
)]
#[non_exhaustive]
pub enum Mount {
    /// Something of this machine that is seen in the root too.
    Bind(Bind),
    /// Files in memory.
    Tmpfs(Tmpfs),
    /// Processes.
    Proc(Proc),
    /// Devices and drivers.
    Sysfs(Sysfs),
    /// Pseudo terminals.
    Devpts(Devpts),
    /// Message queues.
    Mqueue(Mqueue),
    /// A minimal /dev.
    Dev(Dev),
    /// Directories seen as one.
    Overlay(Overlay),
    /// A symbolic link.
    Symlink(Symlink),
    /// Any other file system, by its name.
    FileSystem(FileSystem),
    /// A file with a file system in it.
    Disk(Disk),
    /// Control groups.
    Cgroups(Cgroups),
    /// A device beside those of a minimal /dev.
    Device(Device),
}

impl Mount {
    /// Where in the root.
    #[must_use]
    pub fn target(&self) -> &Path {
        match self {
            Mount::Bind(Bind { target, .. })
            | Mount::Tmpfs(Tmpfs { target, .. })
            | Mount::Proc(Proc { target, .. })
            | Mount::Sysfs(Sysfs { target, .. })
            | Mount::Devpts(Devpts { target, .. })
            | Mount::Mqueue(Mqueue { target, .. })
            | Mount::Dev(Dev { target, .. })
            | Mount::Overlay(Overlay { target, .. })
            | Mount::Symlink(Symlink { target, .. })
            | Mount::FileSystem(FileSystem { target, .. })
            | Mount::Disk(Disk { target, .. })
            | Mount::Cgroups(Cgroups { target, .. })
            | Mount::Device(Device { target, .. }) => target,
        }
    }

    /// Whether the target is made where it is absent.
    #[must_use]
    pub fn creates_target(&self) -> bool {
        match self {
            Mount::Bind(Bind { create, .. })
            | Mount::Tmpfs(Tmpfs { create, .. })
            | Mount::Proc(Proc { create, .. })
            | Mount::Sysfs(Sysfs { create, .. })
            | Mount::Devpts(Devpts { create, .. })
            | Mount::Mqueue(Mqueue { create, .. })
            | Mount::Dev(Dev { create, .. })
            | Mount::Overlay(Overlay { create, .. })
            | Mount::FileSystem(FileSystem { create, .. })
            | Mount::Disk(Disk { create, .. })
            | Mount::Cgroups(Cgroups { create, .. })
            | Mount::Device(Device { create, .. }) => *create,
            Mount::Symlink(_) => true,
        }
    }

    /// Whether it is made before the steps are performed, by who may do more: [`Steps::prepare`](crate::Steps::prepare).
    #[must_use]
    pub fn needs_preparing(&self) -> bool {
        matches!(
            self,
            Mount::Disk(_)
                | Mount::Bind(Bind { idmap: Some(_), .. } | Bind { by_caller: true, .. })
                | Mount::Tmpfs(Tmpfs { copy_up: true, .. })
                | Mount::Device(Device { from: None, .. })
        )
    }

    /// What may not be done through it. A link has none.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        match self {
            Mount::Bind(Bind { attributes, .. })
            | Mount::Tmpfs(Tmpfs { attributes, .. })
            | Mount::Proc(Proc { attributes, .. })
            | Mount::Sysfs(Sysfs { attributes, .. })
            | Mount::Devpts(Devpts { attributes, .. })
            | Mount::Mqueue(Mqueue { attributes, .. })
            | Mount::Dev(Dev { attributes, .. })
            | Mount::Overlay(Overlay { attributes, .. })
            | Mount::FileSystem(FileSystem { attributes, .. })
            | Mount::Disk(Disk { attributes, .. })
            | Mount::Cgroups(Cgroups { attributes, .. })
            | Mount::Device(Device { attributes, .. }) => *attributes,
            Mount::Symlink(_) => Attributes::empty(),
        }
    }

    /// What every kind has. A link has none of it.
    pub(crate) fn set_common(&mut self, its_attributes: Attributes, makes: bool) {
        match self {
            Mount::Bind(Bind { attributes, create, .. })
            | Mount::Tmpfs(Tmpfs { attributes, create, .. })
            | Mount::Proc(Proc { attributes, create, .. })
            | Mount::Sysfs(Sysfs { attributes, create, .. })
            | Mount::Devpts(Devpts { attributes, create, .. })
            | Mount::Mqueue(Mqueue { attributes, create, .. })
            | Mount::Dev(Dev { attributes, create, .. })
            | Mount::Overlay(Overlay { attributes, create, .. })
            | Mount::FileSystem(FileSystem { attributes, create, .. })
            | Mount::Disk(Disk { attributes, create, .. })
            | Mount::Cgroups(Cgroups { attributes, create, .. })
            | Mount::Device(Device { attributes, create, .. }) => {
                *attributes = its_attributes;
                *create = makes;
            }
            Mount::Symlink(_) => {}
        }
    }

    /// Where mounts go to that are made in it later, and where they come from, if that is said.
    #[must_use]
    pub fn propagation(&self) -> Option<Propagation> {
        match self {
            Mount::Bind(Bind { propagation, .. })
            | Mount::FileSystem(FileSystem { propagation, .. })
            | Mount::Disk(Disk { propagation, .. }) => *propagation,
            _ => None,
        }
    }
}

macro_rules! from_kind {
    ($($kind:ident),*) => {
        $(impl From<$kind> for Mount {
            fn from(mount: $kind) -> Self {
                Mount::$kind(mount)
            }
        })*
    };
}
from_kind!(Bind, Tmpfs, Proc, Sysfs, Devpts, Mqueue, Dev, Overlay, Symlink, FileSystem, Disk, Cgroups, Device);

impl Mounts {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { mounts: Vec::new(), directories: Vec::new(), read_only: Vec::new(), masked: Vec::new(), may_hide: false }
    }

    /// Adds a mount, after those that are there.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "adding to a list is no sum")]
    pub fn add(mut self, mount: impl Into<Mount>) -> Self {
        self.mounts.push(mount.into());
        self
    }

    /// Adds what others have, after what is there.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.mounts.extend(others.mounts);
        self.directories.extend(others.directories);
        self.read_only.extend(others.read_only);
        self.masked.extend(others.masked);
        self.may_hide |= others.may_hide;
        self
    }

    /// Makes directories of the root, with those above them, where there is nothing once everything is mounted: a working
    /// directory, for example. They are root's of the user namespace, or of who performs the steps, and all may enter them
    /// (0755). They stay, in whatever they were made; whatever else is there stays as it is.
    ///
    /// ```
    /// use skep_rootfs::{Mounts, Tmpfs};
    ///
    /// let mounts = Mounts::new().add(Tmpfs::new("/run")).directories(["/run/work"]);
    /// assert!(mounts.problems().is_empty());
    /// ```
    #[must_use]
    #[doc(alias = "mkdir")]
    pub fn directories<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.directories.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Makes paths of the root read-only once everything is mounted.
    #[must_use]
    #[doc(alias = "readonlyPaths")]
    pub fn read_only<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.read_only.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Covers paths of the root by something empty once everything is mounted: a directory by a directory, a file by
    /// something that reads as an empty file.
    #[must_use]
    #[doc(alias = "maskedPaths")]
    pub fn mask<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.masked.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Puts a parent before what is mounted in it, and leaves the order as it is otherwise: for lists that come from elsewhere
    /// in no order. Links count as what is mounted.
    ///
    /// ```
    /// use skep_rootfs::{Mounts, Tmpfs};
    ///
    /// let mounts = Mounts::new().add(Tmpfs::new("/run/lock").create_target()).add(Tmpfs::new("/run"));
    /// assert_eq!(mounts.problems(), ["mounts[1].target \"/run\" hides mounts[0], which is at \"/run/lock\""]);
    /// assert!(mounts.parents_first().problems().is_empty());
    /// ```
    #[must_use]
    pub fn parents_first(mut self) -> Self {
        self.mounts.sort_by_cached_key(|mount| plain(mount.target()).components().count());
        self
    }

    /// Lets a mount be where an earlier one is, or above it, which is then seen no more.
    #[must_use]
    pub fn may_hide(mut self) -> Self {
        self.may_hide = true;
        self
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mounts.is_empty() && self.directories.is_empty() && self.read_only.is_empty() && self.masked.is_empty()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts: what shall be mounted where in a root, in order, as a value.
//!
//! A [`Mounts`] is built, compared, stored and altered; [`problems`](Mounts::problems) tells what is wrong with it without
//! looking at the machine. [`Steps`](crate::Steps) are made from it, and those are performed.

mod attributes;
mod bind;
mod check;
mod devices;
mod overlay;
mod plain;
mod proc;
mod standard;
mod symlink;
#[cfg(test)]
mod tests;
mod tmpfs;

use std::path::{Path, PathBuf};

pub use attributes::Attributes;
pub use bind::Bind;
pub(crate) use check::{is_in_root, path_problems, plain};
pub use devices::{Dev, Devpts};
pub(crate) use overlay::joined;
pub use overlay::{Changes, Overlay};
pub use plain::{Mqueue, Sysfs};
pub use proc::{HidePid, Proc};
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
    /// Paths that become read-only, with all that is mounted below them; those that are absent stay so.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::paths"))]
    pub read_only: Vec<PathBuf>,
    /// Paths that are covered by something empty; those that are absent stay so.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::paths"))]
    pub masked: Vec<PathBuf>,
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
            | Mount::Symlink(Symlink { target, .. }) => target,
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
            | Mount::Overlay(Overlay { create, .. }) => *create,
            Mount::Symlink(_) => true,
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
from_kind!(Bind, Tmpfs, Proc, Sysfs, Devpts, Mqueue, Dev, Overlay, Symlink);

impl Mounts {
    /// Nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { mounts: Vec::new(), read_only: Vec::new(), masked: Vec::new() }
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
        self.read_only.extend(others.read_only);
        self.masked.extend(others.masked);
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

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mounts.is_empty() && self.read_only.is_empty() && self.masked.is_empty()
    }
}

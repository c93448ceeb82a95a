// SPDX-License-Identifier: MIT OR Apache-2.0
//! File systems without options of their own: sysfs, mqueue.
//!
//! Man: sysfs(5), mq_overview(7).

use std::path::PathBuf;

use super::attributes::{Attributes, common_methods};

/// A sysfs, read-only, nosuid, nodev, noexec: devices and drivers, and the links of the network namespace.
///
/// In a user namespace whose network namespace is not its own the kernel refuses one; then this machine's /sys is bound,
/// read-only with all below it, and the step's words say so ([`Setting`](crate::Setting)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Sysfs {
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// What may not be done through it.
    pub attributes: Attributes,
    /// Whether the target is made where it is absent.
    pub create: bool,
}

impl Sysfs {
    /// A sysfs at `target`.
    #[must_use]
    pub fn new(target: impl Into<PathBuf>) -> Self {
        let attributes = Attributes::DATA_ONLY.union(Attributes::READ_ONLY);
        Self { target: target.into(), attributes, create: false }
    }
}

common_methods!(Sysfs);

impl Default for Sysfs {
    fn default() -> Self {
        Self::new("")
    }
}

/// The POSIX message queues of the IPC namespace that the mounts are made in; nosuid, nodev, noexec.
///
/// In a user namespace whose IPC namespace is not its own the kernel refuses it; then this machine's /dev/mqueue is bound,
/// if it is there, and the step's words say so ([`Setting`](crate::Setting)).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Mqueue {
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// What may not be done through it.
    pub attributes: Attributes,
    /// Whether the target is made where it is absent.
    pub create: bool,
}

impl Mqueue {
    /// The message queues at `target`.
    #[must_use]
    pub fn new(target: impl Into<PathBuf>) -> Self {
        Self { target: target.into(), attributes: Attributes::DATA_ONLY, create: false }
    }
}

common_methods!(Mqueue);

impl Default for Mqueue {
    fn default() -> Self {
        Self::new("")
    }
}

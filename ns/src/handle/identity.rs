// SPDX-License-Identifier: MIT OR Apache-2.0
//! Identity: what tells one namespace from another.

use std::fmt;

use rustix::fs::fstat;

use super::Namespace;
use crate::error::Error;
use crate::kind::NamespaceKind;

/// Which namespace it is, among all that there are now: its kind, and device and inode of its file.
///
/// Displays as /proc shows it: `mnt:[4026531841]`. Like the number of a process it may be given anew, to another namespace,
/// when this one has ended; as long as a [`Namespace`] holds it, it is not.
///
/// See namespaces(7), "The /proc/pid/ns/ directory".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct NamespaceId {
    /// The kind.
    pub kind: NamespaceKind,
    /// The inode, the number between the brackets.
    pub inode: u64,
    /// The device of nsfs: the same for all namespaces of a machine.
    pub device: u64,
}

impl NamespaceId {
    /// The namespace of this kind with these numbers of stat(2).
    #[must_use]
    pub const fn new(kind: NamespaceKind, device: u64, inode: u64) -> Self {
        Self { kind, inode, device }
    }
}

impl fmt::Display for NamespaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[{}]", self.kind.proc_name(), self.inode)
    }
}

impl Namespace {
    /// Which one it is: equal for two handles of one namespace, and for no others.
    ///
    /// # Errors
    /// None that is known of.
    /// # Kernel
    /// See namespaces(7), "The /proc/pid/ns/ directory", and stat(2).
    pub fn id(&self) -> Result<NamespaceId, Error> {
        let stat = fstat(&self.fd).map_err(|errno| self.error("look at", errno.raw_os_error()))?;
        Ok(NamespaceId::new(self.kind, stat.st_dev, stat.st_ino))
    }
}

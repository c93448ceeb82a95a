// SPDX-License-Identifier: MIT OR Apache-2.0
//! A tmpfs: files in memory, gone with the mount.
//!
//! Man: tmpfs(5).

use std::path::PathBuf;

use super::attributes::{Attributes, common_methods};

/// A new, empty file system in memory; nosuid and nodev unless [`attributes`](Self::attributes) says otherwise.
///
/// ```
/// use skep_rootfs::{Mounts, Tmpfs};
///
/// let mounts = Mounts::new().add(Tmpfs::new("/run").size(64 << 20).mode(0o755));
/// assert!(mounts.problems().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Tmpfs {
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// The most that it holds, in bytes; the kernel rounds up to pages. Unset is half of the machine's memory.
    pub size: Option<u64>,
    /// The most files and directories that it holds. Unset is half of the machine's memory in pages.
    pub inodes: Option<u64>,
    /// Permissions of its top, 0 to 07777. Unset is 01777.
    pub mode: Option<u32>,
    /// What may not be done through it.
    pub attributes: Attributes,
    /// Whether the target is made where it is absent.
    pub create: bool,
    /// Whether it begins with a copy of what the root has there.
    pub copy_up: bool,
}

impl Tmpfs {
    /// A tmpfs at `target`, with the kernel's limits.
    #[must_use]
    pub fn new(target: impl Into<PathBuf>) -> Self {
        let attributes = Attributes::NOSUID.union(Attributes::NODEV);
        Self { target: target.into(), size: None, inodes: None, mode: None, attributes, create: false, copy_up: false }
    }

    /// The most that it holds, in bytes.
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// The most files and directories that it holds; its top is one of them.
    #[must_use]
    #[doc(alias = "nr_inodes")]
    pub fn inodes(mut self, count: u64) -> Self {
        self.inodes = Some(count);
        self
    }

    /// Permissions of its top, 0 to 07777.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Begins with a copy of what the root's own directory has there, as [`TreeCopy`](crate::TreeCopy) copies: with its
    /// owner and mode too, unless a [`mode`](Self::mode) is given. What is mounted there is not copied.
    ///
    /// The copy is made before the steps are performed, from what the root is made of: what earlier mounts bring is none of
    /// it, and is refused.
    /// # Privileges
    /// `CAP_SYS_ADMIN` for mounts of this machine's, and those of [`TreeCopy::copy`](crate::TreeCopy::copy).
    #[must_use]
    #[doc(alias = "tmpcopyup")]
    pub fn copy_up(mut self) -> Self {
        self.copy_up = true;
        self
    }

    /// The options, in the kernel's words.
    pub(crate) fn options(&self) -> String {
        let size = self.size.map(|bytes| format!("size={bytes}"));
        let inodes = self.inodes.map(|count| format!("nr_inodes={count}"));
        let mode = self.mode.map(|mode| format!("mode={mode:04o}"));
        [size, inodes, mode].into_iter().flatten().collect::<Vec<_>>().join(",")
    }
}

common_methods!(Tmpfs);

impl Default for Tmpfs {
    fn default() -> Self {
        Self::new("")
    }
}

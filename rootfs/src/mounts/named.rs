// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any other file system, by the kernel's name for it.
//!
//! Man: mount(8), filesystems(5).

use std::path::PathBuf;

use super::attributes::{Attributes, common_methods};
use super::propagation::Propagation;

/// A file system by the kernel's name for it, with options of its own as text: 9p, virtiofs, nfs, a device's ext4.
///
/// ```
/// use skep_rootfs::{FileSystem, Mounts};
///
/// let share = FileSystem::new("9p", "share0", "/share").options("trans=virtio,version=9p2000.L").read_only();
/// assert!(Mounts::new().add(share).problems().is_empty());
/// ```
/// # Privileges
/// `CAP_SYS_ADMIN` over the mount namespace; in a user namespace few kinds can be mounted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct FileSystem {
    /// The kernel's name for it: one of those in /proc/filesystems, or of a module.
    pub kind: String,
    /// What it is made of, in its own terms: a device, a tag, a server; "none" where it is of nothing.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub source: PathBuf,
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// Its own options: `key=value` or `key`, with commas between them; less than a page.
    pub options: String,
    /// What may not be done through it.
    pub attributes: Attributes,
    /// Where mounts go to that are made in it later, and where they come from.
    pub propagation: Option<Propagation>,
    /// Whether the target is made where it is absent.
    pub create: bool,
    /// Whether nothing is done where it cannot be made: the kernel does not know it, or its source is absent.
    pub optional: bool,
}

impl FileSystem {
    /// A file system of this kind at `target`.
    #[must_use]
    pub fn new(kind: impl Into<String>, source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Self {
            kind: kind.into(),
            source: source.into(),
            target: target.into(),
            options: String::new(),
            attributes: Attributes::empty(),
            propagation: None,
            create: false,
            optional: false,
        }
    }

    /// Its own options, with commas between them.
    #[must_use]
    pub fn options(mut self, options: impl Into<String>) -> Self {
        self.options = options.into();
        self
    }

    /// Where mounts go to that are made in it later, and where they come from.
    #[must_use]
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        self.propagation = Some(propagation);
        self
    }

    /// Does nothing where it cannot be made.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Everything that is wrong with it but its target, a sentence each that begins with the field.
    pub(super) fn own_problems(&self) -> Vec<String> {
        use std::os::unix::ffi::OsStrExt;
        let mut problems = Vec::new();
        if self.kind.is_empty() || self.kind.bytes().any(|byte| byte <= b' ' || byte == b'/' || byte == b',') {
            problems.push(format!("kind {:?} is no name of a file system", self.kind));
        }
        let source = self.source.as_os_str().as_bytes();
        if source.contains(&0) || source.len() > 255 {
            problems.push(format!("source {:?} must be at most 255 bytes, none of them NUL", self.source));
        }
        // With the commas that overlays and others put between.
        if self.options.len() >= 4096 || self.options.contains('\0') {
            problems.push(format!("options have {} bytes: the kernel takes a page, without NUL", self.options.len()));
        }
        problems
    }
}

common_methods!(FileSystem);

impl Default for FileSystem {
    fn default() -> Self {
        Self::new("", "none", "")
    }
}

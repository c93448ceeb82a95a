// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bind: something of this machine that is seen in the root too.
//!
//! Man: mount(8), "Bind mount operation".

use std::path::PathBuf;

use super::attributes::{Attributes, common_methods};

/// A file or directory of this machine, seen at a place in the root too.
///
/// What is mounted below the source comes along, and the attributes hold for that too, unless
/// [`without_submounts`](Self::without_submounts) or [`attributes_on_top_only`](Self::attributes_on_top_only) says
/// otherwise. The source is followed if it is a link: it is this machine's, and believed.
///
/// ```
/// use skep_rootfs::{Bind, Mounts};
///
/// let mounts = Mounts::new().add(Bind::new("/var/log/web", "/logs").read_only().create_target());
/// assert!(mounts.problems().is_empty());
/// ```
/// # Kernel
/// Attributes on what is mounted below the source are set by one call since Linux 5.12 (`mount_setattr`); before it, or
/// where a filter refuses that, one mount at a time, at most 1024. What cannot be set is an error: nothing is left writable
/// in silence.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[doc(alias = "MS_BIND")]
#[non_exhaustive]
pub struct Bind {
    /// An absolute path of this machine.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub source: PathBuf,
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// What may not be done through it.
    pub attributes: Attributes,
    /// Whether what is mounted below the source comes along.
    pub recursive: bool,
    /// Whether the attributes hold for that too.
    pub deep: bool,
    /// Whether nothing is done where the source is absent.
    pub optional: bool,
    /// Whether the target is made where it is absent: a directory or a file, as the source is.
    pub create: bool,
}

impl Bind {
    /// `source`, seen at `target`.
    #[must_use]
    pub fn new(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Self {
            source: source.into(),
            target: target.into(),
            attributes: Attributes::empty(),
            recursive: true,
            deep: true,
            optional: false,
            create: false,
        }
    }

    /// Leaves what is mounted below the source behind.
    ///
    /// In a user namespace the kernel refuses that (`EINVAL`): what was mounted over shall stay covered.
    #[must_use]
    #[doc(alias = "MS_REC")]
    pub fn without_submounts(mut self) -> Self {
        self.recursive = false;
        self
    }

    /// Sets the attributes on the source's own mount alone: what is mounted below it stays writable, for instance.
    #[must_use]
    #[doc(alias = "AT_RECURSIVE")]
    pub fn attributes_on_top_only(mut self) -> Self {
        self.deep = false;
        self
    }

    /// Does nothing where the source is absent.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

common_methods!(Bind);

impl Default for Bind {
    fn default() -> Self {
        Self::new("", "")
    }
}

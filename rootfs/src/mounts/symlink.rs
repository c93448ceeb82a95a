// SPDX-License-Identifier: MIT OR Apache-2.0
//! A link: no mount, but made among them, where a root begins empty.
//!
//! Man: symlink(7).

use std::path::PathBuf;

/// A symbolic link in the root; what is absent above it is made. One that is there and leads to the same will do.
///
/// ```
/// use skep_rootfs::{Mounts, Symlink};
///
/// let mounts = Mounts::new().add(Symlink::new("/bin", "usr/bin"));
/// assert!(mounts.problems().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Symlink {
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// Where it leads: any text of 1 to 4095 bytes, resolved by whoever follows it.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub to: PathBuf,
}

impl Symlink {
    /// A link at `target` that leads to `to`.
    #[must_use]
    pub fn new(target: impl Into<PathBuf>, to: impl Into<PathBuf>) -> Self {
        Self { target: target.into(), to: to.into() }
    }
}

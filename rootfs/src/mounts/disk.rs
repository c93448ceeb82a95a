// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file that has a file system in it.
//!
//! Man: loop(4).

use std::path::PathBuf;

use super::attributes::{Attributes, common_methods};
use super::propagation::Propagation;

/// A file of this machine with a file system in it, squashfs, erofs, ext4, xfs, btrfs, mounted by way of a loop device.
///
/// The device is bound to the file that was opened, whatever happens to its name, and freed with the last mount of it: by
/// the kernel, however this process ends. A file that is a block device itself is mounted as it is.
///
/// ```
/// use skep_rootfs::{Disk, Mounts};
///
/// let tools = Disk::new("/srv/tools.squashfs", "squashfs", "/opt/tools").read_only();
/// assert!(Mounts::new().add(tools).problems().is_empty());
/// ```
/// # Privileges
/// `CAP_SYS_ADMIN` in the first user namespace, and access to /dev/loop-control.
/// # Kernel
/// Linux 5.8 (`LOOP_CONFIGURE`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[doc(alias = "loop")]
#[non_exhaustive]
pub struct Disk {
    /// An absolute path of this machine.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub file: PathBuf,
    /// The kernel's name for the file system in it.
    pub kind: String,
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// Its own options, with commas between them.
    pub options: String,
    /// Where it begins in the file, in bytes, a multiple of 512.
    pub offset: u64,
    /// How long it is, in bytes, a multiple of 512. Unset is all that follows.
    pub length: Option<u64>,
    /// Whether what is read is not kept in memory twice (`O_DIRECT`), where the file's own file system can.
    pub direct_io: bool,
    /// What may not be done through it. Read-only makes the device read-only too, and a file that cannot be written will do.
    pub attributes: Attributes,
    /// Where mounts go to that are made in it later, and where they come from.
    pub propagation: Option<Propagation>,
    /// Whether the target is made where it is absent.
    pub create: bool,
}

impl Disk {
    /// The file system of this kind in `file`, at `target`; nosuid and nodev unless
    /// [`attributes`](Self::attributes) says otherwise.
    #[must_use]
    pub fn new(file: impl Into<PathBuf>, kind: impl Into<String>, target: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            kind: kind.into(),
            target: target.into(),
            options: String::new(),
            offset: 0,
            length: None,
            direct_io: false,
            attributes: Attributes::NOSUID.union(Attributes::NODEV),
            propagation: None,
            create: false,
        }
    }

    /// Its own options, with commas between them.
    #[must_use]
    pub fn options(mut self, options: impl Into<String>) -> Self {
        self.options = options.into();
        self
    }

    /// Where it is in the file: `offset` bytes from the beginning, `length` bytes long or up to the end.
    #[must_use]
    pub fn part(mut self, offset: u64, length: impl Into<Option<u64>>) -> Self {
        self.offset = offset;
        self.length = length.into();
        self
    }

    /// Keeps what is read in memory once, not twice, where the file's own file system can.
    #[must_use]
    #[doc(alias = "LO_FLAGS_DIRECT_IO")]
    pub fn direct_io(mut self) -> Self {
        self.direct_io = true;
        self
    }

    /// Where mounts go to that are made in it later, and where they come from.
    #[must_use]
    pub fn propagation(mut self, propagation: Propagation) -> Self {
        self.propagation = Some(propagation);
        self
    }

    /// Everything that is wrong with it but its target, a sentence each that begins with the field.
    pub(super) fn own_problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = super::check::path_problems(&self.file)
            .into_iter()
            .map(|problem| format!("file {:?} {problem}", self.file))
            .collect();
        let plain = super::FileSystem::new(&*self.kind, "none", "/").options(&*self.options);
        problems.extend(plain.own_problems());
        if !self.offset.is_multiple_of(512) {
            problems.push(format!("offset {} is no multiple of 512", self.offset));
        }
        if let Some(length) = self.length.filter(|length| *length == 0 || !length.is_multiple_of(512)) {
            problems.push(format!("length {length} is no multiple of 512, or 0"));
        }
        problems
    }
}

common_methods!(Disk);

impl Default for Disk {
    fn default() -> Self {
        Self::new("", "", "")
    }
}

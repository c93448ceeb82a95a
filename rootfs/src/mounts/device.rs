// SPDX-License-Identifier: MIT OR Apache-2.0
//! A device beside those of a minimal /dev.
//!
//! Man: mknod(2).

use std::path::PathBuf;

use super::attributes::{Attributes, common_methods};
use super::check::path_problems;

/// A device or pipe, with an owner and a mode of its own, at a place in the root; nosuid and noexec.
///
/// It is made before the steps are performed, in memory, and mounted: nothing of it is on a disk, and a user namespace that
/// may make no device can use it. Who may make none at all binds this machine's, by [`bind_from`](Self::bind_from), with the
/// owner and mode that it has here.
///
/// ```
/// use skep_rootfs::{Dev, Device, Mounts};
///
/// let fuse = Device::character("/dev/fuse", 10, 229).mode(0o666);
/// assert!(Mounts::new().add(Dev::new("/dev")).add(fuse).problems().is_empty());
/// ```
/// # Privileges
/// `CAP_SYS_ADMIN` and `CAP_MKNOD` in the first user namespace; to bind it, those of [`Bind`](crate::Bind).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[doc(alias = "mknod")]
#[non_exhaustive]
pub struct Device {
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// What it is.
    pub kind: DeviceKind,
    /// Which driver it belongs to, 0 to 4095; 0 for a pipe.
    pub major: u32,
    /// Which of that driver's it is, 0 to 1048575; 0 for a pipe.
    pub minor: u32,
    /// Its permissions, 0 to 0777.
    pub mode: u32,
    /// Its user and group, as this process sees them.
    pub owner: (u32, u32),
    /// Where this machine has it, if it is bound and not made.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::optional_path"))]
    pub from: Option<PathBuf>,
    /// What may not be done through it. Not nodev.
    pub attributes: Attributes,
    /// Whether the target is made where it is absent: an empty file.
    pub create: bool,
}

/// What a [`Device`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum DeviceKind {
    /// Bytes as they come. `S_IFCHR`.
    #[default]
    Character,
    /// Blocks. `S_IFBLK`.
    Block,
    /// A pipe with a name, no device. `S_IFIFO`.
    Fifo,
}

impl DeviceKind {
    /// As the kernel has it in a mode.
    pub(crate) const fn mode(self) -> u32 {
        match self {
            Self::Character => 0o020_000,
            Self::Block => 0o060_000,
            Self::Fifo => 0o010_000,
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Character => 'c',
            Self::Block => 'b',
            Self::Fifo => 'p',
        }
    }
}

impl Device {
    /// A character device, mode 0600, user 0 and group 0. Its target is made if it is absent.
    #[must_use]
    pub fn character(target: impl Into<PathBuf>, major: u32, minor: u32) -> Self {
        Self::new(target.into(), DeviceKind::Character, major, minor)
    }

    /// A block device, as [`character`](Self::character).
    #[must_use]
    pub fn block(target: impl Into<PathBuf>, major: u32, minor: u32) -> Self {
        Self::new(target.into(), DeviceKind::Block, major, minor)
    }

    /// A pipe with a name, as [`character`](Self::character).
    #[must_use]
    #[doc(alias = "mkfifo")]
    pub fn fifo(target: impl Into<PathBuf>) -> Self {
        Self::new(target.into(), DeviceKind::Fifo, 0, 0)
    }

    fn new(target: PathBuf, kind: DeviceKind, major: u32, minor: u32) -> Self {
        let attributes = Attributes::NOSUID.union(Attributes::NOEXEC);
        Self { target, kind, major, minor, mode: 0o600, owner: (0, 0), from: None, attributes, create: true }
    }

    /// Its permissions, 0 to 0777.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Its user and group, as this process sees them.
    #[must_use]
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        self.owner = (uid, gid);
        self
    }

    /// Binds this machine's at `path`, which must be this very device, in place of making one: owner and mode are those it
    /// has, and cannot be changed through it.
    #[must_use]
    pub fn bind_from(mut self, path: impl Into<PathBuf>) -> Self {
        self.from = Some(path.into());
        self
    }

    /// Its number as mknod(2) takes it.
    pub(crate) const fn number(&self) -> u64 {
        let (major, minor) = (self.major as u64, self.minor as u64);
        (minor & 0xff) | (major & 0xfff) << 8 | (minor & !0xff) << 12
    }

    /// What it is, for a reader: "the device c 10:229".
    pub(crate) fn words(&self) -> String {
        match self.kind {
            DeviceKind::Fifo => "a pipe".to_owned(),
            kind => format!("the device {} {}:{}", kind.letter(), self.major, self.minor),
        }
    }

    /// Everything that is wrong with it but its target, a sentence each that begins with the field.
    pub(super) fn own_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.kind == DeviceKind::Fifo && (self.major, self.minor) != (0, 0) {
            problems.push("major and minor: a pipe has none".to_owned());
        }
        if self.kind == DeviceKind::Fifo && self.from.is_some() {
            problems.push("from: a pipe is bound by a Bind".to_owned());
        }
        if self.major > 4095 || self.minor > 0xf_ffff {
            problems.push(format!("major {}, minor {}: the kernel has 12 and 20 bits", self.major, self.minor));
        }
        if self.mode > 0o777 {
            problems.push(format!("mode {:#o} has bits beyond 0777", self.mode));
        }
        if self.owner.0 == u32::MAX || self.owner.1 == u32::MAX {
            problems.push(format!("owner {} means \"nobody\"", u32::MAX));
        }
        if self.attributes.contains(Attributes::NODEV) {
            problems.push("attributes have nodev: it would not be a device".to_owned());
        }
        if let Some(path) = &self.from {
            problems.extend(path_problems(path).into_iter().map(|problem| format!("from {path:?} {problem}")));
        }
        problems
    }
}

common_methods!(Device);

impl Default for Device {
    fn default() -> Self {
        Self::character("", 0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_kernel_s() {
        for (major, minor) in [(1, 3), (10, 229), (259, 256), (4095, 0xf_ffff)] {
            let device = Device::character("/dev/x", major, minor);
            assert_eq!(
                device.number() & 0xffff_ffff,
                rustix::fs::makedev(major, minor) & 0xffff_ffff,
                "{major}:{minor}"
            );
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices: a minimal /dev, and pseudo terminals.
//!
//! Man: null(4), tty(4), pts(4).

use std::path::PathBuf;

use super::attributes::{Attributes, common_methods};

/// A minimal /dev: a tmpfs, nosuid, with the devices null, zero, full, random, urandom and tty, the links fd, stdin,
/// stdout, stderr and ptmx, and the directories pts, shm and mqueue.
///
/// Devices are made where that is possible; in a user namespace it is not, and this machine's are bound, each after a look
/// that it is the device which its name promises.
///
/// A read-only one becomes so when everything is mounted, and alone: what is mounted in it does not.
/// # Privileges
/// `CAP_MKNOD` to make devices; without it they are bound.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Dev {
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// The most that it holds, in bytes.
    pub size: u64,
    /// What may not be done through it. Not nodev.
    pub attributes: Attributes,
    /// Whether the target is made where it is absent.
    pub create: bool,
}

impl Dev {
    /// A minimal /dev at `target`, of at most 64 KiB.
    #[must_use]
    pub fn new(target: impl Into<PathBuf>) -> Self {
        Self { target: target.into(), size: 64 << 10, attributes: Attributes::NOSUID, create: false }
    }

    /// The most that it holds, in bytes: what programs put there beside the devices.
    #[must_use]
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = bytes;
        self
    }

    /// The options, in the kernel's words.
    pub(crate) fn options(&self) -> String {
        format!("size={},mode=0755", self.size)
    }
}

common_methods!(Dev);

impl Default for Dev {
    fn default() -> Self {
        Self::new("")
    }
}

/// Pseudo terminals of their own, nosuid and noexec: nobody else's are seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[doc(alias = "newinstance")]
#[non_exhaustive]
pub struct Devpts {
    /// Where in the root: an absolute path.
    #[cfg_attr(feature = "serde", serde(with = "crate::stored::path"))]
    pub target: PathBuf,
    /// The group that terminals belong to: 5, "tty". Left out in a user namespace that does not map it
    /// ([`Setting`](crate::Setting)).
    pub gid: Option<u32>,
    /// Permissions of terminals.
    pub mode: u32,
    /// Permissions of ptmx, by which terminals are made.
    pub ptmx_mode: u32,
    /// The most terminals that there can be at a time. Unset is the machine's limit.
    pub max: Option<u32>,
    /// What may not be done through it. Not nodev.
    pub attributes: Attributes,
    /// Whether the target is made where it is absent.
    pub create: bool,
}

impl Devpts {
    /// Pseudo terminals at `target`: of group 5, mode 0620, ptmx 0666.
    #[must_use]
    pub fn new(target: impl Into<PathBuf>) -> Self {
        Self {
            target: target.into(),
            gid: Some(5),
            mode: 0o620,
            ptmx_mode: 0o666,
            max: None,
            attributes: Attributes::NOSUID.union(Attributes::NOEXEC),
            create: false,
        }
    }

    /// The group that terminals belong to; `None` is that of who opens one.
    #[must_use]
    pub fn gid(mut self, gid: impl Into<Option<u32>>) -> Self {
        self.gid = gid.into();
        self
    }

    /// Permissions of terminals, 0 to 0777.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Permissions of ptmx, 0 to 0777.
    #[must_use]
    #[doc(alias = "ptmxmode")]
    pub fn ptmx_mode(mut self, mode: u32) -> Self {
        self.ptmx_mode = mode;
        self
    }

    /// The most terminals that there can be at a time, 1 to 1048576.
    #[must_use]
    pub fn max(mut self, count: u32) -> Self {
        self.max = Some(count);
        self
    }

    /// The options, in the kernel's words; `groups` says whether the group can be named.
    pub(crate) fn options(&self, groups: bool) -> String {
        let mut options = format!("newinstance,ptmxmode={:04o},mode={:04o}", self.ptmx_mode, self.mode);
        if let Some(gid) = self.gid.filter(|_| groups) {
            options.push_str(&format!(",gid={gid}"));
        }
        if let Some(max) = self.max {
            options.push_str(&format!(",max={max}"));
        }
        options
    }
}

common_methods!(Devpts);

impl Default for Devpts {
    fn default() -> Self {
        Self::new("")
    }
}

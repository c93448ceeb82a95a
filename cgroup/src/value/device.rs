// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices, by their numbers.

use std::fmt;
use std::str::FromStr;

use super::{digits, shown, unreadable};
use crate::error::Error;

/// The numbers of a block device: "8:0".
///
/// Displays as the kernel's text and reads that. With the feature `serde` it is that text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceNumber {
    major: u32,
    minor: u32,
}

impl DeviceNumber {
    /// A device of these numbers.
    #[must_use]
    pub const fn new(major: u32, minor: u32) -> Self {
        Self { major, minor }
    }

    /// The device of a node, whose [`rdev`](std::os::unix::fs::MetadataExt::rdev) this is.
    #[must_use]
    #[doc(alias = "st_rdev")]
    #[doc(alias = "makedev")]
    pub fn of_rdev(rdev: u64) -> Self {
        Self { major: rustix::fs::major(rdev), minor: rustix::fs::minor(rdev) }
    }

    /// The first number, which is the driver's.
    #[must_use]
    pub const fn major(self) -> u32 {
        self.major
    }

    /// The second number, which is the device's.
    #[must_use]
    pub const fn minor(self) -> u32 {
        self.minor
    }

    /// The numbers that a text is.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once(':')?;
        Some(Self { major: digits(major)?, minor: digits(minor)? })
    }
}

impl fmt::Display for DeviceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

impl FromStr for DeviceNumber {
    type Err = Error;

    /// Reads two whole numbers with a colon between them.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::of(text.trim())
            .ok_or_else(|| unreadable("device", format!("{} is not the numbers of a device: write 8:0", shown(text))))
    }
}

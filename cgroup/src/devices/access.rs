// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done to a device, and which of the two kinds it is of.
//!
//! Kernel: include/uapi/linux/bpf.h, `BPF_DEVCG_ACC_MKNOD` and following.

use std::ops::{BitAnd, BitOr, Not};

/// One of the two kinds of device nodes. Displays as the kernel's letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceKind {
    /// A disk, or what is like one: "b".
    Block,
    /// Everything else: "c".
    Char,
}

impl DeviceKind {
    pub(crate) const ALL: [Self; 2] = [Self::Block, Self::Char];

    /// `BPF_DEVCG_DEV_BLOCK` and `BPF_DEVCG_DEV_CHAR`.
    pub(crate) const fn number(self) -> i32 {
        match self {
            Self::Block => 1,
            Self::Char => 2,
        }
    }
}

/// What is done to a device: any of reading, writing, and making a node of it. Displays as the kernel's letters, "rwm".
///
/// ```
/// use skep_cgroup::DeviceAccess;
///
/// let access = DeviceAccess::READ | DeviceAccess::WRITE;
/// assert_eq!(access.to_string(), "rw");
/// assert!(DeviceAccess::ALL.contains(access));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct DeviceAccess(u8);

impl DeviceAccess {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// Making a node, by mknod(2): "m".
    #[doc(alias = "BPF_DEVCG_ACC_MKNOD")]
    pub const MKNOD: Self = Self(1);
    /// Opening for reading: "r".
    #[doc(alias = "BPF_DEVCG_ACC_READ")]
    pub const READ: Self = Self(2);
    /// Opening for writing: "w".
    #[doc(alias = "BPF_DEVCG_ACC_WRITE")]
    pub const WRITE: Self = Self(4);
    /// All three: "rwm".
    pub const ALL: Self = Self(7);

    /// Whether it holds all of `other`.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What of it `other` does not hold.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The kernel's bits.
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    /// Those of these bits that there are.
    pub(crate) const fn of_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }
}

impl BitOr for DeviceAccess {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for DeviceAccess {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Not for DeviceAccess {
    type Output = Self;

    fn not(self) -> Self {
        Self::ALL.without(self)
    }
}

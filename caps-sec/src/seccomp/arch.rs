// SPDX-License-Identifier: MIT OR Apache-2.0
//! Architectures: whose numbers a system call is meant by.

use std::fmt;

use super::table::{self, Table};

/// An architecture that filters can be compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Arch {
    /// 64-bit x86.
    #[doc(alias = "AUDIT_ARCH_X86_64")]
    X86_64,
    /// 64-bit ARM.
    #[doc(alias = "AUDIT_ARCH_AARCH64")]
    Aarch64,
}

impl Arch {
    /// That of this program.
    pub const NATIVE: Self = if cfg!(target_arch = "aarch64") { Self::Aarch64 } else { Self::X86_64 };

    /// All of them.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The kernel version whose calls are all known here: `"6.18"`.
    #[must_use]
    pub const fn newest_kernel() -> &'static str {
        table::KERNEL
    }

    /// The kernel's number of the architecture, `AUDIT_ARCH_*` of linux/audit.h.
    #[must_use]
    pub const fn audit_number(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::Aarch64 => 0xc000_00b7,
        }
    }

    /// The number of the system call of this name; `None` where the architecture has none.
    #[must_use]
    pub fn number_of(self, name: &str) -> Option<u32> {
        self.table().number_of(name)
    }

    /// The name of the system call of this number.
    #[must_use]
    pub fn name_of(self, number: u32) -> Option<&'static str> {
        self.table().name_of(number)
    }

    /// Every system call, in the order of the numbers.
    pub(super) const fn calls(self) -> &'static [(u32, &'static str)] {
        self.table().calls
    }

    const fn table(self) -> Table {
        match self {
            Self::X86_64 => table::X86_64,
            Self::Aarch64 => table::AARCH64,
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        })
    }
}

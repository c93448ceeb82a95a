// SPDX-License-Identifier: MIT OR Apache-2.0
//! Architectures: whose numbers a system call is meant by.
//!
//! One machine runs programs of several: an x86_64 kernel those of i386 and x32 too. Each has numbers of its own, so a
//! filter asks for the architecture first, and for the number then.
//!
//! Kernel: include/uapi/linux/audit.h, `AUDIT_ARCH_*`.

use std::fmt;

use super::table::{self, Table};
use crate::nearest::nearest;

/// An architecture that filters can be compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Arch {
    /// 64-bit x86.
    #[doc(alias = "AUDIT_ARCH_X86_64")]
    X86_64,
    /// 64-bit ARM.
    #[doc(alias = "AUDIT_ARCH_AARCH64")]
    Aarch64,
    /// 32-bit x86, whose programs x86_64 kernels run too.
    #[doc(alias = "AUDIT_ARCH_I386")]
    I386,
    /// 64-bit x86 with pointers of 32 bits. To the kernel it is x86_64 with bit 30 set in the number.
    #[doc(alias = "__X32_SYSCALL_BIT")]
    X32,
    /// 32-bit ARM (EABI), whose programs many aarch64 kernels run too.
    #[doc(alias = "AUDIT_ARCH_ARM")]
    Arm,
    /// 64-bit RISC-V.
    #[doc(alias = "AUDIT_ARCH_RISCV64")]
    Riscv64,
    /// 64-bit IBM Z.
    #[doc(alias = "AUDIT_ARCH_S390X")]
    S390x,
    /// 64-bit POWER, the low byte first.
    #[doc(alias = "AUDIT_ARCH_PPC64LE")]
    Ppc64le,
    /// 64-bit POWER, the high byte first.
    #[doc(alias = "AUDIT_ARCH_PPC64")]
    Ppc64,
    /// 32-bit POWER.
    #[doc(alias = "AUDIT_ARCH_PPC")]
    Ppc,
    /// 64-bit `LoongArch`.
    #[doc(alias = "AUDIT_ARCH_LOONGARCH64")]
    Loongarch64,
    /// 32-bit MIPS (o32), the high byte first.
    #[doc(alias = "AUDIT_ARCH_MIPS")]
    Mips,
    /// 64-bit MIPS (n64), the high byte first.
    #[doc(alias = "AUDIT_ARCH_MIPS64")]
    Mips64,
    /// 64-bit MIPS with pointers of 32 bits (n32), the high byte first.
    #[doc(alias = "AUDIT_ARCH_MIPS64N32")]
    Mips64n32,
    /// 32-bit MIPS (o32), the low byte first.
    #[doc(alias = "AUDIT_ARCH_MIPSEL")]
    Mipsel,
    /// 64-bit MIPS (n64), the low byte first.
    #[doc(alias = "AUDIT_ARCH_MIPSEL64")]
    Mipsel64,
    /// 64-bit MIPS with pointers of 32 bits (n32), the low byte first.
    #[doc(alias = "AUDIT_ARCH_MIPSEL64N32")]
    Mipsel64n32,
}

/// What there is to know of an architecture.
struct Facts {
    arch: Arch,
    /// Ours; that of OCI and libseccomp after `SCMP_ARCH_`; that of LXC, in brackets there; that of Go, as Docker's
    /// profiles ask for it.
    names: [&'static str; 4],
    audit: u32,
    table: Table,
}

#[rustfmt::skip] // A table.
const FACTS: &[Facts] = &[
    Facts { arch: Arch::X86_64, names: ["x86_64", "X86_64", "x86_64", "amd64"], audit: 0xc000_003e, table: table::X86_64 },
    Facts { arch: Arch::Aarch64, names: ["aarch64", "AARCH64", "arm64", "arm64"], audit: 0xc000_00b7, table: table::AARCH64 },
    Facts { arch: Arch::I386, names: ["i386", "X86", "x86", "386"], audit: 0x4000_0003, table: table::I386 },
    Facts { arch: Arch::X32, names: ["x32", "X32", "x32", "x32"], audit: 0xc000_003e, table: table::X32 },
    Facts { arch: Arch::Arm, names: ["arm", "ARM", "arm", "arm"], audit: 0x4000_0028, table: table::ARM },
    Facts { arch: Arch::Riscv64, names: ["riscv64", "RISCV64", "riscv64", "riscv64"], audit: 0xc000_00f3, table: table::RISCV64 },
    Facts { arch: Arch::S390x, names: ["s390x", "S390X", "s390x", "s390x"], audit: 0x8000_0016, table: table::S390X },
    Facts { arch: Arch::Ppc64le, names: ["ppc64le", "PPC64LE", "ppc64le", "ppc64le"], audit: 0xc000_0015, table: table::PPC64 },
    Facts { arch: Arch::Ppc64, names: ["ppc64", "PPC64", "ppc64", "ppc64"], audit: 0x8000_0015, table: table::PPC64 },
    Facts { arch: Arch::Ppc, names: ["ppc", "PPC", "ppc", "ppc"], audit: 0x0000_0014, table: table::PPC },
    Facts { arch: Arch::Loongarch64, names: ["loongarch64", "LOONGARCH64", "loongarch64", "loong64"], audit: 0xc000_0102, table: table::LOONGARCH64 },
    Facts { arch: Arch::Mips, names: ["mips", "MIPS", "mips", "mips"], audit: 0x0000_0008, table: table::MIPS },
    Facts { arch: Arch::Mips64, names: ["mips64", "MIPS64", "mips64", "mips64"], audit: 0x8000_0008, table: table::MIPS64 },
    Facts { arch: Arch::Mips64n32, names: ["mips64n32", "MIPS64N32", "mips64n32", "mips64p32"], audit: 0xa000_0008, table: table::MIPS64N32 },
    Facts { arch: Arch::Mipsel, names: ["mipsel", "MIPSEL", "mipsel", "mipsle"], audit: 0x4000_0008, table: table::MIPS },
    Facts { arch: Arch::Mipsel64, names: ["mipsel64", "MIPSEL64", "mipsel64", "mips64le"], audit: 0xc000_0008, table: table::MIPS64 },
    Facts { arch: Arch::Mipsel64n32, names: ["mipsel64n32", "MIPSEL64N32", "mipsel64n32", "mips64p32le"], audit: 0xe000_0008, table: table::MIPS64N32 },
];

/// Never come to: every architecture is in [`FACTS`], which a test sees to.
const NATIVE_FACTS: Facts = Facts { arch: Arch::NATIVE, names: [""; 4], audit: 0, table: table::X86_64 };

impl Arch {
    /// That of this program.
    pub const NATIVE: Self = if cfg!(target_arch = "aarch64") { Self::Aarch64 } else { Self::X86_64 };

    /// All of them.
    pub const ALL: [Self; 17] = {
        let mut all = [Self::X86_64; 17];
        let (mut rest, mut facts) = (all.as_mut_slice(), FACTS);
        while let ([arch, others @ ..], [known, more @ ..]) = (rest, facts) {
            *arch = known.arch;
            (rest, facts) = (others, more);
        }
        all
    };

    /// Those whose programs a kernel of this architecture runs: itself first, then those of fewer bits.
    #[must_use]
    pub const fn family(self) -> &'static [Self] {
        match self {
            Self::X86_64 => &[Self::X86_64, Self::I386, Self::X32],
            Self::Aarch64 => &[Self::Aarch64, Self::Arm],
            Self::I386 => &[Self::I386],
            Self::X32 => &[Self::X32],
            Self::Arm => &[Self::Arm],
            Self::Riscv64 => &[Self::Riscv64],
            Self::S390x => &[Self::S390x],
            Self::Ppc64le => &[Self::Ppc64le],
            Self::Ppc64 => &[Self::Ppc64, Self::Ppc],
            Self::Ppc => &[Self::Ppc],
            Self::Loongarch64 => &[Self::Loongarch64],
            Self::Mips => &[Self::Mips],
            Self::Mips64 => &[Self::Mips64, Self::Mips, Self::Mips64n32],
            Self::Mips64n32 => &[Self::Mips64n32],
            Self::Mipsel => &[Self::Mipsel],
            Self::Mipsel64 => &[Self::Mipsel64, Self::Mipsel, Self::Mipsel64n32],
            Self::Mipsel64n32 => &[Self::Mipsel64n32],
        }
    }

    /// Whether programs of it run under a kernel that runs this program: whether a filter for it can be loaded here.
    #[must_use]
    pub fn runs_here(self) -> bool {
        Self::NATIVE.family().contains(&self)
    }

    /// The kernel version whose calls are all known here: `"7.2"`.
    #[must_use]
    pub const fn newest_kernel() -> &'static str {
        table::KERNEL
    }

    /// The kernel's number of the architecture, `AUDIT_ARCH_*` of linux/audit.h. That of x32 is x86_64's.
    #[must_use]
    pub const fn audit_number(self) -> u32 {
        self.facts().audit
    }

    /// The architecture of a call that the kernel describes by these two numbers; `None` if it is not known.
    #[must_use]
    pub fn of_call(audit_number: u32, number: u32) -> Option<Self> {
        match FACTS.iter().find(|facts| facts.audit == audit_number)?.arch {
            Self::X86_64 if number >= X32_BIT => Some(Self::X32),
            arch => Some(arch),
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

    /// Every name and number, in the order of the numbers.
    pub fn all_calls(self) -> impl Iterator<Item = (u32, &'static str)> {
        self.calls().iter().copied()
    }

    /// The names of calls that are most like this one, which is none: for "did you mean".
    pub(super) fn nearest(name: &str) -> Vec<&'static str> {
        nearest(name, Self::ALL.iter().flat_map(|arch| arch.calls().iter().map(|(_, known)| *known)))
    }

    /// Whether any architecture has a call of this name.
    pub(super) fn any_has(name: &str) -> bool {
        Self::ALL.iter().any(|arch| arch.number_of(name).is_some())
    }

    /// Every system call, in the order of the numbers.
    pub(super) const fn calls(self) -> &'static [(u32, &'static str)] {
        self.table().calls
    }

    /// Whether it stores the high byte of a number first: so do its filters.
    pub(super) const fn is_big_endian(self) -> bool {
        matches!(self, Self::S390x | Self::Ppc64 | Self::Ppc | Self::Mips | Self::Mips64 | Self::Mips64n32)
    }

    /// OCI's and libseccomp's name, without `SCMP_ARCH_`.
    #[cfg(any(feature = "serde", test))]
    pub(super) const fn scmp(self) -> &'static str {
        self.facts().names[1]
    }

    /// LXC's name.
    pub(super) const fn lxc(self) -> &'static str {
        self.facts().names[2]
    }

    /// The architecture of OCI's and libseccomp's name, without `SCMP_ARCH_`.
    #[cfg(any(feature = "serde", test))]
    pub(super) fn of_scmp(name: &str) -> Option<Self> {
        FACTS.iter().find(|facts| facts.names[1] == name).map(|facts| facts.arch)
    }

    /// The architecture of LXC's name.
    pub(super) fn of_lxc(name: &str) -> Option<Self> {
        FACTS.iter().find(|facts| facts.names[2] == name).map(|facts| facts.arch)
    }

    /// Whether Docker's profiles call it so: by Go's name, ours, or libseccomp's.
    #[cfg(feature = "serde")]
    pub(super) fn is_called(self, name: &str) -> bool {
        self.facts().names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    const fn table(self) -> Table {
        self.facts().table
    }

    const fn facts(self) -> &'static Facts {
        let (mut facts, mut rest) = (&NATIVE_FACTS, FACTS);
        while let [first, more @ ..] = rest {
            if first.arch as u8 == self as u8 {
                facts = first;
            }
            rest = more;
        }
        facts
    }
}

/// What tells calls of x32 from those of x86_64, `__X32_SYSCALL_BIT`.
pub(super) const X32_BIT: u32 = 0x4000_0000;

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.facts().names[0])
    }
}

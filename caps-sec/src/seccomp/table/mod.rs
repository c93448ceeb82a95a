// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of system calls: what has which number on which architecture.
//!
//! The kernel gives a number once and for all, so a table ages only at its end. What is not in it is told from what is:
//! a filter that denies by default answers `ENOSYS` there, as a kernel would that does not have the call.
//!
//! They are made by `cargo xtask gen` from the kernel's headers. That of 31-bit IBM Z is missing: Linux has dropped it.
//!
//! Man: syscalls(2).

mod aarch64;
mod arm;
mod i386;
mod loongarch64;
mod mips;
mod mips64;
mod mips64n32;
mod ppc;
mod ppc64;
mod riscv64;
mod s390x;
mod x32;
mod x86_64;

/// The kernel whose calls are all in the tables.
pub(super) const KERNEL: &str = "7.2";

/// A table, and where its calls stand in it in the order of their names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub(super) calls: &'static [(u32, &'static str)],
    by_name: &'static [u16],
}

pub(super) const AARCH64: Table = Table { calls: &aarch64::CALLS, by_name: &aarch64::BY_NAME };
pub(super) const ARM: Table = Table { calls: &arm::CALLS, by_name: &arm::BY_NAME };
pub(super) const I386: Table = Table { calls: &i386::CALLS, by_name: &i386::BY_NAME };
pub(super) const LOONGARCH64: Table = Table { calls: &loongarch64::CALLS, by_name: &loongarch64::BY_NAME };
pub(super) const MIPS: Table = Table { calls: &mips::CALLS, by_name: &mips::BY_NAME };
pub(super) const MIPS64: Table = Table { calls: &mips64::CALLS, by_name: &mips64::BY_NAME };
pub(super) const MIPS64N32: Table = Table { calls: &mips64n32::CALLS, by_name: &mips64n32::BY_NAME };
pub(super) const PPC: Table = Table { calls: &ppc::CALLS, by_name: &ppc::BY_NAME };
pub(super) const PPC64: Table = Table { calls: &ppc64::CALLS, by_name: &ppc64::BY_NAME };
pub(super) const RISCV64: Table = Table { calls: &riscv64::CALLS, by_name: &riscv64::BY_NAME };
pub(super) const S390X: Table = Table { calls: &s390x::CALLS, by_name: &s390x::BY_NAME };
pub(super) const X32: Table = Table { calls: &x32::CALLS, by_name: &x32::BY_NAME };
pub(super) const X86_64: Table = Table { calls: &x86_64::CALLS, by_name: &x86_64::BY_NAME };

impl Table {
    /// The number of a name.
    pub(super) fn number_of(self, name: &str) -> Option<u32> {
        let call = |place: &u16| self.calls.get(usize::from(*place));
        let found = self.by_name.binary_search_by(|place| call(place).map_or("", |(_, known)| known).cmp(name)).ok()?;
        call(self.by_name.get(found)?).map(|(number, _)| *number)
    }

    /// The name of a number.
    pub(super) fn name_of(self, number: u32) -> Option<&'static str> {
        let found = self.calls.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.calls.get(found).map(|(_, name)| *name)
    }
}

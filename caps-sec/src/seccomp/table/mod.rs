// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of system calls: what has which number on which architecture.
//!
//! The kernel gives a number once and for all, so a table ages only at its end. What is not in it is told from what is:
//! a filter that denies by default answers `ENOSYS` there, as a kernel would that does not have the call.
//!
//! Man: syscalls(2).

mod aarch64;
mod x86_64;

/// The kernel whose calls are all in the tables.
pub(super) const KERNEL: &str = "6.18";

/// A table, and where its calls stand in it in the order of their names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub(super) calls: &'static [(u32, &'static str)],
    by_name: &'static [u16],
}

pub(super) const X86_64: Table = Table { calls: &x86_64::CALLS, by_name: &x86_64::BY_NAME };
pub(super) const AARCH64: Table = Table { calls: &aarch64::CALLS, by_name: &aarch64::BY_NAME };

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

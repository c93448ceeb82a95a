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

/// Places for the names of a table: a power of two, at most half of them taken.
const PLACES: usize = 1024;

/// A table, and where its calls stand in it by their names: the place that a name's hash says, or the next ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub(super) calls: &'static [(u32, &'static str)],
    /// One more than where the call stands; 0 of a place that is free.
    by_name: &'static [u16; PLACES],
}

/// A constant of a table, whose index is made by the compiler.
macro_rules! table {
    ($($name:ident: $module:ident;)*) => {
        $(pub(super) const $name: Table = {
            static BY_NAME: [u16; PLACES] = index(&$module::CALLS);
            Table { calls: &$module::CALLS, by_name: &BY_NAME }
        };)*
    };
}

table! {
    AARCH64: aarch64;
    ARM: arm;
    I386: i386;
    LOONGARCH64: loongarch64;
    MIPS: mips;
    MIPS64: mips64;
    MIPS64N32: mips64n32;
    PPC: ppc;
    PPC64: ppc64;
    RISCV64: riscv64;
    S390X: s390x;
    X32: x32;
    X86_64: x86_64;
}

/// The first place of a name: FNV-1a, which the compiler can do too.
#[allow(clippy::as_conversions, clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "in a constant")]
const fn first_place(name: &[u8]) -> usize {
    let (mut hash, mut at) = (0x811c_9dc5_u32, 0);
    while at < name.len() {
        hash = (hash ^ name[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    (hash ^ (hash >> 16)) as usize % PLACES
}

/// Where calls stand by their names.
#[allow(clippy::as_conversions, clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "in a constant")]
const fn index(calls: &[(u32, &str)]) -> [u16; PLACES] {
    assert!(calls.len() <= PLACES / 2, "searches would be long");
    let (mut index, mut at) = ([0; PLACES], 0);
    while at < calls.len() {
        let mut place = first_place(calls[at].1.as_bytes());
        while index[place] != 0 {
            place = (place + 1) % PLACES;
        }
        at += 1;
        index[place] = at as u16;
    }
    index
}

impl Table {
    /// The number of a name.
    pub(super) fn number_of(self, name: &str) -> Option<u32> {
        let first = first_place(name.as_bytes());
        let places = self.by_name.iter().skip(first).chain(self.by_name.iter().take(first));
        let taken = places.map_while(|place| usize::from(*place).checked_sub(1));
        let mut calls = taken.filter_map(|at| self.calls.get(at));
        calls.find(|(_, known)| *known == name).map(|(number, _)| *number)
    }

    /// The name of a number.
    pub(super) fn name_of(self, number: u32) -> Option<&'static str> {
        let found = self.calls.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        self.calls.get(found).map(|(_, name)| *name)
    }
}

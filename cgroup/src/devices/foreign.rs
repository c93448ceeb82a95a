// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs of others: what they mean, found out by asking them.
//!
//! systemd, runc and crun make programs that compare the two numbers of a device with constants, and answer. To such a
//! program every number that is in none of its comparisons is like any other. So it is asked about those that are, and one
//! that is not, for both kinds and all accesses: that is its [`Table`]. A program that does anything else with a number, or
//! calls, or goes back, is not read.
//!
//! Kernel: Documentation/bpf/standardization/instruction-set.rst; include/uapi/linux/bpf.h, `struct bpf_cgroup_dev_ctx`.

use std::collections::BTreeSet;

use super::program::Insn;
use super::table::{Place, Table};
use super::{DeviceAccess, DeviceKind};

/// The most instructions that are gone through: a program with a hundred rules is asked in a tenth of that.
const MOST: usize = 20_000_000;

/// A value in a register, and whether it is a number of the device, which is nothing but compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Plain(u64),
    Major(u64),
    Minor(u64),
    /// Where the argument is.
    Argument,
}

/// The constants that the numbers of a device were compared with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Named {
    majors: BTreeSet<u32>,
    minors: BTreeSet<u32>,
}

/// What a program allows; `None` if it is none that only compares.
pub(super) fn table(program: &[Insn]) -> Option<Table> {
    let (mut named, mut left) = (Named::default(), MOST);
    // A branch that a comparison leads to may have comparisons of its own.
    loop {
        let before = named.clone();
        let found = ask_all(program, &mut named, &mut left)?;
        if named == before {
            return Some(found);
        }
    }
}

fn ask_all(program: &[Insn], named: &mut Named, left: &mut usize) -> Option<Table> {
    let (majors, minors) = (and_other(&named.majors)?, and_other(&named.minors)?);
    let mut table = Table::default();
    for kind in DeviceKind::ALL {
        // The more general first: a place says something of its own if it differs from what is said already.
        for (general_major, general_minor) in [(true, true), (true, false), (false, true), (false, false)] {
            for (major, _) in majors.iter().filter(|(_, is_other)| *is_other == general_major) {
                for (minor, _) in minors.iter().filter(|(_, is_other)| *is_other == general_minor) {
                    let allowed = allowed(program, kind, (*major, *minor), named, left)?;
                    let place =
                        Place::new(kind, (!general_major).then_some(*major), (!general_minor).then_some(*minor));
                    if (general_major && general_minor) || table.at(place) != allowed {
                        table.set(place, allowed);
                    }
                }
            }
        }
    }
    Some(table)
}

/// These numbers, and one that is none of them.
fn and_other(named: &BTreeSet<u32>) -> Option<Vec<(u32, bool)>> {
    let other = (0..=u32::MAX).rev().find(|number| !named.contains(number))?;
    Some(named.iter().map(|number| (*number, false)).chain([(other, true)]).collect())
}

/// What may be done to a device: reading and writing at once too, if either may be done. The kernel asks nothing else at
/// once.
fn allowed(
    program: &[Insn],
    kind: DeviceKind,
    device: (u32, u32),
    named: &mut Named,
    left: &mut usize,
) -> Option<DeviceAccess> {
    let mut allowed = DeviceAccess::NONE;
    for access in [DeviceAccess::MKNOD, DeviceAccess::READ, DeviceAccess::WRITE] {
        if run(program, kind, device, access, named, left)? {
            allowed = allowed | access;
        }
    }
    let both = DeviceAccess::READ | DeviceAccess::WRITE;
    (run(program, kind, device, both, named, left)? == allowed.contains(both)).then_some(allowed)
}

/// What the program answers.
fn run(
    program: &[Insn],
    kind: DeviceKind,
    (major, minor): (u32, u32),
    access: DeviceAccess,
    named: &mut Named,
    left: &mut usize,
) -> Option<bool> {
    let asked = u64::from(access.bits()) << 16 | u64::try_from(kind.number()).ok()?;
    let mut words = [Word::Plain(0); 11];
    *words.get_mut(1)? = Word::Argument;
    let mut at = 0_usize;
    loop {
        *left = left.checked_sub(1)?;
        let insn = program.get(at)?;
        let (target, source) = (usize::from(insn.registers & 0xf), usize::from(insn.registers >> 4));
        let constant = i64::from(insn.number).cast_unsigned();
        let from = if insn.code & 0x08 == 0 { Word::Plain(constant) } else { *words.get(source)? };
        let to = *words.get(target)?;
        let (class, operation) = (insn.code & 0x07, insn.code & 0xf0);
        at += 1;
        match (class, operation) {
            // A word of the argument.
            (0x01, _) if insn.code == 0x61 && *words.get(source)? == Word::Argument => {
                *words.get_mut(target)? = match insn.offset {
                    0 => Word::Plain(asked),
                    4 => Word::Major(major.into()),
                    8 => Word::Minor(minor.into()),
                    _ => return None,
                };
            }
            (0x04 | 0x07, _) => *words.get_mut(target)? = reckon(class == 0x04, operation, to, from)?,
            (0x05, 0x90) => {
                return match words.first() {
                    Some(Word::Plain(answer)) => Some(answer & 1 == 1),
                    _ => None,
                };
            }
            (0x05 | 0x06, _) => {
                let jumps = if class == 0x05 && operation == 0 {
                    true
                } else {
                    note(named, to, from);
                    is_so(class == 0x06, operation, to, from)?
                };
                if jumps {
                    at = at.checked_add(usize::try_from(insn.offset).ok()?)?;
                }
            }
            _ => return None,
        }
    }
}

/// Notes what the number of a device is compared with.
fn note(named: &mut Named, to: Word, from: Word) {
    // No device has a number beyond those of a word: it is different from any.
    let Word::Plain(constant) = from else { return };
    let Ok(constant) = u32::try_from(constant) else { return };
    match to {
        Word::Major(_) => named.majors.insert(constant),
        Word::Minor(_) => named.minors.insert(constant),
        Word::Plain(_) | Word::Argument => false,
    };
}

/// Arithmetic of what is no number of the device; those are only copied.
fn reckon(is_short: bool, operation: u8, to: Word, from: Word) -> Option<Word> {
    if operation == 0xb0 {
        return match from {
            Word::Plain(value) if is_short => Some(Word::Plain(value & u64::from(u32::MAX))),
            from => Some(from),
        };
    }
    let (Word::Plain(to), Word::Plain(from)) = (to, from) else { return None };
    let short = |value: u64| if is_short { value & u64::from(u32::MAX) } else { value };
    let (to, from) = (short(to), short(from));
    let shift = u32::try_from(from & if is_short { 31 } else { 63 }).ok()?;
    Some(Word::Plain(short(match operation {
        0x40 => to | from,
        0x50 => to & from,
        0x60 => to << shift,
        0x70 => to >> shift,
        _ => return None,
    })))
}

/// A comparison: that of a number of the device is for being the same alone.
fn is_so(is_short: bool, operation: u8, to: Word, from: Word) -> Option<bool> {
    let short = |value: u64| if is_short { value & u64::from(u32::MAX) } else { value };
    let (to, from, is_plain) = match (to, from) {
        (Word::Plain(to), Word::Plain(from)) => (short(to), short(from), true),
        (Word::Major(to) | Word::Minor(to), Word::Plain(from)) => (short(to), short(from), false),
        _ => return None,
    };
    match operation {
        0x10 => Some(to == from),
        0x50 => Some(to != from),
        0x40 if is_plain => Some(to & from != 0),
        _ => None,
    }
}

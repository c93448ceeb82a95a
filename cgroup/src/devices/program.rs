// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs: a table as the kernel's instructions, and instructions read back as a table.
//!
//! The kernel asks a program about one access: its argument holds the kind and the wanted accesses in one word, then the
//! two numbers. Ours goes through the kinds, in each through the major numbers that say something of their own, in each of
//! those through the minor numbers, and jumps to one of at most eight ends, one for each set of accesses that may be
//! allowed. It has no branch that can never be taken, so that the verifier leaves it as it is and it can be
//! [read](decompile) back.
//!
//! Kernel: include/uapi/linux/bpf.h, `struct bpf_cgroup_dev_ctx`; Documentation/bpf/standardization/instruction-set.rst.

use std::collections::{BTreeMap, BTreeSet};

use super::table::{Place, Table};
use super::{DeviceAccess, DeviceKind};

/// One instruction, `struct bpf_insn`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Insn {
    pub(crate) code: u8,
    /// The target in the low half, the source in the high.
    pub(crate) registers: u8,
    /// Of a jump, the instructions to leave out.
    pub(crate) offset: i16,
    pub(crate) number: i32,
}
const _: () = assert!(size_of::<Insn>() == 8);

/// Of this crate's instructions: operation, width and form.
mod code {
    /// A 32-bit word from memory.
    pub(super) const LOAD: u8 = 0x61;
    pub(super) const COPY: u8 = 0xbf;
    pub(super) const MOVE: u8 = 0xb7;
    pub(super) const AND: u8 = 0x57;
    pub(super) const SHIFT_RIGHT: u8 = 0x77;
    pub(super) const JUMP: u8 = 0x05;
    pub(super) const JUMP_IF_EQUAL: u8 = 0x15;
    pub(super) const JUMP_UNLESS_EQUAL: u8 = 0x55;
    pub(super) const EXIT: u8 = 0x95;
}

/// Where the program has its values.
const ANSWER: u8 = 0;
const ARGUMENT: u8 = 1;
const WANTED: u8 = 2;
const KIND: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

const fn insn(code: u8, target: u8, number: i32) -> Insn {
    Insn { code, registers: target, offset: 0, number }
}

const fn load(target: u8, offset: i16) -> Insn {
    Insn { code: code::LOAD, registers: target | ARGUMENT << 4, offset, number: 0 }
}

/// Takes the argument apart.
const START: [Insn; 6] = [
    load(WANTED, 0),
    Insn { code: code::COPY, registers: KIND | WANTED << 4, offset: 0, number: 0 },
    insn(code::AND, KIND, 0xffff),
    insn(code::SHIFT_RIGHT, WANTED, 16),
    load(MAJOR, 4),
    load(MINOR, 8),
];

/// The end where these accesses are allowed: what is wanted beyond them is refused.
fn end(allowed: DeviceAccess) -> Vec<Insn> {
    let answer = |answer| insn(code::MOVE, ANSWER, answer);
    let exit = insn(code::EXIT, 0, 0);
    match allowed {
        DeviceAccess::NONE => vec![answer(0), exit],
        DeviceAccess::ALL => vec![answer(1), exit],
        some => vec![
            answer(1),
            insn(code::AND, WANTED, !i32::from(some.bits())),
            Insn { offset: 1, ..insn(code::JUMP_IF_EQUAL, WANTED, 0) },
            answer(0),
            exit,
        ],
    }
}

/// A program in the making: its jumps to ends are filled in when these have a place.
#[derive(Debug, Default)]
struct Draft {
    insns: Vec<Insn>,
    to_ends: Vec<(usize, DeviceAccess)>,
}

impl Draft {
    fn push(&mut self, insn: Insn) -> usize {
        self.insns.push(insn);
        self.insns.len() - 1
    }

    fn jump_to_end(&mut self, insn: Insn, end: DeviceAccess) {
        let at = self.push(insn);
        self.to_ends.push((at, end));
    }

    /// Has the jump at `from` go to `to`; `None` if that is too far.
    fn aim(&mut self, from: usize, to: usize) -> Option<()> {
        let offset = to.checked_sub(from + 1)?;
        self.insns.get_mut(from)?.offset = i16::try_from(offset).ok()?;
        Some(())
    }

    /// Has the jump at `from` go to what is next.
    fn aim_here(&mut self, from: usize) -> Option<()> {
        self.aim(from, self.insns.len())
    }
}

/// The number as an instruction holds it. Those of devices are small.
fn number(number: u32) -> Option<i32> {
    i32::try_from(number).ok()
}

/// The program of a table; `None` if it would be too long for its jumps.
pub(crate) fn compile(table: &Table) -> Option<Vec<Insn>> {
    let mut draft = Draft { insns: START.to_vec(), to_ends: Vec::new() };
    for kind in DeviceKind::ALL {
        let other_kind = draft.push(insn(code::JUMP_UNLESS_EQUAL, KIND, kind.number()));
        places(&mut draft, table, kind)?;
        let rest = table.at(Place::new(kind, None, None));
        // Whom nothing holds on his way comes to the end where nothing is allowed.
        if !rest.is_empty() {
            draft.jump_to_end(insn(code::JUMP, 0, 0), rest);
        }
        draft.aim_here(other_kind)?;
    }
    let wanted: BTreeSet<DeviceAccess> = draft.to_ends.iter().map(|(_, end)| *end).collect();
    let mut ends = BTreeMap::new();
    for allowed in [DeviceAccess::NONE].into_iter().chain(wanted) {
        ends.entry(allowed).or_insert_with(|| {
            let at = draft.insns.len();
            draft.insns.extend(end(allowed));
            at
        });
    }
    for (from, allowed) in std::mem::take(&mut draft.to_ends) {
        draft.aim(from, *ends.get(&allowed)?)?;
    }
    Some(draft.insns)
}

/// The places of a kind that say something of their own.
fn places(draft: &mut Draft, table: &Table, kind: DeviceKind) -> Option<()> {
    let of_kind = || table.iter().filter(|(place, _)| place.kind == kind);
    let majors: BTreeSet<u32> = of_kind().filter_map(|(place, _)| place.major).collect();
    // One that is not named is left behind by every comparison; what follows them is for it and for the rest of a major.
    for major in majors {
        let other_major = draft.push(insn(code::JUMP_UNLESS_EQUAL, MAJOR, number(major)?));
        for (place, allowed) in of_kind().filter(|(place, _)| place.major == Some(major)) {
            if let Some(minor) = place.minor {
                draft.jump_to_end(insn(code::JUMP_IF_EQUAL, MINOR, number(minor)?), allowed);
            }
        }
        if let Some(rest) = table.get(Place::new(kind, Some(major), None)) {
            draft.jump_to_end(insn(code::JUMP, 0, 0), rest);
        }
        draft.aim_here(other_major)?;
    }
    for (place, allowed) in of_kind().filter(|(place, _)| place.major.is_none()) {
        if let Some(minor) = place.minor {
            draft.jump_to_end(insn(code::JUMP_IF_EQUAL, MINOR, number(minor)?), allowed);
        }
    }
    Some(())
}

/// The table that this program was compiled from; `None` if it is not one of ours.
pub(crate) fn decompile(program: &[Insn]) -> Option<Table> {
    let mut table = Table::default();
    let mut at = START.len();
    for kind in DeviceKind::ALL {
        table.set(Place::new(kind, None, None), DeviceAccess::NONE);
        let next_kind = target(program, at)?;
        at += 1;
        // Up to where the comparison with a major number leads it is about that one.
        let mut major: Option<(u32, usize)> = None;
        while at < next_kind {
            major = major.filter(|(_, until)| at < *until);
            let insn = program.get(at)?;
            let number = || u32::try_from(insn.number).ok();
            let of_major = major.map(|(number, _)| number);
            match (insn.code, insn.registers) {
                (code::JUMP_UNLESS_EQUAL, MAJOR) => major = Some((number()?, target(program, at)?)),
                (code::JUMP_IF_EQUAL, MINOR) => {
                    let place = Place::new(kind, of_major, Some(number()?));
                    table.set(place, allowed_at(program, target(program, at)?)?);
                }
                (code::JUMP, _) => {
                    table.set(Place::new(kind, of_major, None), allowed_at(program, target(program, at)?)?);
                }
                _ => return None,
            }
            at += 1;
        }
    }
    // Whatever was misread above: it is ours if it is what we would have made.
    (compile(&table)? == program).then_some(table)
}

/// Where a jump leads.
fn target(program: &[Insn], from: usize) -> Option<usize> {
    let offset = usize::try_from(program.get(from)?.offset).ok()?;
    Some(from + 1 + offset)
}

/// What is allowed at this end.
fn allowed_at(program: &[Insn], at: usize) -> Option<DeviceAccess> {
    let second = program.get(at + 1)?;
    match (program.get(at)?.number, second.code) {
        (0, _) => Some(DeviceAccess::NONE),
        (_, code::EXIT) => Some(DeviceAccess::ALL),
        _ => Some(DeviceAccess::of_bits(u8::try_from(!second.number).ok()?)),
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Classic BPF: the kernel's instructions, and an assembler with labels.
//!
//! A conditional jump reaches 255 instructions forward. The assembler makes a longer one of three: the condition, and an
//! unconditional jump for either answer.
//!
//! Kernel: include/uapi/linux/filter.h, bpf_common.h; kernel/seccomp.c, `seccomp_check_filter`.

/// Every instruction that the kernel takes in a filter, uapi/linux/bpf_common.h.
pub(super) mod op {
    /// The operand is X, not the instruction's: of jumps and sums.
    pub(in super::super) const WITH_X: u16 = 0x08;
    /// Load a word of `struct seccomp_data`: `BPF_LD | BPF_W | BPF_ABS`.
    pub(in super::super) const LD_ABS: u16 = 0x20;
    /// Load the size of it, [`DATA`].
    pub(in super::super) const LD_LEN: u16 = 0x80;
    pub(in super::super) const LDX_LEN: u16 = 0x81;
    pub(in super::super) const LD_IMM: u16 = 0x00;
    pub(in super::super) const LDX_IMM: u16 = 0x01;
    pub(in super::super) const LD_MEM: u16 = 0x60;
    pub(in super::super) const LDX_MEM: u16 = 0x61;
    pub(in super::super) const ST: u16 = 0x02;
    pub(in super::super) const STX: u16 = 0x03;
    pub(in super::super) const TAX: u16 = 0x07;
    pub(in super::super) const TXA: u16 = 0x87;
    pub(in super::super) const ADD: u16 = 0x04;
    pub(in super::super) const SUB: u16 = 0x14;
    pub(in super::super) const MUL: u16 = 0x24;
    pub(in super::super) const DIV: u16 = 0x34;
    pub(in super::super) const OR: u16 = 0x44;
    pub(in super::super) const AND: u16 = 0x54;
    pub(in super::super) const LSH: u16 = 0x64;
    pub(in super::super) const RSH: u16 = 0x74;
    pub(in super::super) const NEG: u16 = 0x84;
    pub(in super::super) const XOR: u16 = 0xa4;
    pub(in super::super) const JA: u16 = 0x05;
    pub(in super::super) const JEQ: u16 = 0x15;
    pub(in super::super) const JGT: u16 = 0x25;
    pub(in super::super) const JGE: u16 = 0x35;
    pub(in super::super) const JSET: u16 = 0x45;
    pub(in super::super) const RET_K: u16 = 0x06;
    pub(in super::super) const RET_A: u16 = 0x16;
    /// `sizeof(struct seccomp_data)`
    pub(in super::super) const DATA: u32 = 64;
    /// Sums: each also with X.
    pub(in super::super) const SUMS: [u16; 9] = [ADD, SUB, MUL, DIV, OR, AND, LSH, RSH, XOR];
    /// Jumps on a condition: each also with X.
    pub(in super::super) const JUMPS: [u16; 4] = [JEQ, JGT, JGE, JSET];
}

/// Words of memory that a program has, `BPF_MEMWORDS`.
pub(super) const MEMORY: u32 = 16;

/// Load a word of `struct seccomp_data`.
pub(super) const LOAD: u16 = op::LD_ABS;
/// Keep some bits of it.
pub(super) const AND: u16 = op::AND;
/// Jump always.
pub(super) const JUMP: u16 = op::JA;
/// Jump if equal.
pub(super) const JUMP_EQUAL: u16 = op::JEQ;
/// Jump if more.
pub(super) const JUMP_MORE: u16 = op::JGT;
/// Jump if at least.
pub(super) const JUMP_LEAST: u16 = op::JGE;
/// Answer.
pub(super) const ANSWER: u16 = op::RET_K;

/// `offsetof(struct seccomp_data, nr)`
pub(super) const NUMBER_AT: u32 = 0;
/// `offsetof(struct seccomp_data, arch)`
pub(super) const ARCH_AT: u32 = 4;

/// Where an argument is; the half that is stored first.
pub(super) const fn arg_at(arg: u8) -> u32 {
    16 + 8 * arg as u32
}

/// `struct sock_filter`, linux/filter.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) code: u16,
    /// How many instructions are passed over if a condition holds.
    pub(super) yes: u8,
    /// And if it does not.
    pub(super) no: u8,
    pub(super) k: u32,
}

/// The size of an instruction in memory.
pub(super) const SIZE: usize = 8;

impl Instruction {
    const fn plain(code: u16, k: u32) -> Self {
        Self { code, yes: 0, no: 0, k }
    }

    /// Where it goes on, if it is instruction number `at`: nowhere after an answer.
    pub(super) fn leads_to(self, at: usize) -> [Option<usize>; 2] {
        let over = |count: u32| at.checked_add(1)?.checked_add(usize::try_from(count).ok()?);
        match self.code {
            op::RET_K | op::RET_A => [None, None],
            op::JA => [over(self.k), None],
            code if op::JUMPS.contains(&(code & !op::WITH_X)) => [over(self.yes.into()), over(self.no.into())],
            _ => [over(0), None],
        }
    }

    /// As the kernel of a machine reads it that stores the high byte first, or the low.
    pub(super) const fn to_bytes(self, big_endian: bool) -> [u8; SIZE] {
        let ([a, b], [e, f, g, h]) = match big_endian {
            true => (self.code.to_be_bytes(), self.k.to_be_bytes()),
            false => (self.code.to_le_bytes(), self.k.to_le_bytes()),
        };
        [a, b, self.yes, self.no, e, f, g, h]
    }

    /// What [`to_bytes`](Self::to_bytes) made.
    pub(super) const fn of_bytes([a, b, yes, no, e, f, g, h]: [u8; SIZE], big_endian: bool) -> Self {
        let (code, k) = ([a, b], [e, f, g, h]);
        match big_endian {
            true => Self { code: u16::from_be_bytes(code), yes, no, k: u32::from_be_bytes(k) },
            false => Self { code: u16::from_le_bytes(code), yes, no, k: u32::from_le_bytes(k) },
        }
    }
}

/// A place in a program that jumps lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(usize);

#[derive(Debug)]
enum Item {
    Plain(Instruction),
    /// Goes on at one of two labels.
    Branch {
        code: u16,
        k: u32,
        yes: Label,
        no: Label,
        is_long: bool,
    },
    Mark(Label),
}

impl Item {
    const fn size(&self) -> usize {
        match self {
            Self::Plain(_) => 1,
            Self::Branch { is_long: false, .. } => 1,
            Self::Branch { is_long: true, .. } => 3,
            Self::Mark(_) => 0,
        }
    }
}

/// A program while it is written. Labels are marked after everything that jumps to them: all jumps lead forward.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    items: Vec<Item>,
    labels: usize,
    instructions: usize,
    /// Whether the upper half of an argument is stored first.
    big_endian: bool,
}

impl Assembler {
    pub(super) fn new(big_endian: bool) -> Self {
        Self { big_endian, ..Self::default() }
    }

    /// Where the lower half of an argument is.
    pub(super) const fn low_at(&self, arg: u8) -> u32 {
        arg_at(arg) + if self.big_endian { 4 } else { 0 }
    }

    /// Where the upper half of an argument is.
    pub(super) const fn high_at(&self, arg: u8) -> u32 {
        arg_at(arg) + if self.big_endian { 0 } else { 4 }
    }

    /// How many instructions there are, if no jump is long.
    pub(super) const fn size(&self) -> usize {
        self.instructions
    }

    /// A label, to be marked later.
    pub(super) const fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    /// Here the label is.
    pub(super) fn mark(&mut self, label: Label) {
        self.items.push(Item::Mark(label));
    }

    /// An instruction that is no conditional jump.
    pub(super) fn plain(&mut self, code: u16, k: u32) {
        self.instructions += 1;
        self.items.push(Item::Plain(Instruction::plain(code, k)));
    }

    /// Goes on at `yes` if the condition holds, else at `no`.
    pub(super) fn branch(&mut self, code: u16, k: u32, yes: Label, no: Label) {
        self.instructions += 1;
        self.items.push(Item::Branch { code, k, yes, no, is_long: false });
    }

    /// The program.
    pub(super) fn assemble(mut self) -> Vec<Instruction> {
        let mut places = self.places();
        // What is made long moves what is behind it: until nothing else must be.
        while self.lengthen(&places) {
            places = self.places();
        }
        let mut program = Vec::new();
        for item in &self.items {
            match *item {
                Item::Plain(instruction) => program.push(instruction),
                Item::Mark(_) => {}
                Item::Branch { code, k, yes, no, is_long } => {
                    let over = |label: Label, at: usize| distance(&places, label, at);
                    let at = program.len();
                    if is_long {
                        program.push(Instruction { code, yes: 0, no: 1, k });
                        program.push(Instruction::plain(JUMP, over(yes, at + 1)));
                        program.push(Instruction::plain(JUMP, over(no, at + 2)));
                    } else {
                        // They fit: `lengthen` has seen to it.
                        let short = |label| u8::try_from(over(label, at)).unwrap_or(u8::MAX);
                        program.push(Instruction { code, yes: short(yes), no: short(no), k });
                    }
                }
            }
        }
        program
    }

    /// Where each label is, by its number.
    fn places(&self) -> Vec<usize> {
        let mut places = vec![0; self.labels];
        let mut at = 0;
        for item in &self.items {
            if let Item::Mark(label) = item
                && let Some(place) = places.get_mut(label.0)
            {
                *place = at;
            }
            at += item.size();
        }
        places
    }

    /// Makes jumps long that are too far; whether there were any.
    fn lengthen(&mut self, places: &[usize]) -> bool {
        let (mut any, mut at) = (false, 0);
        for item in &mut self.items {
            let size = item.size();
            if let Item::Branch { yes, no, is_long, .. } = item
                && !*is_long
                && [*yes, *no].into_iter().any(|label| distance(places, label, at) > u32::from(u8::MAX))
            {
                *is_long = true;
                any = true;
            }
            at += size;
        }
        any
    }
}

/// How many instructions are between the one at `at` and a label.
fn distance(places: &[usize], label: Label, at: usize) -> u32 {
    let place = places.get(label.0).copied().unwrap_or_default();
    u32::try_from(place.saturating_sub(at + 1)).unwrap_or(u32::MAX)
}

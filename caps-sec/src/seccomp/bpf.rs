// SPDX-License-Identifier: MIT OR Apache-2.0
//! Classic BPF: the kernel's instructions, and an assembler with labels.
//!
//! A conditional jump reaches 255 instructions forward. The assembler makes a longer one of three: the condition, and an
//! unconditional jump for either answer.
//!
//! Kernel: include/uapi/linux/filter.h, bpf_common.h; kernel/seccomp.c, `seccomp_check_filter`.

/// Load a word of `struct seccomp_data`: `BPF_LD | BPF_W | BPF_ABS`.
pub(super) const LOAD: u16 = 0x20;
/// Keep some bits of it: `BPF_ALU | BPF_AND | BPF_K`.
pub(super) const AND: u16 = 0x54;
/// Jump always: `BPF_JMP | BPF_JA`.
pub(super) const JUMP: u16 = 0x05;
/// Jump if equal: `BPF_JMP | BPF_JEQ | BPF_K`.
pub(super) const JUMP_EQUAL: u16 = 0x15;
/// Jump if more: `BPF_JMP | BPF_JGT | BPF_K`.
pub(super) const JUMP_MORE: u16 = 0x25;
/// Jump if at least: `BPF_JMP | BPF_JGE | BPF_K`.
pub(super) const JUMP_LEAST: u16 = 0x35;
/// Answer: `BPF_RET | BPF_K`.
pub(super) const ANSWER: u16 = 0x06;

/// `offsetof(struct seccomp_data, nr)`
pub(super) const NUMBER_AT: u32 = 0;
/// `offsetof(struct seccomp_data, arch)`
pub(super) const ARCH_AT: u32 = 4;

/// Where the lower half of an argument is, both halves in the order of x86_64 and aarch64: the lower first.
pub(super) const fn low_at(arg: u8) -> u32 {
    16 + 8 * arg as u32
}

/// Where the upper half of an argument is.
pub(super) const fn high_at(arg: u8) -> u32 {
    low_at(arg) + 4
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

    /// As the kernel reads it.
    pub(super) const fn to_bytes(self) -> [u8; SIZE] {
        let [a, b] = self.code.to_ne_bytes();
        let [e, f, g, h] = self.k.to_ne_bytes();
        [a, b, self.yes, self.no, e, f, g, h]
    }

    /// What [`to_bytes`](Self::to_bytes) made.
    pub(super) const fn of_bytes([a, b, yes, no, e, f, g, h]: [u8; SIZE]) -> Self {
        Self { code: u16::from_ne_bytes([a, b]), yes, no, k: u32::from_ne_bytes([e, f, g, h]) }
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
}

impl Assembler {
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
        self.items.push(Item::Plain(Instruction::plain(code, k)));
    }

    /// Goes on at `yes` if the condition holds, else at `no`.
    pub(super) fn branch(&mut self, code: u16, k: u32, yes: Label, no: Label) {
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

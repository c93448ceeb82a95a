// SPDX-License-Identifier: MIT OR Apache-2.0
//! Deciding: what the kernel will answer to a call, found out without it.
//!
//! An interpreter of every instruction that the kernel takes in a filter, those that our compiler never writes too. It
//! reads the very bytes that are loaded.
//!
//! Kernel: kernel/seccomp.c, `seccomp_check_filter`; net/core/filter.c, `bpf_convert_filter`.

use super::bpf::{Instruction, MEMORY, op};
use super::{Call, Filter, Verdict};

impl Filter {
    /// What becomes of this call.
    ///
    /// ```
    /// use skep_caps_sec::{Call, CapSet, Errno, Policy, Verdict};
    ///
    /// let filter = Policy::standard(CapSet::standard()).compile()?;
    /// let mount = Call::named("mount").unwrap_or_default();
    /// assert_eq!(filter.decide(&mount), Verdict::Errno(Errno::PERM));
    /// # Ok::<(), skep_caps_sec::Error>(())
    /// ```
    #[must_use]
    pub fn decide(&self, call: &Call) -> Verdict {
        // A program that leads nowhere is refused by the kernel; there is none to come to.
        self.run(call).map_or(Verdict::KillProcess, Verdict::of)
    }

    /// Runs the program; `None` for one that the kernel does not take.
    fn run(&self, call: &Call) -> Option<u32> {
        let mut registers = Registers::default();
        let mut at = 0;
        loop {
            let instruction = self.instruction(at)?;
            at += 1;
            match registers.step(instruction, call, self.is_big_endian())? {
                Next::Over(count) => at = at.checked_add(count)?,
                Next::Answer(answer) => return Some(answer),
            }
        }
    }
}

/// What a program has.
#[derive(Debug, Default)]
struct Registers {
    a: u32,
    x: u32,
    memory: [u32; MEMORY as usize],
}

/// What an instruction leads to.
enum Next {
    /// So many instructions are passed over.
    Over(usize),
    Answer(u32),
}

impl Registers {
    fn step(&mut self, instruction: Instruction, call: &Call, big_endian: bool) -> Option<Next> {
        let Instruction { code, yes, no, k } = instruction;
        // Of jumps and sums that are with X the code has this bit.
        let operand = if code & op::WITH_X != 0 { self.x } else { k };
        let jump = |holds: bool| Some(Next::Over(usize::from(if holds { yes } else { no })));
        match code {
            op::LD_ABS => self.a = call.word(k, big_endian)?,
            op::LD_LEN => self.a = op::DATA,
            op::LDX_LEN => self.x = op::DATA,
            op::LD_IMM => self.a = k,
            op::LDX_IMM => self.x = k,
            op::LD_MEM => self.a = *self.memory.get(usize::try_from(k).ok()?)?,
            op::LDX_MEM => self.x = *self.memory.get(usize::try_from(k).ok()?)?,
            op::ST => *self.memory.get_mut(usize::try_from(k).ok()?)? = self.a,
            op::STX => *self.memory.get_mut(usize::try_from(k).ok()?)? = self.x,
            op::TAX => self.x = self.a,
            op::TXA => self.a = self.x,
            op::NEG => self.a = self.a.wrapping_neg(),
            op::JA => return Some(Next::Over(usize::try_from(k).ok()?)),
            op::RET_K => return Some(Next::Answer(k)),
            op::RET_A => return Some(Next::Answer(self.a)),
            _ => match code & !op::WITH_X {
                op::JEQ => return jump(self.a == operand),
                op::JGT => return jump(self.a > operand),
                op::JGE => return jump(self.a >= operand),
                op::JSET => return jump(self.a & operand != 0),
                op::ADD => self.a = self.a.wrapping_add(operand),
                op::SUB => self.a = self.a.wrapping_sub(operand),
                op::MUL => self.a = self.a.wrapping_mul(operand),
                // By nothing: the program ends, and answers 0.
                op::DIV => match self.a.checked_div(operand) {
                    Some(quotient) => self.a = quotient,
                    None => return Some(Next::Answer(0)),
                },
                op::AND => self.a &= operand,
                op::OR => self.a |= operand,
                op::XOR => self.a ^= operand,
                op::LSH => self.a = self.a.wrapping_shl(operand),
                op::RSH => self.a = self.a.wrapping_shr(operand),
                _ => return None,
            },
        }
        Some(Next::Over(0))
    }
}

impl Call {
    /// The word at this offset of `struct seccomp_data`: number, architecture, address (which we leave at 0), arguments.
    fn word(&self, offset: u32, big_endian: bool) -> Option<u32> {
        let half = |register: u64, upper: bool| {
            let [low, high] = [register, register >> 32].map(|part| (part & 0xffff_ffff) as u32);
            if upper { high } else { low }
        };
        match (offset, offset % 4) {
            (0, _) => Some(self.number),
            (4, _) => Some(self.audit_number),
            (8 | 12, _) => Some(0),
            (16..64, 0) => {
                let arg = self.args.get(usize::try_from((offset - 16) / 8).ok()?)?;
                Some(half(*arg, (offset % 8 == 4) != big_endian))
            }
            _ => None,
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's check of a program, made before the kernel: with the place, where it says "Invalid argument".
//!
//! Kernel: net/core/filter.c, `bpf_check_classic`, `check_load_and_stores`; kernel/seccomp.c, `seccomp_check_filter`.

use super::Filter;
use super::bpf::{Instruction, MEMORY, SIZE, op};
use super::compile::MOST;

impl Filter {
    /// Why the kernel would not take it.
    pub(super) fn fault(&self) -> Option<String> {
        let bytes = self.as_bytes().len();
        if !bytes.is_multiple_of(SIZE) {
            return Some(format!("{bytes} bytes are no program: an instruction has {SIZE}"));
        }
        let count = self.len();
        if !(1..=MOST).contains(&count) {
            return Some(format!("{count} instructions: the kernel takes 1 to {MOST}"));
        }
        let program: Vec<Instruction> = (0..count).filter_map(|at| self.instruction(at)).collect();
        let fault = program.iter().enumerate().find_map(|(at, instruction)| {
            instruction.fault(at, count).map(|fault| format!("instruction {at}: {fault}"))
        });
        let ends = program.last().is_some_and(|last| matches!(last.code, op::RET_K | op::RET_A));
        fault
            .or_else(|| (!ends).then(|| format!("instruction {}: the last one must be an answer", count - 1)))
            .or_else(|| unwritten(&program))
    }
}

impl Instruction {
    /// What is wrong with it by itself, as number `at` of `count`.
    fn fault(self, at: usize, count: usize) -> Option<String> {
        let Self { code, k, .. } = self;
        let beyond = self.leads_to(at).into_iter().flatten().any(|place| place >= count);
        match code {
            op::LD_ABS if k >= op::DATA || k % 4 != 0 => Some(format!("there is no word at {k} of what a filter sees")),
            op::LD_MEM | op::LDX_MEM | op::ST | op::STX if k >= MEMORY => {
                Some(format!("there are {MEMORY} words of memory, and {k} is none"))
            }
            op::DIV if k == 0 => Some("a division by 0".to_owned()),
            op::LSH | op::RSH if k > 31 => Some(format!("a shift by {k} of 32 bits")),
            _ if !self.is_known() => Some(format!("{code:#x} is no instruction of filters")),
            // An answer leads nowhere; what is behind the end is told of the last one.
            _ if beyond && at + 1 != count => Some("it jumps past the end".to_owned()),
            _ if beyond && code & 7 == op::JA => Some("it jumps past the end".to_owned()),
            _ => None,
        }
    }

    fn is_known(self) -> bool {
        const PLAIN: [u16; 15] = [
            op::LD_ABS,
            op::LD_LEN,
            op::LDX_LEN,
            op::LD_IMM,
            op::LDX_IMM,
            op::LD_MEM,
            op::LDX_MEM,
            op::ST,
            op::STX,
            op::TAX,
            op::TXA,
            op::NEG,
            op::JA,
            op::RET_K,
            op::RET_A,
        ];
        let bare = self.code & !op::WITH_X;
        PLAIN.contains(&self.code) || op::SUMS.contains(&bare) || op::JUMPS.contains(&bare)
    }
}

/// What reads a word of memory that not every way to it has written.
fn unwritten(program: &[Instruction]) -> Option<String> {
    // Of each instruction, the words that are written on all ways to it; it is come to from before it alone.
    let mut written = vec![u16::MAX; program.len()];
    let mut here = 0_u16;
    for (at, instruction) in program.iter().enumerate() {
        here &= written.get(at).copied().unwrap_or_default();
        let word = 1_u16.checked_shl(instruction.k).unwrap_or_default();
        match instruction.code {
            op::ST | op::STX => here |= word,
            op::LD_MEM | op::LDX_MEM if here & word == 0 => {
                return Some(format!(
                    "instruction {at}: it reads word {} of the memory, which is not written",
                    instruction.k
                ));
            }
            code if code & 7 == op::JA => {
                for place in instruction.leads_to(at).into_iter().flatten() {
                    if let Some(there) = written.get_mut(place) {
                        *there &= here;
                    }
                }
                here = u16::MAX;
            }
            _ => {}
        }
    }
    None
}

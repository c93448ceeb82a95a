// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listings: a filter as text, an instruction a line, in the words of the kernel's `bpf_asm`.

use std::fmt::{self, Write as _};

use super::bpf::{ARCH_AT, Instruction, NUMBER_AT, op};
use super::{Arch, Filter, Verdict};

impl Filter {
    /// Its instructions, a line each: number, mnemonic, operand, where jumps lead, and what is known of it in words.
    ///
    /// ```
    /// use skep_caps_sec::{Arch, Policy};
    ///
    /// let listing = Policy::allow_all().deny(["reboot"]).compile_for(Arch::X86_64)?.listing();
    /// assert!(listing.contains("jeq #0xc000003e"), "{listing}");
    /// assert!(listing.contains("; deny with EPERM"), "{listing}");
    /// # Ok::<(), skep_caps_sec::Error>(())
    /// ```
    #[must_use]
    pub fn listing(&self) -> String {
        let mut text = String::new();
        // What was loaded last: what a comparison is about.
        let mut loaded = None;
        for at in 0..self.len() {
            let Some(instruction) = self.instruction(at) else { break };
            // Writing to a string cannot fail.
            let _ = self.line(&mut text, at, instruction, loaded);
            if instruction.code == op::LD_ABS {
                loaded = Some(instruction.k);
            }
        }
        text
    }

    fn line(&self, text: &mut String, at: usize, instruction: Instruction, loaded: Option<u32>) -> fmt::Result {
        let Instruction { code, k, .. } = instruction;
        let (name, form) = mnemonic(code);
        let operand = match form {
            Form::Nothing => String::new(),
            Form::Word => format!(" [{k}]"),
            Form::Number => format!(" #{k:#x}"),
            Form::Memory => format!(" M[{k}]"),
            Form::Index => " x".to_owned(),
            Form::Unknown => format!(" {code:#x} {k:#x}"),
        };
        write!(text, "{at:4}: {:<22}", format!("{name}{operand}"))?;
        let jumps = code & 7 == op::JA;
        if jumps {
            let places = instruction.leads_to(at).into_iter().flatten().map(|place| place.to_string());
            write!(text, " → {}", places.collect::<Vec<_>>().join(", else "))?;
        }
        if let Some(words) = self.words(instruction, loaded) {
            write!(text, " ; {words}")?;
        }
        let end = text.trim_end().len();
        text.truncate(end);
        text.push('\n');
        Ok(())
    }

    /// What an instruction is about.
    fn words(&self, Instruction { code, k, .. }: Instruction, loaded: Option<u32>) -> Option<String> {
        match (code, loaded) {
            (op::RET_K, _) => Some(Verdict::of(k).to_string()),
            (op::LD_ABS, _) => match k {
                NUMBER_AT => Some("number".to_owned()),
                ARCH_AT => Some("architecture".to_owned()),
                16..64 => {
                    let lower = (k % 8 == 0) != self.is_big_endian();
                    Some(format!("argument {}, {} half", (k - 16) / 8, if lower { "lower" } else { "upper" }))
                }
                _ => None,
            },
            (op::JEQ, Some(ARCH_AT)) => Arch::of_call(k, 0).map(|arch| arch.to_string()),
            (op::JEQ | op::JGE | op::JGT, Some(NUMBER_AT)) if self.arches().len() == 1 => {
                self.arch().name_of(k).map(str::to_owned)
            }
            _ => None,
        }
    }
}

/// What follows a mnemonic.
enum Form {
    Nothing,
    Word,
    Number,
    Memory,
    Index,
    Unknown,
}

fn mnemonic(code: u16) -> (&'static str, Form) {
    let with = if code & op::WITH_X != 0 { Form::Index } else { Form::Number };
    match code {
        op::LD_ABS => ("ld", Form::Word),
        op::LD_IMM => ("ld", Form::Number),
        op::LD_MEM => ("ld", Form::Memory),
        op::LD_LEN => ("ld len", Form::Nothing),
        op::LDX_IMM => ("ldx", Form::Number),
        op::LDX_MEM => ("ldx", Form::Memory),
        op::LDX_LEN => ("ldx len", Form::Nothing),
        op::ST => ("st", Form::Memory),
        op::STX => ("stx", Form::Memory),
        op::TAX => ("tax", Form::Nothing),
        op::TXA => ("txa", Form::Nothing),
        op::NEG => ("neg", Form::Nothing),
        op::JA => ("ja", Form::Nothing),
        op::RET_K => ("ret", Form::Number),
        op::RET_A => ("ret a", Form::Nothing),
        _ => match code & !op::WITH_X {
            op::ADD => ("add", with),
            op::SUB => ("sub", with),
            op::MUL => ("mul", with),
            op::DIV => ("div", with),
            op::AND => ("and", with),
            op::OR => ("or", with),
            op::XOR => ("xor", with),
            op::LSH => ("lsh", with),
            op::RSH => ("rsh", with),
            op::JEQ => ("jeq", with),
            op::JGT => ("jgt", with),
            op::JGE => ("jge", with),
            op::JSET => ("jset", with),
            _ => ("unknown", Form::Unknown),
        },
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a policy to a filter: numbers with one verdict become ranges, ranges a balanced search, conditions a chain behind
//! it.
//!
//! ```text
//!  architecture ──► number ──► search: log2(ranges) comparisons ──┬──► verdict
//!                                                                 └──► rule 1 holds? rule 2 holds? … default
//! ```
//! A filter that decides by the number alone, without looking at an argument, is asked once a number by Linux 5.11 and
//! newer when it is loaded: for calls that are allowed whatever their arguments it costs nothing from then on.
//!
//! Kernel: kernel/seccomp.c, `seccomp_cache_prepare`.

use std::collections::HashMap;

use super::bpf::{
    AND, ANSWER, ARCH_AT, Assembler, Instruction, JUMP_EQUAL, JUMP_LEAST, JUMP_MORE, LOAD, Label, NUMBER_AT, high_at,
    low_at,
};
use super::condition::LOW;
use super::{Arch, Compare, Condition, Errno, Filter, Policy, Verdict};
use crate::error::{Error, Object};

/// As many instructions as the kernel takes, `BPF_MAXINSNS`.
const MOST: usize = 4096;

/// What becomes of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate<'a> {
    Is(Verdict),
    /// The first clause that holds decides.
    Depends(Vec<Clause<'a>>, Verdict),
}

/// A rule for one call: its conditions, and the verdict where they hold.
type Clause<'a> = (&'a [Condition], Verdict, &'a str);

/// A range of numbers: it begins here, and ends where the next begins.
type Range<'a> = (u32, Fate<'a>);

impl Policy {
    /// The filter for programs of this program's own architecture.
    ///
    /// # Errors
    /// `Invalid` with every [problem](Self::problems); or if it needs more instructions than the kernel takes, 4096.
    pub fn compile(&self) -> Result<Filter, Error> {
        self.compile_for(Arch::NATIVE)
    }

    /// The filter for programs of this architecture. It kills processes of others.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn compile_for(&self, arch: Arch) -> Result<Filter, Error> {
        const OBJECT: Object = Object::Named("the seccomp policy");
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::invalid("compile", OBJECT, problems));
        }
        let program = self.assemble(arch);
        if program.len() > MOST {
            let why = format!("rules: they take {} instructions, and the kernel takes {MOST}", program.len());
            return Err(Error::invalid("compile", OBJECT, vec![why]));
        }
        Ok(Filter::new(arch, &program))
    }

    pub(super) fn assemble(&self, arch: Arch) -> Vec<Instruction> {
        let mut program = Assembler::default();
        let (ours, foreign) = (program.label(), program.label());
        program.plain(LOAD, ARCH_AT);
        program.branch(JUMP_EQUAL, arch.audit_number(), ours, foreign);
        program.mark(foreign);
        program.plain(ANSWER, Verdict::KillProcess.answer());
        program.mark(ours);
        program.plain(LOAD, NUMBER_AT);
        search(&mut program, &self.ranges(arch));
        program.assemble()
    }

    /// Every number there is, from 0 on.
    fn ranges(&self, arch: Arch) -> Vec<Range<'_>> {
        const NOSYS: Verdict = Verdict::Errno(Errno::NOSYS);
        let mut fates = self.fates();
        let unknown = if self.default.lets_through() { self.default } else { NOSYS };
        let mut ranges = Ranges(Vec::new());
        let mut next = 0;
        for (number, name) in arch.calls() {
            if *number > next {
                ranges.add(next, Fate::Is(unknown));
            }
            let fate =
                fates.remove(name).unwrap_or_else(|| Fate::Is(if *name == "clone3" { unknown } else { self.default }));
            ranges.add(*number, fate);
            next = number + 1;
        }
        ranges.add(next, Fate::Is(unknown));
        if arch == Arch::X86_64 {
            // Calls of x32 that have numbers of their own, which some kernels took from 64-bit programs too.
            ranges.add(512, Fate::Is(NOSYS));
            ranges.add(548, Fate::Is(unknown));
            // The same calls under other numbers, `__X32_SYSCALL_BIT`: a deny rule must not be got round by them.
            ranges.add(0x4000_0000, Fate::Is(NOSYS));
        }
        ranges.0
    }

    /// What becomes of the calls that rules name.
    fn fates(&self) -> HashMap<&str, Fate<'_>> {
        let mut fates = HashMap::new();
        for rule in &self.rules {
            for name in &rule.calls {
                let fate = fates.entry(name.as_str()).or_insert_with(|| Fate::Depends(Vec::new(), self.default));
                fate.add(&rule.when, rule.verdict, name);
            }
        }
        fates
    }
}

impl<'a> Fate<'a> {
    /// One more rule, which counts where none before it holds.
    fn add(&mut self, when: &'a [Condition], verdict: Verdict, name: &'a str) {
        let Self::Depends(clauses, _) = self else { return };
        match (when.is_empty(), clauses.is_empty()) {
            (true, true) => *self = Self::Is(verdict),
            // Nothing behind it counts; what is added nevertheless is never come to.
            (true, false) | (false, _) => clauses.push((when, verdict, name)),
        }
    }
}

/// Ranges as they grow: of neighbours with one fate one is left.
struct Ranges<'a>(Vec<Range<'a>>);

impl<'a> Ranges<'a> {
    fn add(&mut self, begin: u32, fate: Fate<'a>) {
        if self.0.last().is_none_or(|(_, last)| *last != fate) {
            self.0.push((begin, fate));
        }
    }
}

/// Finds the range that the number, which is loaded, is in: each comparison halves them.
fn search(program: &mut Assembler, ranges: &[Range<'_>]) {
    let (lower, upper) = ranges.split_at(ranges.len() / 2);
    match (lower, upper) {
        ([], [(_, fate)]) => settle(program, fate),
        (_, [(begin, _), ..]) => {
            let (below, above) = (program.label(), program.label());
            program.branch(JUMP_LEAST, *begin, above, below);
            program.mark(below);
            search(program, lower);
            program.mark(above);
            search(program, upper);
        }
        (_, []) => {}
    }
}

/// Answers.
fn settle(program: &mut Assembler, fate: &Fate<'_>) {
    match fate {
        Fate::Is(verdict) => program.plain(ANSWER, verdict.answer()),
        Fate::Depends(clauses, default) => {
            for (when, verdict, name) in clauses {
                let fails = program.label();
                for condition in *when {
                    test(program, &condition.of_call(name), fails);
                }
                program.plain(ANSWER, verdict.answer());
                program.mark(fails);
                if when.is_empty() {
                    return;
                }
            }
            program.plain(ANSWER, default.answer());
        }
    }
}

/// Goes on if the condition holds, else at `fails`. Both halves of the argument are compared, the upper one first; of what
/// is masked out nothing is loaded.
fn test(program: &mut Assembler, condition: &Condition, fails: Label) {
    let Condition { arg, mask, compare, value } = *condition;
    let (mask_high, mask_low) = halves(mask);
    let (high, low) = halves(value);
    let holds = program.label();
    let load = |program: &mut Assembler, at: u32, mask: u32| {
        program.plain(LOAD, at);
        if mask != u32::MAX {
            program.plain(AND, mask);
        }
    };
    if (mask_high, high) != (0, 0) {
        // What is not equal in the upper half is decided by it.
        let (lower, unequal) = (program.label(), program.label());
        load(program, high_at(arg), mask_high);
        match compare {
            Compare::Eq => program.branch(JUMP_EQUAL, high, lower, fails),
            Compare::Ne => program.branch(JUMP_EQUAL, high, lower, holds),
            Compare::Lt | Compare::Le => {
                program.branch(JUMP_EQUAL, high, lower, unequal);
                program.mark(unequal);
                program.branch(JUMP_MORE, high, fails, holds);
            }
            Compare::Gt | Compare::Ge => {
                program.branch(JUMP_EQUAL, high, lower, unequal);
                program.mark(unequal);
                program.branch(JUMP_MORE, high, holds, fails);
            }
        }
        program.mark(lower);
    }
    load(program, low_at(arg), mask_low);
    match compare {
        Compare::Eq => program.branch(JUMP_EQUAL, low, holds, fails),
        Compare::Ne => program.branch(JUMP_EQUAL, low, fails, holds),
        Compare::Lt => program.branch(JUMP_LEAST, low, fails, holds),
        Compare::Le => program.branch(JUMP_MORE, low, fails, holds),
        Compare::Gt => program.branch(JUMP_MORE, low, holds, fails),
        Compare::Ge => program.branch(JUMP_LEAST, low, holds, fails),
    }
    program.mark(holds);
}

/// The upper and the lower half of a register.
const fn halves(register: u64) -> (u32, u32) {
    ((register >> 32) as u32, (register & LOW) as u32)
}

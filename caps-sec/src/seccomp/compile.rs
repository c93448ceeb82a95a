// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a policy to a filter: numbers with one verdict become ranges, ranges a balanced search, conditions a chain behind
//! it.
//!
//! ```text
//!  architecture ──► number ──► search: log2(ranges) comparisons ──┬──► verdict
//!                                                                 └──► rule 1 holds? rule 2 holds? … default
//! ```
//! Verdicts are shared: comparisons lead to one and the same answer as far as their jumps reach. What the accumulator holds
//! already is not loaded again, so that a list of values of one argument is a comparison each.
//!
//! A filter that decides by the number alone, without looking at an argument, is asked once a number by Linux 5.11 and
//! newer when it is loaded: for calls that are allowed whatever their arguments it costs nothing from then on.
//!
//! Kernel: kernel/seccomp.c, `seccomp_cache_prepare`.

use std::collections::HashMap;

use super::arch::X32_BIT;
use super::bpf::{
    AND, ANSWER, ARCH_AT, Assembler, Instruction, JUMP_EQUAL, JUMP_LEAST, JUMP_MORE, LOAD, Label, NUMBER_AT,
};
use super::condition::LOW;
use super::multiplexed::also_by;
use super::{Arch, Compare, Condition, Errno, Filter, Policy, Verdict};
use crate::error::{Error, Object};

/// As many instructions as the kernel takes, `BPF_MAXINSNS`.
pub(super) const MOST: usize = 4096;

const NOSYS: Verdict = Verdict::Errno(Errno::NOSYS);

/// What becomes of a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate<'a> {
    Is(Verdict),
    /// The first clause that holds decides.
    Depends(Vec<Clause<'a>>, Verdict),
}

/// A rule for one call: its conditions, and the verdict where they hold.
pub(super) type Clause<'a> = (&'a [Condition], Verdict, &'a str);

/// A range of numbers: it begins here, and ends where the next begins.
type Range<'a> = (u32, Fate<'a>);

impl Policy {
    /// The filter, for programs of the architectures that the policy is [for](Self::for_arches).
    ///
    /// # Errors
    /// `Invalid` with every [problem](Self::problems); or if it needs more instructions than the kernel takes, 4096.
    pub fn compile(&self) -> Result<Filter, Error> {
        self.compile_all(self.compiled_for())
    }

    /// The filter for programs of this architecture alone. It kills processes of others.
    ///
    /// One for an architecture whose programs this machine does not run can be asked, shown and stored, not loaded.
    ///
    /// # Errors
    /// As [`compile`](Self::compile).
    pub fn compile_for(&self, arch: Arch) -> Result<Filter, Error> {
        self.compile_all(&[arch])
    }

    fn compile_all(&self, arches: &[Arch]) -> Result<Filter, Error> {
        const OBJECT: Object = Object::Named("the seccomp policy");
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::invalid("compile", OBJECT, problems));
        }
        let program = self.assemble(arches);
        if program.len() > MOST {
            let why = format!("rules: they take {} instructions, and the kernel takes {MOST}", program.len());
            let hint = format!("{}; compare less, or load two filters, one after the other", self.largest(arches));
            return Err(Error::invalid("compile", OBJECT, vec![why]).with_hint(hint));
        }
        Ok(Filter::new(arches, &program))
    }

    /// What takes the most instructions, in words.
    fn largest(&self, arches: &[Arch]) -> String {
        let size = |fate: &Fate<'_>| {
            let mut alone = Writer { program: Assembler::default(), answers: Vec::new() };
            alone.search(&[(0, fate.clone())]);
            alone.flush();
            alone.program.assemble().len()
        };
        let fates = arches.iter().flat_map(|arch| self.fates(*arch));
        let largest = fates.map(|(name, fate)| (size(&fate), name)).max();
        largest.map_or_else(String::new, |(size, name)| format!("the conditions of {name:?} alone take {size}"))
    }

    pub(super) fn assemble(&self, arches: &[Arch]) -> Vec<Instruction> {
        let mut program = Assembler::new(arches.iter().any(|arch| arch.is_big_endian()));
        program.plain(LOAD, ARCH_AT);
        // Of x86_64 and x32, which are one to the kernel, the first stands for both.
        let mut groups: Vec<(u32, Label, Vec<Arch>)> = Vec::new();
        for arch in arches {
            match groups.iter_mut().find(|(audit_number, ..)| *audit_number == arch.audit_number()) {
                Some((.., group)) => group.push(*arch),
                None => groups.push((arch.audit_number(), program.label(), vec![*arch])),
            }
        }
        for (audit_number, here, _) in &groups {
            let next = program.label();
            program.branch(JUMP_EQUAL, *audit_number, *here, next);
            program.mark(next);
        }
        program.plain(ANSWER, Verdict::KillProcess.answer());
        let mut writer = Writer { program, answers: Vec::new() };
        for (_, here, group) in groups {
            writer.flush_before(2);
            writer.program.mark(here);
            writer.program.plain(LOAD, NUMBER_AT);
            writer.search(&self.ranges(&group));
        }
        writer.flush();
        writer.program.assemble()
    }

    /// Every number there is, from 0 on, of architectures that are one to the kernel.
    fn ranges(&self, group: &[Arch]) -> Vec<Range<'_>> {
        let mut ranges = Ranges(Vec::new());
        let unknown = self.of_unknown();
        if group.contains(&Arch::X32) && !group.contains(&Arch::X86_64) {
            ranges.add(0, Fate::Is(Verdict::KillProcess));
        }
        for arch in group.iter().filter(|arch| **arch != Arch::X32) {
            self.ranges_of(*arch, 0, &mut ranges);
            if *arch == Arch::X86_64 {
                // Calls of x32 that have numbers of their own, which some kernels took from 64-bit programs too.
                ranges.add(512, Fate::Is(NOSYS));
                ranges.add(548, Fate::Is(unknown));
                // The same calls under other numbers: a deny rule must not be got round by them.
                ranges.add(X32_BIT, Fate::Is(NOSYS));
            }
        }
        if group.contains(&Arch::X32) {
            self.ranges_of(Arch::X32, X32_BIT, &mut ranges);
        }
        ranges.0
    }

    /// The numbers of an architecture, from `next` on.
    fn ranges_of<'a>(&'a self, arch: Arch, mut next: u32, ranges: &mut Ranges<'a>) {
        let (mut fates, unknown) = (self.fates(arch), self.of_unknown());
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
    }

    /// What becomes of calls that are not known: as by a kernel that does not have them, where the rest is refused.
    pub(super) const fn of_unknown(&self) -> Verdict {
        if self.default.refuses() { NOSYS } else { self.default }
    }

    /// What becomes of `clone3` where a rule is about `clone`.
    const fn of_hidden(&self) -> Verdict {
        if self.default.lets_through() { NOSYS } else { self.of_unknown() }
    }

    /// What becomes of the calls that rules name, and of those that do the same.
    pub(super) fn fates(&self, arch: Arch) -> HashMap<&str, Fate<'_>> {
        let mut fates = HashMap::new();
        for rule in self.rules.iter().filter(|rule| rule.is_for(arch)) {
            for name in &rule.calls {
                let fate = fates.entry(name.as_str()).or_insert_with(|| Fate::Depends(Vec::new(), self.default));
                fate.add(&rule.when, rule.verdict, name);
                if let Some((by, when)) = also_by(rule, name, arch) {
                    let fate = fates.entry(by).or_insert_with(|| Fate::Depends(Vec::new(), self.default));
                    fate.add(when, rule.verdict, by);
                }
            }
        }
        // Its flags are out of sight: what is denied of the one is not to be had by the other.
        if fates.get("clone").is_some_and(Fate::may_stop) && !fates.contains_key("clone3") {
            fates.insert("clone3", Fate::Is(self.of_hidden()));
        }
        fates
    }
}

impl<'a> Fate<'a> {
    /// Whether the kernel may not be let make the call.
    fn may_stop(&self) -> bool {
        match self {
            Self::Is(verdict) => !verdict.lets_through(),
            Self::Depends(clauses, _) => clauses.iter().any(|(_, verdict, _)| !verdict.lets_through()),
        }
    }

    /// One more rule, which counts where none before it holds.
    fn add(&mut self, when: &'a [Condition], verdict: Verdict, name: &'a str) {
        let Self::Depends(clauses, _) = self else { return };
        match clauses.last() {
            None if when.is_empty() => *self = Self::Is(verdict),
            // Nothing behind one without a condition is ever come to.
            Some(([], ..)) => {}
            _ => clauses.push((when, verdict, name)),
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

/// A program and the answers that are jumped to: one instruction for all jumps that reach it.
struct Writer {
    program: Assembler,
    /// The answers that are wanted and not written yet, and from where on.
    answers: Vec<(Verdict, Label, usize)>,
}

/// What the accumulator holds: the word at this offset, masked.
type Held = Option<(u32, u32)>;

impl Writer {
    /// How far from the first jump to them answers are put off; what is beyond a jump's reach costs more than they do.
    const REACH: usize = 180;

    /// The place of an answer.
    fn answer(&mut self, verdict: Verdict) -> Label {
        match self.answers.iter().find(|(known, ..)| *known == verdict) {
            Some((_, label, _)) => *label,
            None => {
                let label = self.program.label();
                self.answers.push((verdict, label, self.program.size()));
                label
            }
        }
    }

    /// Writes the answers, at a place that nothing falls through to.
    fn flush(&mut self) {
        for (verdict, label, _) in self.answers.drain(..) {
            self.program.mark(label);
            self.program.plain(ANSWER, verdict.answer());
        }
    }

    /// Writes them if the next `size` instructions would bring them out of reach.
    fn flush_before(&mut self, size: usize) {
        let end = self.program.size() + size;
        if self.answers.iter().any(|(_, _, since)| end - since > Self::REACH) {
            self.flush();
        }
    }

    /// Finds the range that the number, which is loaded, is in: each comparison halves them. Nothing falls through to it,
    /// and nothing out of it.
    fn search(&mut self, ranges: &[Range<'_>]) {
        let (lower, upper) = ranges.split_at(ranges.len() / 2);
        match (lower, upper) {
            ([], [(_, Fate::Is(verdict))]) => self.program.plain(ANSWER, verdict.answer()),
            ([], [(_, Fate::Depends(clauses, default))]) => self.settle(clauses, *default),
            (_, [(begin, _), ..]) => {
                let (below, above) = (self.place(lower), self.place(upper));
                self.program.branch(JUMP_LEAST, *begin, above, below);
                for (part, label) in [(lower, below), (upper, above)] {
                    if !matches!(part, [(_, Fate::Is(_))]) {
                        // Not behind the mark: what goes on there would come to the answers.
                        self.flush_before(2);
                        self.program.mark(label);
                        self.search(part);
                    }
                }
            }
            (_, []) => {}
        }
    }

    /// Where ranges are decided: an answer, if it is one.
    fn place(&mut self, ranges: &[Range<'_>]) -> Label {
        match ranges {
            [(_, Fate::Is(verdict))] => self.answer(*verdict),
            _ => self.program.label(),
        }
    }

    /// Answers by the first clause that holds.
    fn settle(&mut self, clauses: &[Clause<'_>], default: Verdict) {
        let mut held = None;
        for (at, (when, verdict, name)) in clauses.iter().enumerate() {
            let Some((last, others)) = when.split_last() else {
                self.program.plain(ANSWER, verdict.answer());
                return;
            };
            let is_last = at + 1 == clauses.len();
            let holds = self.answer(*verdict);
            let fails = if is_last { self.answer(default) } else { self.program.label() };
            // What is held wherever it fails; the first failure says, and others may differ.
            let mut failed: Option<Held> = None;
            for condition in others {
                let next = self.program.label();
                held = self.test(&condition.of_call(name), held, (next, fails), &mut failed);
                self.program.mark(next);
            }
            self.test(&last.of_call(name), held, (holds, fails), &mut failed);
            held = failed.flatten();
            if !is_last {
                self.flush_before(8 + 4 * when.len());
                self.program.mark(fails);
            }
        }
    }

    /// Goes on at the first label if the condition holds, else at the second. Both halves of the argument are compared, the
    /// upper one first; of what is masked out nothing is loaded, and what is held is not loaded again. Answers what is held
    /// where it holds.
    fn test(
        &mut self,
        condition: &Condition,
        mut held: Held,
        (holds, fails): (Label, Label),
        failed: &mut Option<Held>,
    ) -> Held {
        let Condition { arg, mask, compare, value } = *condition;
        let (mask_high, mask_low) = halves(mask);
        let (high, low) = halves(value);
        // It may hold by the upper half alone, with that in the accumulator.
        let mut by_upper = None;
        if (mask_high, high) != (0, 0) {
            held = self.load(self.program.high_at(arg), mask_high, held);
            let lower = self.program.label();
            let program = &mut self.program;
            // What is not equal in the upper half is decided by it.
            match compare {
                Compare::Eq => program.branch(JUMP_EQUAL, high, lower, fails),
                Compare::Ne => program.branch(JUMP_EQUAL, high, lower, holds),
                Compare::Lt | Compare::Le | Compare::Gt | Compare::Ge => {
                    let unequal = program.label();
                    program.branch(JUMP_EQUAL, high, lower, unequal);
                    program.mark(unequal);
                    match compare {
                        Compare::Lt | Compare::Le => program.branch(JUMP_MORE, high, fails, holds),
                        _ => program.branch(JUMP_MORE, high, holds, fails),
                    }
                }
            }
            program.mark(lower);
            if compare != Compare::Eq {
                by_upper = Some(held);
            }
            if compare != Compare::Ne {
                merge(failed, held);
            }
        }
        held = self.load(self.program.low_at(arg), mask_low, held);
        match compare {
            Compare::Eq => self.program.branch(JUMP_EQUAL, low, holds, fails),
            Compare::Ne => self.program.branch(JUMP_EQUAL, low, fails, holds),
            Compare::Lt => self.program.branch(JUMP_LEAST, low, fails, holds),
            Compare::Le => self.program.branch(JUMP_MORE, low, fails, holds),
            Compare::Gt => self.program.branch(JUMP_MORE, low, holds, fails),
            Compare::Ge => self.program.branch(JUMP_LEAST, low, holds, fails),
        }
        merge(failed, held);
        if by_upper.is_some_and(|upper| upper != held) { None } else { held }
    }

    /// Has the accumulator hold the bits of a word.
    fn load(&mut self, at: u32, mask: u32, held: Held) -> Held {
        if held != Some((at, mask)) {
            self.program.plain(LOAD, at);
            if mask != u32::MAX {
                self.program.plain(AND, mask);
            }
        }
        Some((at, mask))
    }
}

/// What is held on both of two ways.
fn merge(known: &mut Option<Held>, held: Held) {
    *known = match *known {
        Some(other) if other != held => Some(None),
        _ => Some(held),
    };
}

/// The upper and the lower half of a register.
const fn halves(register: u64) -> (u32, u32) {
    ((register >> 32) as u32, (register & LOW) as u32)
}

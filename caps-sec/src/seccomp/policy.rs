// SPDX-License-Identifier: MIT OR Apache-2.0
//! Policies: what becomes of every system call, in words that people can check.
//!
//! A [`Policy`] is a description: rules by names, and what becomes of the rest. Nothing depends on the machine, so that it
//! can be stored and compared; [`Policy::compile`] is where names become numbers.
//!
//! Man: seccomp(2), syscalls(2).

use std::fmt;

use super::rule::problem_of_errno;
use super::{Arch, Condition, Errno, Rule, Verdict};

/// Which system calls a process may make.
///
/// Of the rules that name a call, the first whose conditions all hold decides; if there is none, [`default`](Self::default)
/// does. Beyond that, four things are always so, since programs and their safety depend on them:
/// - A policy that denies by default answers `ENOSYS` to calls that are not [known](super::Arch::newest_kernel): programs
///   take that for an older kernel, and do without.
/// - It answers `ENOSYS` to `clone3` too, unless a rule names it: its flags are out of a filter's sight, and the C
///   libraries fall back to `clone`, whose flags are not. So does one that allows by default, if a rule denies `clone`.
/// - What a rule denies, or asks about, is not to be had by the calls of old that make many others by their first argument,
///   `socketcall` and `ipc` of i386, s390x, POWER and MIPS: the rule counts for that number of them, whatever its
///   conditions, since they are about what a filter cannot see there. A rule that names them before, decides before.
/// - Calls by the numbers of an architecture that it is not [for](Self::for_arches) are not made: those of x32 answer
///   `ENOSYS` on x86_64, and 32-bit programs are killed.
///
/// ```
/// use skep_caps_sec::{Call, Errno, Policy, Verdict, arg};
///
/// const NAMESPACES: u64 = 0x7e02_0000; // CLONE_NEW*
/// let policy = Policy::deny_with(Errno::PERM)
///     .allow(["read", "write", "exit_group"])
///     .allow_if(["clone"], [arg(0).masked(NAMESPACES).eq(0)]);
/// let filter = policy.compile()?;
/// let verdict = |name, flags| filter.decide(&Call::named(name).unwrap_or_default().arg(0, flags));
/// assert_eq!(verdict("clone", 17), Verdict::Allow);
/// assert_eq!(verdict("clone", 0x1000_0000), Verdict::Errno(Errno::PERM));
/// assert_eq!(verdict("clone3", 0), Verdict::Errno(Errno::NOSYS));
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Policy {
    /// What becomes of calls that no rule decides.
    pub default: Verdict,
    /// The rules; the first that holds decides.
    #[cfg_attr(feature = "serde", serde(default))]
    pub rules: Vec<Rule>,
    /// The architectures whose calls are judged by it; processes that make calls of others are killed. That of this
    /// program alone if there are none.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub arches: Vec<Arch>,
}

impl Policy {
    /// A policy without a rule.
    #[must_use]
    pub const fn new(default: Verdict) -> Self {
        Self { default, rules: Vec::new(), arches: Vec::new() }
    }

    /// What no rule allows is refused with this error. [`Errno::PERM`] is what most programs take best.
    #[must_use]
    pub const fn deny_with(errno: Errno) -> Self {
        Self::new(Verdict::Errno(errno))
    }

    /// What no rule denies is allowed: calls that are not known, those of newer kernels, too.
    #[must_use]
    pub const fn allow_all() -> Self {
        Self::new(Verdict::Allow)
    }

    /// Allows calls, by name.
    #[must_use]
    pub fn allow(self, calls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rule(Rule::new(Verdict::Allow, calls))
    }

    /// Allows calls where all of these conditions hold.
    #[must_use]
    pub fn allow_if(
        self,
        calls: impl IntoIterator<Item = impl Into<String>>,
        when: impl IntoIterator<Item = Condition>,
    ) -> Self {
        self.rule(Rule::new(Verdict::Allow, calls).when(when))
    }

    /// Denies calls with `EPERM`, by name.
    #[must_use]
    pub fn deny(self, calls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.rule(Rule::new(Verdict::Errno(Errno::PERM), calls))
    }

    /// Denies calls with `EPERM` where all of these conditions hold.
    #[must_use]
    pub fn deny_if(
        self,
        calls: impl IntoIterator<Item = impl Into<String>>,
        when: impl IntoIterator<Item = Condition>,
    ) -> Self {
        self.rule(Rule::new(Verdict::Errno(Errno::PERM), calls).when(when))
    }

    /// Adds a rule, after those that there are: what they decide stays.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Judges the calls of these architectures too: [`Arch::family`] names those that one kernel runs.
    ///
    /// ```
    /// use skep_caps_sec::{Arch, Call, CapSet, Policy, Verdict};
    ///
    /// let filter = Policy::standard(CapSet::standard()).for_arches(Arch::X86_64.family().iter().copied()).compile()?;
    /// let getpid = Call::of(Arch::I386, "getpid").unwrap_or_default();
    /// assert_eq!(filter.decide(&getpid), Verdict::Allow);
    /// # Ok::<(), skep_caps_sec::Error>(())
    /// ```
    #[must_use]
    pub fn for_arches(mut self, arches: impl IntoIterator<Item = Arch>) -> Self {
        for arch in arches {
            if !self.arches.contains(&arch) {
                self.arches.push(arch);
            }
        }
        self
    }

    /// Whether it asks a supervisor about some calls: see [`Verdict::Notify`].
    #[must_use]
    pub fn asks_supervisor(&self) -> bool {
        self.default == Verdict::Notify || self.rules.iter().any(|rule| rule.verdict == Verdict::Notify)
    }

    /// The architectures that it is compiled for.
    pub(super) fn compiled_for(&self) -> &[Arch] {
        if self.arches.is_empty() { &[Arch::NATIVE] } else { &self.arches }
    }

    /// Puts a rule in the place of all that earlier ones say of its calls: to change a policy that is given, such as
    /// [`standard`](Self::standard).
    ///
    /// ```
    /// use skep_caps_sec::{CapSet, Errno, Policy, Rule, Verdict};
    ///
    /// let untraced = Rule::new(Verdict::Errno(Errno::PERM), ["ptrace", "process_vm_readv", "process_vm_writev"]);
    /// let policy = Policy::standard(CapSet::standard()).replace(untraced);
    /// assert!(policy.problems().is_empty());
    /// ```
    #[must_use]
    pub fn replace(mut self, rule: Rule) -> Self {
        for earlier in &mut self.rules {
            earlier.calls.retain(|name| !rule.calls.contains(name));
        }
        self.rules.retain(|earlier| !earlier.calls.is_empty());
        self.rule(rule)
    }

    /// What rules say of calls that earlier ones have decided, by rule and place.
    fn decided_before(&self) -> Vec<(usize, usize, String)> {
        let mut named: Vec<(&str, usize, usize)> = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            named.extend(rule.calls.iter().enumerate().map(|(place, name)| (name.as_str(), at, place)));
        }
        // Rules mostly name calls in order: what is sorted already is merged. The first stays before the others of its name.
        named.sort_by_key(|(name, ..)| *name);
        let mut decided = Vec::new();
        for of_name in named.chunk_by(|(one, ..), (other, ..)| one == other) {
            for (count, (name, at, place)) in of_name.iter().enumerate().skip(1) {
                decided.extend(of_name.iter().take(count).find_map(|(_, first, there)| {
                    let told = self.rules.get(*first)?.takes_all_of(self.rules.get(*at)?)?;
                    let why = format!("{name:?} is decided before, {told} (rules[{first}].calls[{there}])");
                    Some((*at, *place, format!("rules[{at}].calls[{place}]: {why}")))
                }));
            }
        }
        decided.sort_unstable();
        decided
    }

    /// Everything wrong with it, a sentence each, which begins with the place. What the kernel's limit says of its size is
    /// told by [`compile`](Self::compile).
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Verdict::Errno(errno) = self.default {
            problems.extend(problem_of_errno(errno.number()).map(|problem| format!("default: {problem}")));
        }
        if self
            .arches
            .iter()
            .any(|arch| Some(arch.is_big_endian()) != self.arches.first().map(|arch| arch.is_big_endian()))
        {
            problems.push(
                "arches: some store the high byte first and others the low: one filter cannot be for both".to_owned(),
            );
        }
        let mut decided = self.decided_before().into_iter().peekable();
        for (at, rule) in self.rules.iter().enumerate() {
            problems.extend(rule.problems().into_iter().map(|problem| format!("rules[{at}].{problem}")));
            problems.extend(std::iter::from_fn(|| decided.next_if(|(of, ..)| *of == at)).map(|(.., problem)| problem));
        }
        problems
    }
}

/// A line for what no rule decides, and a line a rule.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in &self.rules {
            writeln!(f, "{rule}")?;
        }
        write!(f, "{}: everything else", self.default)?;
        match self.arches.as_slice() {
            [] => Ok(()),
            arches => write!(f, "\nof {}", arches.iter().map(Arch::to_string).collect::<Vec<_>>().join(", ")),
        }
    }
}

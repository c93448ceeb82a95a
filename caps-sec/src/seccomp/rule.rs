// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules: a verdict on some system calls.

use std::fmt;

use super::{Arch, Condition, Verdict};
use crate::nearest::question;

/// A verdict on system calls, by their names, where all conditions hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Rule {
    /// The calls, by the kernel's names. One that another architecture has and this one has not says nothing here.
    pub calls: Vec<String>,
    /// What becomes of them.
    pub verdict: Verdict,
    /// What their arguments must be, all of it; nothing by default.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub when: Vec<Condition>,
    /// The architectures that it is for; all of the policy's by default.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub arches: Vec<Arch>,
}

impl Rule {
    /// A rule without a condition.
    #[must_use]
    pub fn new(verdict: Verdict, calls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { calls: calls.into_iter().map(Into::into).collect(), verdict, when: Vec::new(), arches: Vec::new() }
    }

    /// The same where these conditions hold too.
    #[must_use]
    pub fn when(mut self, conditions: impl IntoIterator<Item = Condition>) -> Self {
        self.when.extend(conditions);
        self
    }

    /// The same for these architectures alone.
    #[must_use]
    pub fn on(mut self, arches: impl IntoIterator<Item = Arch>) -> Self {
        self.arches.extend(arches);
        self
    }

    /// Whether it says something for this architecture.
    pub(super) fn is_for(&self, arch: Arch) -> bool {
        self.arches.is_empty() || self.arches.contains(&arch)
    }

    /// Whether there is an architecture that both are for.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.arches.is_empty() || other.arches.is_empty() || self.arches.iter().any(|arch| other.arches.contains(arch))
    }

    /// Whether nothing is left for `later`, which names the same call and says something else: how this one decides.
    pub(super) fn takes_all_of(&self, later: &Self) -> Option<String> {
        if self.verdict == later.verdict || !self.meets(later) {
            return None;
        }
        match self.when.is_empty() {
            true => Some(format!("always: {}", self.verdict)),
            false if self.when == later.when => Some(format!("under the same conditions: {}", self.verdict)),
            false => None,
        }
    }

    /// What is wrong with it by itself, sentences that begin with the place within it.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.calls.is_empty() {
            problems.push("calls: the rule names no system call".to_owned());
        }
        for (at, name) in self.calls.iter().enumerate() {
            if !Arch::any_has(name) {
                problems.push(format!("calls[{at}]: {}", no_call(name)));
            }
        }
        for (at, condition) in self.when.iter().enumerate() {
            // Of several calls one may see less of the argument than another.
            let problem = self.calls.iter().find_map(|name| condition.of_call(name).problem());
            problems.extend(problem.map(|problem| format!("when[{at}]: {problem}")));
        }
        if let Verdict::Errno(errno) = self.verdict {
            problems.extend(problem_of_errno(errno.number()).map(|problem| format!("verdict: {problem}")));
        }
        problems
    }
}

/// What is wrong with a name that no architecture has.
pub(super) fn no_call(name: &str) -> String {
    let near = question(&Arch::nearest(name));
    format!("{name:?} is no system call up to Linux {}{near}", Arch::newest_kernel())
}

/// What is wrong with an error number.
pub(super) fn problem_of_errno(number: u16) -> Option<String> {
    (!(1..=4095).contains(&number)).then(|| format!("{number} is no error number: they are from 1 to 4095"))
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.verdict, self.calls.join(", "))?;
        for (at, condition) in self.when.iter().enumerate() {
            write!(f, "{} {condition}", if at == 0 { " if" } else { " and" })?;
        }
        let words = |arches: &[Arch]| arches.iter().map(Arch::to_string).collect::<Vec<_>>().join(", ");
        let others: Vec<Arch> = Arch::ALL.into_iter().filter(|arch| !self.arches.contains(arch)).collect();
        match (self.arches.len(), others.len()) {
            (0, _) => Ok(()),
            (some, few) if few < some => write!(f, " (not on {})", words(&others)),
            _ => write!(f, " (on {})", words(&self.arches)),
        }
    }
}

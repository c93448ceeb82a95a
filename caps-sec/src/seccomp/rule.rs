// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules: a verdict on some system calls.

use std::fmt;

use super::{Arch, Condition, Verdict};

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
}

impl Rule {
    /// A rule without a condition.
    #[must_use]
    pub fn new(verdict: Verdict, calls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { calls: calls.into_iter().map(Into::into).collect(), verdict, when: Vec::new() }
    }

    /// The same where these conditions hold too.
    #[must_use]
    pub fn when(mut self, conditions: impl IntoIterator<Item = Condition>) -> Self {
        self.when.extend(conditions);
        self
    }

    /// What is wrong with it by itself, sentences that begin with the place within it.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.calls.is_empty() {
            problems.push("calls: the rule names no system call".to_owned());
        }
        for (at, name) in self.calls.iter().enumerate() {
            if Arch::ALL.iter().all(|arch| arch.number_of(name).is_none()) {
                let newest = Arch::newest_kernel();
                problems.push(format!("calls[{at}]: {name:?} is no system call up to Linux {newest}"));
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
        Ok(())
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A case: what the specification says, and how one sees whether it is so.

use super::bundle::Bundle;
use crate::failure::Failure;

/// How much the specification insists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Must,
    /// A runtime may differ: it is told, and is no failure.
    Should,
}

#[derive(Debug)]
pub(super) struct Case {
    /// A file of the specification and the part of it.
    pub(super) section: &'static str,
    /// What it says there, in one sentence.
    pub(super) statement: &'static str,
    pub(super) level: Level,
    pub(super) check: fn(&Bundle) -> Result<(), Failure>,
}

pub(super) const fn must(
    section: &'static str,
    statement: &'static str,
    check: fn(&Bundle) -> Result<(), Failure>,
) -> Case {
    Case { section, statement, level: Level::Must, check }
}

pub(super) const fn should(
    section: &'static str,
    statement: &'static str,
    check: fn(&Bundle) -> Result<(), Failure>,
) -> Case {
    Case { level: Level::Should, ..must(section, statement, check) }
}

impl Case {
    pub(super) fn name(&self) -> String {
        format!("{}: {}", self.section, self.statement)
    }

    /// Whether its name has one of the words; without words, every case is.
    pub(super) fn is_asked_for(&self, words: &[String]) -> bool {
        words.is_empty() || words.iter().any(|word| self.name().contains(word.as_str()))
    }
}

/// How a case went.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Fine,
    /// It is not so, which is allowed or known; what is told of it.
    Differs(String),
    Failed(String),
}

/// What a failure of a case is.
pub(super) fn ending(case: &Case, known: Option<&str>, failure: Option<String>) -> Ending {
    match (failure, known, case.level) {
        (None, ..) => Ending::Fine,
        (Some(_), Some(reason), _) => Ending::Differs(format!("known: {reason}")),
        (Some(failure), None, Level::Should) => Ending::Differs(failure),
        (Some(failure), None, Level::Must) => Ending::Failed(failure),
    }
}

impl Ending {
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Differs(_) => "differs",
            Self::Failed(_) => "FAILED",
        }
    }

    /// The lines below its own.
    pub(super) fn told(&self) -> Vec<&str> {
        match self {
            Self::Fine => Vec::new(),
            Self::Differs(text) | Self::Failed(text) => text.lines().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: Case = must("config.md#root", "it is so", |_| Ok(()));

    #[test]
    fn a_failure_of_what_should_be_or_is_known_differs() {
        let failure = || Some("no".to_owned());
        assert_eq!(ending(&CASE, None, None), Ending::Fine);
        assert_eq!(ending(&CASE, None, failure()), Ending::Failed("no".to_owned()));
        assert_eq!(ending(&CASE, Some("old"), failure()), Ending::Differs("known: old".to_owned()));
        let weak = should("config.md#root", "it is so", |_| Ok(()));
        assert_eq!(ending(&weak, None, failure()), Ending::Differs("no".to_owned()));
    }

    #[test]
    fn words_are_looked_for_in_the_name() {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        assert!(CASE.is_asked_for(&[]) && CASE.is_asked_for(&words(&["nothing", "#root"])));
        assert!(!CASE.is_asked_for(&words(&["mounts"])));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reports: what became of the tests of one program, from its output and its ledger.
//!
//! The harness calls a skipped test "ok"; the ledger says which ones those are. The lines that are read must agree with
//! the harness' own closing line: a test that ends its program, or output that hides a line, is a failure.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitStatus;

use serde::Deserialize;

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    Failed,
    /// For want of this.
    Skipped(String),
}

/// The tests of one program.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) tests: BTreeMap<String, Outcome>,
    /// What is wrong beside a failed test.
    pub(super) faults: Vec<String>,
    text: String,
}

/// One line of the ledger.
#[derive(Debug, Deserialize)]
struct Entry {
    test: String,
    need: String,
}

impl Report {
    /// Reads the output of a test program.
    pub(super) fn of_tests(text: String, status: ExitStatus, ledger: &Path) -> Self {
        let mut report = Self { tests: parse(&text), faults: Vec::new(), text };
        report.compare_with_closing_line(status);
        for entry in report.entries(ledger) {
            match report.tests.get_mut(&entry.test) {
                Some(outcome @ Outcome::Passed) => *outcome = Outcome::Skipped(entry.need),
                Some(_) => {}
                None => report.faults.push(format!(
                    "{:?} is skipped for want of {}, and is no test: needs! belongs on the test's own thread",
                    entry.test, entry.need
                )),
            }
        }
        report
    }

    /// Reads the output of `cargo test --doc`, which has a closing line for each crate.
    pub(super) fn of_doctests(text: String, status: ExitStatus, ledger: &Path) -> Self {
        let mut report = Self { tests: parse(&text), faults: Vec::new(), text };
        if !status.success() && !report.tests.values().any(|outcome| *outcome == Outcome::Failed) {
            report.faults.push(format!("the examples did not run: {status}"));
        }
        let skips = report.entries(ledger).len();
        if skips > 0 {
            report.faults.push(format!("{skips} examples use needs!, and cannot be told apart: make them tests"));
        }
        report
    }

    fn entries(&mut self, ledger: &Path) -> Vec<Entry> {
        // Absent when nothing was skipped.
        let text = fs::read_to_string(ledger).unwrap_or_default();
        let mut entries = Vec::new();
        for line in text.lines() {
            match serde_json::from_str(line) {
                Ok(entry) => entries.push(entry),
                Err(error) => self.faults.push(format!("cannot understand the ledger's line {line:?}: {error}")),
            }
        }
        entries
    }

    fn compare_with_closing_line(&mut self, status: ExitStatus) {
        let Some(closing) = self.text.lines().find_map(closing) else {
            self.faults.push(format!("the program ended before its tests did: {status}"));
            return;
        };
        let ours = (self.count(&Outcome::Passed), self.count(&Outcome::Failed), self.skipped());
        if closing != ours {
            let (passed, failed, ignored) = closing;
            self.faults.push(format!(
                "the harness counts {passed} passed, {failed} failed, {ignored} ignored, its lines say {ours:?}"
            ));
        }
        if status.success() != (ours.1 == 0) {
            self.faults.push(format!("the program has {} failed tests and ended with {status}", ours.1));
        }
    }

    pub(super) fn count(&self, wanted: &Outcome) -> usize {
        self.tests.values().filter(|outcome| *outcome == wanted).count()
    }

    pub(super) fn skipped(&self) -> usize {
        self.tests.values().filter(|outcome| matches!(outcome, Outcome::Skipped(_))).count()
    }

    pub(super) fn is_failure(&self) -> bool {
        !self.faults.is_empty() || self.count(&Outcome::Failed) > 0
    }

    /// For the line of the program.
    pub(super) fn counts(&self) -> String {
        let (passed, failed) = (self.count(&Outcome::Passed), self.count(&Outcome::Failed));
        let mut text = format!("{passed:>4} passed, {failed} failed, {} skipped", self.skipped());
        if !self.faults.is_empty() {
            text.push_str(", and more is wrong");
        }
        text
    }

    /// All that the program has printed, and what is wrong beside.
    pub(super) fn output(&self) -> String {
        let faults = self.faults.iter().map(|fault| format!("error: {fault}\n"));
        format!("{}\n{}", self.text.trim(), faults.collect::<String>())
    }
}

/// The harness' line for each test. Its start may be hidden by what a process of a test has printed on our stream.
fn parse(text: &str) -> BTreeMap<String, Outcome> {
    let line = |line: &str| {
        let (before, word) = line.rsplit_once(" ... ")?;
        let name = before.rsplit_once("test ").map(|(_, name)| name)?;
        let name = name.strip_suffix(" - should panic").unwrap_or(name).to_owned();
        match word.split(',').next()? {
            "ok" => Some((name, Outcome::Passed)),
            "FAILED" => Some((name, Outcome::Failed)),
            "ignored" => Some((name, Outcome::Skipped(format!("nobody to forget its #[ignore]{}", &word[7..])))),
            _ => None,
        }
    };
    text.lines().filter_map(line).collect()
}

/// Passed, failed and ignored of the harness' closing line.
fn closing(line: &str) -> Option<(usize, usize, usize)> {
    let (_, counts) = line.split_once("test result: ")?;
    let (_, counts) = counts.split_once(". ")?;
    let mut numbers = counts.split("; ").map(|part| part.split(' ').next().unwrap_or_default().parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    const OUTPUT: &str = "running 4 tests\ntest a::b ... ok\nnoisetest c - should panic ... ok\ntest d ... FAILED\n\
                          test e ... ignored, slow\n\ntest result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; \
                          0 filtered out; finished in 0.00s\n";

    fn report(text: &str, code: i32, ledger: &str) -> Report {
        let dir = needs::Scratch::new();
        let path = dir.join("ledger");
        fs::write(&path, ledger).unwrap();
        Report::of_tests(text.to_owned(), ExitStatus::from_raw(code << 8), &path)
    }

    #[test]
    fn every_line_is_read_and_a_skip_is_not_a_pass() {
        let report = report(OUTPUT, 101, "{\"test\":\"a::b\",\"need\":\"root\",\"detail\":\"x\"}\n");
        assert_eq!(report.tests["a::b"], Outcome::Skipped("root".to_owned()));
        assert_eq!(report.tests["c"], Outcome::Passed);
        assert_eq!(report.tests["d"], Outcome::Failed);
        assert_eq!(report.skipped(), 2);
        assert!(report.faults.is_empty(), "{:?}", report.faults);
        assert!(report.is_failure());
    }

    #[test]
    fn a_program_that_ends_early_is_a_failure() {
        let report = report("running 2 tests\ntest a ... ok\n", 0, "");
        assert!(report.is_failure());
        assert!(report.output().contains("ended before its tests did: exit status: 0"), "{}", report.output());
    }

    #[test]
    fn a_line_that_is_lost_is_a_failure() {
        let text = OUTPUT.replace("test a::b ... ok\n", "");
        assert!(report(&text, 101, "").faults[0].contains("the harness counts 2 passed"));
    }

    #[test]
    fn a_failed_program_whose_tests_passed_is_a_failure() {
        let text = "test a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n";
        assert!(report(text, 0, "").faults.is_empty());
        assert!(report(text, 1, "").is_failure());
    }

    #[test]
    fn a_skip_of_no_test_is_a_failure() {
        let text = "test a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n";
        let report = report(text, 0, "{\"test\":\"elsewhere\",\"need\":\"root\",\"detail\":\"\"}\nnonsense\n");
        assert_eq!(report.faults.len(), 2);
    }
}

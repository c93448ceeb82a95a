// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tally: all rings together. A test that ran in one of them has run.

use std::collections::BTreeMap;

use super::machine::Machine;
use super::options::Options;
use super::place::{Place, Ring};
use super::report::{Outcome, Report};
use crate::failure::Failure;

/// What became of every test.
#[derive(Debug, Default)]
pub(super) struct Tally {
    tests: BTreeMap<(String, String), Outcome>,
    rings: Vec<RingCount>,
    not_run: Vec<String>,
    failures: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct RingCount {
    label: String,
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    /// Adds the tests of one program in one ring.
    pub(super) fn add(&mut self, place: &Place, binary: &str, report: Report) {
        self.add_labelled(place.label(), binary, report);
    }

    /// Adds the examples of the documentation.
    pub(super) fn add_documentation(&mut self, report: Report) {
        self.add_labelled("doc", "documentation", report);
    }

    fn add_labelled(&mut self, label: &str, binary: &str, report: Report) {
        if self.rings.last().is_none_or(|ring| ring.label != label) {
            self.rings.push(RingCount { label: label.to_owned(), passed: 0, failed: 0, skipped: 0 });
        }
        if let Some(ring) = self.rings.last_mut() {
            ring.passed += report.count(&Outcome::Passed);
            ring.failed += report.count(&Outcome::Failed);
            ring.skipped += report.skipped();
        }
        self.failures.extend(report.faults.into_iter().map(|fault| format!("{label}: {binary}: {fault}")));
        for (test, outcome) in report.tests {
            if outcome == Outcome::Failed {
                self.failures.push(format!("{label}: {binary}: {test} failed"));
            }
            let known = self.tests.remove(&(binary.to_owned(), test.clone()));
            self.tests.insert((binary.to_owned(), test), joined(known, outcome));
        }
    }

    /// A ring that this account cannot run.
    pub(super) fn not_run(&mut self, ring: &str, why: &str) {
        self.not_run.push(format!("{ring}: not run: {why}"));
    }

    /// Something wrong that belongs to no test.
    pub(super) fn failure(&mut self, sentence: String) {
        self.failures.push(sentence);
    }

    /// Prints the counts; an error if anything is wrong.
    pub(super) fn end(mut self, options: &Options, machine: &Machine) -> Result<(), Failure> {
        if options.strict {
            self.hold_to(options, machine);
        }
        println!();
        for failure in &self.failures {
            println!("error: {failure}");
        }
        for ring in &self.rings {
            let RingCount { label, passed, failed, skipped } = ring;
            println!("{label}: {passed} passed, {failed} failed, {skipped} not run");
        }
        self.not_run.iter().for_each(|line| println!("{line}"));
        if options.rounds < 100 {
            println!("what tests repeat to be sure: {} percent of it (--rounds)", options.rounds);
        }
        println!("{}", self.summary());
        println!("{}", self.last_line());
        let failures = self.failures.len();
        match (failures, self.count(&Outcome::Passed)) {
            (0, 0) => Err("no test has run".into()),
            (0, _) => Ok(()),
            (1, _) => Err("one thing is wrong; it is named above".into()),
            _ => Err(format!("{failures} things are wrong; they are named above").into()),
        }
    }

    /// Makes a failure of each test that ran nowhere for want of something that this machine should have.
    fn hold_to(&mut self, options: &Options, machine: &Machine) {
        let denied: Vec<String> = options.denials().into_iter().flatten().collect();
        let expected = |need: &str| {
            let call = need.strip_prefix("the system call ");
            let is_denied = call.is_some_and(|call| denied.iter().any(|list| names(list).any(|name| name == call)));
            machine.lacks.iter().any(|lack| lack == need)
                || is_denied
                || need == "root" && options.leaves_out(Ring::Root)
                || need == "an ordinary user" && options.leaves_out(Ring::User)
                || options.leaves_out(Ring::Root) && options.leaves_out(Ring::User)
        };
        for ((binary, test), outcome) in &self.tests {
            if let Outcome::Skipped(need) = outcome
                && !expected(need)
            {
                self.failures
                    .push(format!("{binary}: {test} ran nowhere: it needs {need}, which this machine must have"));
            }
        }
    }

    /// `412 passed, 9 not run: 7 need root, 2 need Linux 6.9`.
    fn summary(&self) -> String {
        let mut needs: BTreeMap<&str, usize> = BTreeMap::new();
        for outcome in self.tests.values() {
            if let Outcome::Skipped(need) = outcome {
                *needs.entry(need).or_default() += 1;
            }
        }
        let mut needs: Vec<(&str, usize)> = needs.into_iter().collect();
        needs.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let parts: Vec<String> = needs
            .iter()
            .map(|(need, count)| format!("{count} {} {need}", if *count == 1 { "needs" } else { "need" }))
            .collect();
        let not_run = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
        format!("{} passed, {} not run{not_run}", self.count(&Outcome::Passed), self.skipped())
    }

    fn last_line(&self) -> String {
        // A fault beside the tests is a failure too: the line must not read as if all were well.
        let tests = self.count(&Outcome::Failed);
        let failed = if tests == 0 { self.failures.len() } else { tests };
        let mut line = format!("tests: {} passed, {failed} failed", self.count(&Outcome::Passed));
        if self.skipped() > 0 {
            line.push_str(&format!(", {} skipped", self.skipped()));
        }
        line
    }

    fn count(&self, wanted: &Outcome) -> usize {
        self.tests.values().filter(|outcome| *outcome == wanted).count()
    }

    fn skipped(&self) -> usize {
        self.tests.values().filter(|outcome| matches!(outcome, Outcome::Skipped(_))).count()
    }
}

/// The calls of a list such as `clone3,memfd_create=EPERM`.
fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(|item| item.split('=').next().unwrap_or(item))
}

/// One failure is a failure, one pass a run. Of two skips that tells the need which is not for want of the other ring's
/// account; of two such the later ring's, which has more.
fn joined(known: Option<Outcome>, new: Outcome) -> Outcome {
    let of_a_ring = |need: &str| matches!(need, "root" | "an ordinary user");
    match (known, new) {
        (Some(Outcome::Failed), _) | (_, Outcome::Failed) => Outcome::Failed,
        (Some(Outcome::Passed), _) | (_, Outcome::Passed) => Outcome::Passed,
        (Some(Outcome::Skipped(known)), Outcome::Skipped(new)) if of_a_ring(&new) => Outcome::Skipped(known),
        (_, skipped) => skipped,
    }
}

#[cfg(test)]
mod tests;

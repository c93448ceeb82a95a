// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tally's counting, with reports of made-up programs.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use super::*;
use crate::test::machine;

/// A report in which each word is a test: `name+` passed, `name-` failed, `name=need` skipped.
fn report(words: &[&str]) -> Report {
    let text = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured\n".to_owned();
    let mut report = Report::of_tests(text, ExitStatus::from_raw(0), Path::new("/nonexistent"));
    for word in words {
        let (name, outcome) = if let Some(name) = word.strip_suffix('+') {
            (name, Outcome::Passed)
        } else if let Some(name) = word.strip_suffix('-') {
            (name, Outcome::Failed)
        } else {
            let (name, need) = word.split_once('=').unwrap();
            (name, Outcome::Skipped(need.to_owned()))
        };
        report.tests.insert(name.to_owned(), outcome);
    }
    report
}

fn options(words: &[&str]) -> Options {
    Options::read(lexopt::Parser::from_args(words)).unwrap().unwrap()
}

#[test]
fn a_test_that_ran_in_one_ring_is_not_counted_as_skipped() {
    let mut tally = Tally::default();
    tally.add_labelled("user", "ns", report(&["a=root", "b+", "c=Linux 6.9", "d=root", "e=Linux 6.3"]));
    let root = ["a+", "b=an ordinary user", "c=Linux 6.9", "d=Linux 7.0", "e=an ordinary user"];
    tally.add_labelled("root", "ns", report(&root));
    assert_eq!(tally.summary(), "2 passed, 3 not run: 1 needs Linux 6.3, 1 needs Linux 6.9, 1 needs Linux 7.0");
    assert_eq!(tally.last_line(), "tests: 2 passed, 0 failed, 3 skipped");
    assert_eq!(tally.rings[1], RingCount { label: "root".into(), passed: 1, failed: 0, skipped: 4 });
}

#[test]
fn one_failure_in_one_ring_is_a_failure() {
    let mut tally = Tally::default();
    tally.add_labelled("user", "ns", report(&["a-", "b+"]));
    tally.add_labelled("root", "ns", report(&["a+", "b+"]));
    assert_eq!(tally.last_line(), "tests: 1 passed, 1 failed");
    assert!(tally.end(&options(&[]), &machine::read("plain").unwrap()).is_err());
}

#[test]
fn a_fault_beside_the_tests_is_a_failure_of_the_last_line_too() {
    let mut tally = Tally::default();
    tally.add_labelled("user", "ns", report(&["a+"]));
    tally.failure("process 7 is left".to_owned());
    assert_eq!(tally.last_line(), "tests: 1 passed, 1 failed");
}

#[test]
fn strict_refuses_what_the_machine_does_not_declare() {
    let plain = machine::read("plain").unwrap();
    let failures = |words: &[&str], need: &str| {
        let mut tally = Tally::default();
        tally.add_labelled("root", "ns", report(&[&format!("a={need}"), "b+"]));
        tally.hold_to(&options(words), &plain);
        tally.failures.len()
    };
    assert_eq!(failures(&[], "the program valgrind"), 1);
    assert_eq!(failures(&[], "root"), 1);
    assert_eq!(failures(&["--ring", "user"], "root"), 0);
    assert_eq!(failures(&["--ring", "pure"], "user namespaces"), 0);
    assert_eq!(failures(&[], &plain.lacks[0]), 0);
    assert_eq!(failures(&[], "the system call clone3"), 1);
    assert_eq!(failures(&["--deny-syscall", "openat2,clone3=EPERM"], "the system call clone3"), 0);
}

#[test]
fn no_test_at_all_is_not_green() {
    let tally = Tally::default();
    assert!(tally.end(&options(&[]), &machine::read("plain").unwrap()).is_err());
}

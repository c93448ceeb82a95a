// SPDX-License-Identifier: MIT OR Apache-2.0
//! The denier: a denied call answers its error in what it starts, and everything else works.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "what the tests call fails them by a panic")]

use std::process::{Command, Output};

use needs::{bin, denied, needs};
use rustix::fs::{MemfdFlags, memfd_create};

/// What the wrapped program does: says how `memfd_create` went. Runs by itself as an ordinary test.
#[test]
fn memfd_create_answers() {
    let answer = memfd_create("needs", MemfdFlags::CLOEXEC);
    println!("answer: {:?}, denied: {}", answer.as_ref().err(), denied("memfd_create"));
    assert_eq!(answer.is_err(), denied("memfd_create"));
}

fn under(list: &str) -> Output {
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new(bin("deny-syscall"));
    command.arg(list).arg("--").arg(own).args(["memfd_create_answers", "--exact", "--nocapture"]);
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

#[test]
fn a_denied_call_is_absent_for_the_program_and_named_in_its_environment() {
    let output = under("clone3,memfd_create");
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("answer: Some(Os { code: 38,"), "{}", text(&output));
    assert!(text(&output).contains("denied: true"), "{}", text(&output));
}

#[test]
fn a_denial_may_answer_another_error() {
    assert!(text(&under("memfd_create=EPERM")).contains("answer: Some(Os { code: 1,"));
}

#[test]
fn what_is_not_listed_works() {
    needs!(syscall("memfd_create"));
    let output = under("clone3");
    assert!(text(&output).contains("answer: None, denied: false"), "{}", text(&output));
}

#[test]
fn a_call_that_is_not_known_is_named_with_those_that_are() {
    let output = under("clone4");
    assert_eq!(output.status.code(), Some(127));
    assert!(text(&output).contains("no system call \"clone4\" is known; known are bpf, "), "{}", text(&output));
}

#[test]
fn wrong_arguments_are_answered_with_the_usage() {
    let output = Command::new(bin("deny-syscall")).arg("clone3").output().unwrap();
    assert!(text(&output).contains("usage: deny-syscall CALL"), "{}", text(&output));
}

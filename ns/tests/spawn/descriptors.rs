// SPDX-License-Identifier: MIT OR Apache-2.0
//! The descriptors of a program: the listed ones under their numbers, and no other.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use needs::{Scratch, isolated, isolated_for};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use skep_ns::{Spawn, Stdio};

use crate::support::caller::open_above;
use crate::support::halted::{HALT, Halted};
use crate::support::{raw, sh};

/// A file of this name with its name in it, open under the first free number from `number` on, for every exec.
fn file(scratch: &Scratch, name: &str, number: i32) -> OwnedFd {
    fs::write(scratch.join(name), name).unwrap();
    let file = File::open(scratch.join(name)).unwrap();
    raw::inheritable_copy(&file.into(), number)
}

/// A halted shell with 0, 1 and 2 from /dev/null.
fn quiet() -> Spawn {
    let mut spawn = sh(HALT);
    spawn.stdin(Stdio::Null).stdout(Stdio::Null).stderr(Stdio::Null);
    spawn
}

/// What the program has above the standard numbers.
fn above_2(spawn: &mut Spawn) -> BTreeMap<i32, PathBuf> {
    let mut found = Halted::start(spawn).descriptors();
    let standard = [0, 1, 2].map(|number| found.remove(&number).unwrap());
    assert_eq!(standard, [Path::new("/dev/null"); 3]);
    found
}

#[test]
fn descriptors_of_the_caller_that_stay_open_on_exec_are_closed_in_the_program() {
    isolated(|| {
        let _held = [3, 4, 63, 64, 65, 300, 900].map(open_above);
        assert!(above_2(&mut quiet()).is_empty());
    });
}

#[test]
fn a_listed_descriptor_is_there_under_its_number_and_nothing_beside_it() {
    isolated(|| {
        let scratch = Scratch::new();
        let _held = [3, 11, 13, 900].map(open_above);
        for number in [3, 4, 12, 255, 900] {
            let found = above_2(quiet().fd(number, file(&scratch, "a", 3)));
            assert_eq!(found, BTreeMap::from([(number, scratch.join("a"))]));
        }
    });
}

#[test]
fn two_descriptors_swap_their_numbers() {
    isolated(|| {
        let scratch = Scratch::new();
        let (a, b) = (file(&scratch, "a", 20), file(&scratch, "b", 20));
        let (one, other) = (a.as_raw_fd(), b.as_raw_fd());
        let found = above_2(quiet().fd(one, b).fd(other, a));
        assert_eq!(found, BTreeMap::from([(one, scratch.join("b")), (other, scratch.join("a"))]));
    });
}

#[test]
fn a_descriptor_goes_to_the_number_that_it_has_already() {
    isolated(|| {
        let scratch = Scratch::new();
        let a = file(&scratch, "a", 30);
        let number = a.as_raw_fd();
        let closed_on_exec = File::open(scratch.join("a")).unwrap();
        let other = closed_on_exec.as_raw_fd();
        let found = above_2(quiet().fd(number, a).fd(other, closed_on_exec));
        assert_eq!(found, BTreeMap::from([(number, scratch.join("a")), (other, scratch.join("a"))]));
    });
}

#[test]
fn the_last_number_below_the_limit_can_be_given_while_another_descriptor_steps_aside() {
    isolated(|| {
        let scratch = Scratch::new();
        let (a, b) = (file(&scratch, "a", 3), file(&scratch, "b", 3));
        let number = a.as_raw_fd();
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(512), maximum: before.maximum }).unwrap();
        let found = above_2(quiet().fd(511, a).fd(number, b));
        setrlimit(Resource::Nofile, before).unwrap();
        assert_eq!(found, BTreeMap::from([(511, scratch.join("a")), (number, scratch.join("b"))]));
    });
}

#[test]
fn the_last_descriptor_given_under_a_number_counts() {
    isolated(|| {
        let scratch = Scratch::new();
        let found = above_2(quiet().fd(9, file(&scratch, "a", 3)).fd(9, file(&scratch, "b", 3)));
        assert_eq!(found, BTreeMap::from([(9, scratch.join("b"))]));
    });
}

#[test]
fn standard_descriptors_can_be_given_by_number_and_copies_of_them_elsewhere() {
    isolated(|| {
        let scratch = Scratch::new();
        let stdin = std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned().unwrap();
        let found = Halted::start(
            sh(HALT)
                .fd(0, file(&scratch, "a", 3))
                .fd(1, file(&scratch, "b", 3))
                .fd(2, file(&scratch, "c", 3))
                .fd(5, stdin),
        );
        let own_stdin = fs::read_link("/proc/self/fd/0").unwrap();
        let expected = [(0, scratch.join("a")), (1, scratch.join("b")), (2, scratch.join("c")), (5, own_stdin)];
        assert_eq!(found.descriptors(), BTreeMap::from(expected));
    });
}

#[test]
fn any_arrangement_of_descriptors_arrives() {
    isolated_for(std::time::Duration::from_secs(400), || {
        let scratch = Scratch::new();
        // Sources and targets from the same few numbers, so that most collide; 0 to 2 are targets too.
        let target = || prop_oneof![8 => 0..14_i32, 1 => 400..404_i32];
        let moves = proptest::collection::vec((3..14_i32, target()), 0..9);
        let config = Config { cases: needs::rounds(120), failure_persistence: None, ..Config::default() };
        let result = TestRunner::new(config).run(&moves, |moves| {
            let mut spawn = quiet();
            let mut expected: BTreeMap<i32, PathBuf> = (0..3).map(|number| (number, "/dev/null".into())).collect();
            for (at, (source, target)) in moves.iter().enumerate() {
                let name = format!("f{at}");
                spawn.fd(*target, file(&scratch, &name, *source));
                expected.insert(*target, scratch.join(name));
            }
            prop_assert_eq!(Halted::start(&mut spawn).descriptors(), expected);
            Ok(())
        });
        assert!(result.is_ok(), "{}", result.unwrap_err());
    });
}

#[test]
fn a_caller_without_standard_descriptors_starts_programs_that_have_dev_null() {
    isolated(|| {
        for closed in [&[0][..], &[1], &[2], &[0, 1], &[1, 2], &[0, 2], &[0, 1, 2]] {
            let expected = (0..3).map(|number| match closed.contains(&number) {
                true => (number, "/dev/null".into()),
                false => (number, fs::read_link(format!("/proc/self/fd/{number}")).unwrap()),
            });
            let expected: BTreeMap<i32, PathBuf> = expected.collect();
            let found = raw::with_closed(closed, || Halted::start(&mut sh(HALT)).descriptors());
            assert_eq!(found, expected, "{closed:?}");
        }
    });
}

#[test]
fn a_caller_without_standard_descriptors_gets_the_output_all_the_same() {
    isolated(|| {
        for closed in [&[0][..], &[1], &[2], &[0, 1], &[1, 2], &[0, 2], &[0, 1, 2]] {
            let out = raw::with_closed(closed, || sh("cat; echo out; echo err >&2").output()).unwrap();
            assert_eq!((out.stdout.as_slice(), out.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]), "{closed:?}");
        }
    });
}

#[test]
fn pipes_lead_to_the_program_s_three_standard_descriptors() {
    isolated(|| {
        let mut spawn = sh("cat; echo err >&2");
        let mut child = spawn.stdin(Stdio::Piped).stdout(Stdio::Piped).stderr(Stdio::Piped).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"in").unwrap();
        let (mut out, mut err) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!((out.as_str(), err.as_str(), child.wait().unwrap().code()), ("in", "err\n", Some(0)));
    });
}

#[test]
fn waiting_closes_the_pipe_to_the_program_s_standard_input() {
    isolated(|| {
        let mut child = sh("cat").stdin(Stdio::Piped).stdout(Stdio::Null).spawn().unwrap();
        assert!(child.wait().unwrap().success());
    });
}

#[test]
fn a_file_is_the_program_s_standard_output() {
    isolated(|| {
        let scratch = Scratch::new();
        let mut out =
            File::options().read(true).write(true).create(true).truncate(true).open(scratch.join("out")).unwrap();
        assert!(
            sh("echo one; echo two >&2")
                .stdout(out.try_clone().unwrap())
                .stderr(Stdio::Null)
                .status()
                .unwrap()
                .success()
        );
        let mut text = String::new();
        out.rewind().unwrap();
        out.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\n");
    });
}

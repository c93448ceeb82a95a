// SPDX-License-Identifier: MIT OR Apache-2.0
//! The caller after its starts: as it was.

use std::fs::File;
use std::time::Duration;

use needs::{isolated_for, isolated_unboxed_for, needs, rounds};
use skep_ns::{ErrorKind, Spawn, Stdio};

use crate::support::{assert_same, caller, in_second_life, live_again, sh, start_true};

const DEADLINE: Duration = Duration::from_secs(400);

fn thousand_starts_and_200_failures_change_nothing() {
    let held = caller::become_unusual();
    let before = caller::look();
    assert_eq!(before["oom_score_adj"], "123\n");
    for _ in 0..rounds(1000) {
        start_true();
    }
    assert_same(&before, &caller::look());
    for at in 0..rounds(200) {
        fail(at);
    }
    assert_same(&before, &caller::look());
    drop(held);
}

/// A start that fails: in the check, at the exec, before it, or at the placing of a descriptor.
fn fail(way: u32) {
    let scratch = std::env::temp_dir();
    let mut spawn = match way % 5 {
        0 => Spawn::new(""),
        1 => Spawn::new("/nowhere/at/all"),
        2 => Spawn::new(scratch),
        3 => sh("exit 0"),
        _ => Spawn::new("/bin/true"),
    };
    match way % 5 {
        3 => spawn.current_dir("/nowhere/at/all"),
        4 => spawn.fd(i32::MAX - 1, File::open("/dev/null").unwrap()),
        _ => &mut spawn,
    };
    let error = spawn.stdin(Stdio::Piped).stdout(Stdio::Piped).stderr(Stdio::Null).spawn().unwrap_err();
    assert_ne!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_thousand_starts_and_200_failures_change_nothing_of_the_caller() {
    isolated_for(DEADLINE, thousand_starts_and_200_failures_change_nothing);
}

#[test]
fn a_thousand_starts_and_200_failures_change_nothing_of_a_caller_in_a_user_namespace() {
    needs!(userns, program("unshare"));
    if !in_second_life() {
        live_again(&["unshare", "--user", "--map-root-user"]);
        return;
    }
    isolated_unboxed_for(DEADLINE, thousand_starts_and_200_failures_change_nothing);
}

#[test]
fn an_undumpable_caller_stays_so_and_a_dumpable_one_too() {
    isolated_for(DEADLINE, || {
        for behaviour in [rustix::process::DumpableBehavior::NotDumpable, rustix::process::DumpableBehavior::Dumpable] {
            rustix::process::set_dumpable_behavior(behaviour).unwrap();
            start_true();
            assert_eq!(rustix::process::dumpable_behavior().unwrap(), behaviour);
        }
    });
}

#[test]
fn a_spawn_can_be_started_again_with_the_same_outcome() {
    isolated_for(DEADLINE, || {
        let mut spawn = sh("read line; echo $line; cat /proc/self/fd/7");
        spawn.fd(7, File::open("/dev/null").unwrap()).env("A", "b");
        let first = spawn.output().unwrap();
        assert_eq!(spawn.output().unwrap(), first);
        assert_eq!(first.stdout, b"\n");
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests of starts have in common.

pub(crate) mod caller;
pub(crate) mod halted;
pub(crate) mod raw;
pub(crate) mod said;

use std::env;
use std::fmt::Debug;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use skep_ns::Spawn;

/// The variable that names the test of a second life.
const LIFE: &str = "SKEP_NS_SECOND_LIFE";

/// Whether this is the second life of the test, which [`live_again`] has given it.
pub(crate) fn in_second_life() -> bool {
    env::var(LIFE).is_ok_and(|test| test == thread::current().name().unwrap())
}

/// Runs this test again, alone, by a program that changes what it lives in; answers what that program said.
pub(crate) fn live_again(program: &[&str]) -> String {
    let test = thread::current().name().unwrap().to_owned();
    let output = Command::new(program[0])
        .args(&program[1..])
        .arg(env::current_exe().unwrap())
        .args([&test, "--exact", "--nocapture", "--test-threads=1"])
        .env(LIFE, &test)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}: {}{}", output.status, said[0], said[1]);
    assert!(said[0].contains("1 passed"), "{}{}", said[0], said[1]);
    said[1].clone()
}

/// `sh -c script`.
pub(crate) fn sh(script: &str) -> Spawn {
    let mut spawn = Spawn::new("/bin/sh");
    spawn.args(["-c", script]);
    spawn
}

/// Starts the program that does nothing, and demands that it did just that.
pub(crate) fn start_true() {
    let status = Spawn::new("/bin/true").status();
    assert!(status.as_ref().is_ok_and(skep_ns::ExitStatus::success), "{}", said::result(&status));
}

/// Runs `body` beside threads that do `work` without pause, and ends them with it, also when it panics.
pub(crate) fn beside<T>(threads: usize, work: impl Fn() + Sync, body: impl FnOnce() -> T) -> T {
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stopped);
        for _ in 0..threads {
            scope.spawn(|| {
                while !stopped.load(Ordering::Relaxed) {
                    work();
                }
            });
        }
        body()
    })
}

/// Fails with both texts where they differ, line by line.
pub(crate) fn assert_same<K: Ord + Debug, V: PartialEq + Debug>(
    before: &std::collections::BTreeMap<K, V>,
    after: &std::collections::BTreeMap<K, V>,
) {
    let keys: std::collections::BTreeSet<&K> = before.keys().chain(after.keys()).collect();
    let changed = keys.into_iter().filter(|key| before.get(key) != after.get(key));
    let lines: Vec<String> =
        changed.map(|key| format!("{key:?}: {:?} became {:?}", before.get(key), after.get(key))).collect();
    assert!(lines.is_empty(), "changed:\n{}", lines.join("\n"));
}

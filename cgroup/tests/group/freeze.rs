// SPDX-License-Identifier: MIT OR Apache-2.0
//! Freezing and thawing, in either version.

use std::fs;
use std::path::Path;
use std::time::Duration;

use needs::{isolated, needs};
use skep_cgroup::{Cgroup, Controller, ErrorKind, Version};

use crate::support::{LONG, Swept, create, directory, end, has_version, name, only, sh_in, sleeper};

/// How far a process has counted.
fn count(file: &Path) -> u64 {
    fs::read_to_string(file).unwrap().lines().count() as u64
}

/// A process that counts stands still while it is frozen, and counts on afterwards.
fn stands_still(group: &Cgroup) {
    let scratch = needs::Scratch::new();
    let file = scratch.join("count");
    fs::write(&file, "").unwrap();
    let script = format!("while :; do echo; done > {}", file.display());
    let child = sh_in(group, &script);
    while count(&file) == 0 {
        std::thread::yield_now();
    }
    for _ in 0..3 {
        group.freeze(LONG).unwrap();
        assert_eq!(group.events().unwrap().frozen, Some(true));
        // Again is no error.
        group.freeze(LONG).unwrap();
        let before = count(&file);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(count(&file), before);
        group.thaw(LONG).unwrap();
        group.thaw(LONG).unwrap();
        assert_eq!(group.events().unwrap().frozen, Some(false));
        while count(&file) == before {
            std::thread::yield_now();
        }
    }
    end(child);
    group.wait_empty(LONG).unwrap();
    group.freeze(LONG).unwrap();
    assert_eq!(group.events().unwrap().frozen, Some(true));
    group.thaw(LONG).unwrap();
}

#[test]
fn a_frozen_process_stands_still_until_it_is_thawed() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| stands_still(&create("still")));
}

#[test]
fn a_frozen_process_of_version_1_stands_still_until_it_is_thawed() {
    needs!(root, cgroup1("freezer"));
    isolated(|| {
        only(Version::V1);
        stands_still(&create("still"));
    });
}

/// What is below a frozen group cannot be thawed, and says why.
fn is_held(word: &str, above: &Cgroup) {
    let below = Cgroup::create(format!("{}/below", name(word))).unwrap();
    above.freeze(LONG).unwrap();
    let error = below.thaw(LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongState, "{error}");
    above.thaw(LONG).unwrap();
    below.thaw(LONG).unwrap();
    // What is frozen by itself stays so when the group above thaws.
    below.freeze(LONG).unwrap();
    above.freeze(LONG).unwrap();
    above.thaw(LONG).unwrap();
    assert_eq!(below.events().unwrap().frozen, Some(true));
    below.thaw(LONG).unwrap();
}

#[test]
fn a_group_below_a_frozen_one_says_so_when_it_is_thawed() {
    needs!(root);
    isolated(|| {
        is_held("held", &create("held"));
        if has_version(Version::V1) {
            only(Version::V1);
            is_held("held", &create("held"));
        }
    });
}

#[test]
fn a_freezing_that_takes_too_long_is_undone() {
    needs!(root, cgroup1("freezer"));
    isolated(|| {
        only(Version::V1);
        let group = create("late");
        // No time is given, while processes come and go.
        let child = sh_in(&group, "while :; do (:); done");
        let freezer = directory(&group, Some(Controller::Freezer));
        loop {
            match group.freeze(Duration::ZERO) {
                Ok(()) => group.thaw(LONG).unwrap(),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
                    break;
                }
            }
        }
        assert_eq!(crate::support::read(freezer.join("freezer.self_freezing")), "0");
        end(child);
    });
}

#[test]
fn without_a_freezer_there_is_no_freezing() {
    needs!(root, cgroup1("freezer"), cgroup1("pids"));
    isolated(|| {
        only(Version::V1);
        let layout = skep_cgroup::Layout::detect().unwrap();
        crate::support::hide(Controller::Freezer);
        let without = skep_cgroup::Layout::detect().unwrap();
        assert!(layout.of(Controller::Freezer).is_some() && without.of(Controller::Freezer).is_none());
        let group = Swept(Cgroup::create_in(&without, name("warm")).unwrap());
        let child = sleeper();
        group.add(child.id()).unwrap();
        let error = group.freeze(LONG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(group.events().unwrap().frozen, None);
        end(child);
    });
}

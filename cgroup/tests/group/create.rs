// SPDX-License-Identifier: MIT OR Apache-2.0
//! Creating: whole or not at all, and where it was said to be.

use std::fs;

use needs::{isolated, needs, token};
use skep_cgroup::{Cgroup, Controller, ErrorKind, Layout, Version};

use crate::support::{LONG, create, has_version, hide, name, only, said};

/// The directories that are foretold are those that are made.
fn as_foretold(controllers: &[Controller]) {
    let layout = Layout::detect().unwrap();
    let controllers: Vec<Controller> =
        controllers.iter().copied().filter(|found| layout.of(*found).is_some()).collect();
    for path in [name("foretold"), format!("{}/deep/down", name("foretold")), format!("{}-relative", token())] {
        let foretold = layout.directories(&path, controllers.iter().copied());
        assert!(foretold.iter().all(|directory| !directory.exists()));
        match Cgroup::create_with(&layout, &path, controllers.iter().copied()) {
            Ok(group) => {
                assert_eq!(group.directories().collect::<Vec<_>>(), foretold, "{layout}\n{path} {controllers:?}");
                assert!(foretold.iter().all(|directory| directory.is_dir()));
                group.remove().unwrap();
            }
            // A relative path of version 2 may lead below a group with processes, which gives no controllers.
            Err(error) => assert_eq!(error.kind(), ErrorKind::WrongState, "{}", said::all(&error)),
        }
        assert!(foretold.iter().all(|directory| !directory.exists()));
    }
    // What was made on the way stays, for others may use it.
    Cgroup::open(format!("{}/deep", name("foretold"))).unwrap().remove().unwrap();
    Cgroup::open(name("foretold")).unwrap().remove().unwrap();
}

const SOME: [&[Controller]; 5] = [
    &[],
    &[Controller::Pids],
    &[Controller::Memory, Controller::Pids, Controller::Memory],
    &[Controller::Cpuacct, Controller::Cpu, Controller::Freezer],
    &[Controller::Hugetlb, Controller::Cpuset],
];

#[test]
fn the_directories_are_those_that_were_foretold() {
    needs!(root);
    isolated(|| SOME.into_iter().for_each(as_foretold));
}

#[test]
fn the_directories_are_those_that_were_foretold_under_version_1() {
    needs!(root, cgroup1("freezer"), cgroup1("pids"));
    isolated(|| {
        only(Version::V1);
        SOME.into_iter().for_each(as_foretold);
        hide(Controller::Freezer);
        SOME.into_iter().for_each(as_foretold);
        hide(Controller::Pids);
        SOME.into_iter().for_each(as_foretold);
    });
}

#[test]
fn the_directories_are_those_that_were_foretold_under_version_2() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        only(Version::V2);
        SOME.into_iter().for_each(as_foretold);
    });
}

#[test]
fn what_was_made_is_removed_if_the_third_hierarchy_refuses() {
    needs!(root, cgroup1("pids"), cgroup1("freezer"), cgroup1("devices"));
    isolated(|| {
        let layout = Layout::detect().unwrap();
        let path = format!("{}/deep/down", name("third"));
        let all = [Controller::Freezer, Controller::Pids, Controller::Devices];
        let foretold = layout.directories(&path, all);
        assert!(foretold.len() >= 3, "{foretold:?}");
        let last = foretold.last().unwrap();
        // Somebody has the name already, in the last of them.
        fs::create_dir_all(last).unwrap();
        let error = Cgroup::create_with(&layout, &path, all).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        said::check("a name that is taken", &error, &[(last.to_str().unwrap(), "GROUP")]);
        // Nothing is left of the others, not what was made on the way; and that one is as it was.
        let top = |directory: &std::path::Path| directory.ancestors().nth(2).unwrap().to_owned();
        assert!(last.is_dir());
        for directory in foretold.iter().filter(|directory| *directory != last) {
            assert!(!top(directory).exists(), "{directory:?}");
        }
        for directory in last.ancestors().take(3) {
            fs::remove_dir(directory).unwrap();
        }
    });
}

#[test]
fn a_name_is_taken_once() {
    needs!(root);
    isolated(|| {
        let group = create("taken");
        let error = Cgroup::create(name("taken")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        // The one that was there is not harmed.
        assert!(group.directories().all(std::path::Path::is_dir));
        group.wait_empty(LONG).unwrap();
        // A control file is no group.
        let error = Cgroup::create(format!("{}/cgroup.procs/x", name("taken"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", said::all(&error));
    });
}

#[test]
fn a_race_for_a_name_has_one_winner() {
    needs!(root);
    isolated(|| {
        let layout = Layout::detect().unwrap();
        for _ in 0..10 {
            let run = || Cgroup::create_in(&layout, format!("{}/race", name("race"))).ok();
            let made: Vec<Cgroup> = std::thread::scope(|scope| {
                let racers: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
                racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
            });
            assert!(made.len() <= 1, "{} have won", made.len());
            made.iter().for_each(|group| group.remove().unwrap());
            if let Ok(left) = Cgroup::open(name("race")) {
                left.remove().unwrap();
            }
        }
    });
}

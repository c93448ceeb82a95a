// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of ways that this kernel has no need of.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use needs::{isolated, needs, token};

use super::kill::{Forks, Whom};
use super::{Cgroup, Directory};
use crate::controller::Controller;
use crate::layout::{Access, Layout, Version};
use crate::limits::Limits;

/// Processes that go on by one child each, so that every list of them is out of date when it is read.
fn walkers(group: &Cgroup) -> Child {
    let script = "read line; walk() { walk & }; walk & walk & walk & walk & exec sleep 600";
    let mut command = Command::new("sh");
    command.args(["-c", script]).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    group.add(child.id()).unwrap();
    drop(child.stdin.take());
    child
}

#[test]
fn what_is_located_is_what_is_detected_but_for_rights() {
    let (detected, located) = (Layout::detect().unwrap(), Layout::locate().unwrap());
    let places = |layout: &Layout| -> Vec<_> {
        let places = layout.hierarchies().iter().map(|found| {
            let own = found.own_group().map(Path::to_owned);
            (
                found.version(),
                found.controllers().to_vec(),
                found.mount_point().to_owned(),
                own,
                found.options().to_vec(),
            )
        });
        places.collect()
    };
    assert_eq!(places(&located), places(&detected));
    assert_eq!((located.unmounted(), located.disabled()), (detected.unmounted(), detected.disabled()));
    assert!(located.hierarchies().iter().all(|found| found.access() == Access::Unknown));
    assert!(located.hierarchies().iter().all(|found| found.delegated_group().is_none()));
}

/// Version 2 before Linux 5.14: frozen, and killed one by one.
#[test]
fn the_rounds_win_against_who_forks_by_the_freezer_of_version_2() {
    needs!(root);
    isolated(|| {
        let layout = Layout::detect().unwrap();
        if layout.v2().is_none() {
            return;
        }
        let group = Cgroup::create_in(&layout, format!("/{}-rounds", token())).unwrap();
        group.apply(&Limits::new().pids_max(2000)).unwrap();
        let mut children = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 100 {
            let listed = group.procs().unwrap();
            if listed.len() <= children.len() {
                // A refused fork ends a shell.
                children.push(walkers(&group));
            }
            seen.extend(listed);
        }
        assert_eq!(group.tracking().map(Directory::version), Some(Version::V2));
        group.kill_in_rounds(Whom::All).unwrap();
        children.iter_mut().for_each(|child| assert!(!child.wait().unwrap().success()));
        assert!(group.procs().unwrap().is_empty());
        // It was not frozen before, and is not now.
        assert_eq!(group.events().unwrap().frozen, Some(false));
        group.wait_empty(Duration::from_secs(60)).unwrap();
        group.remove().unwrap();
    });
}

/// What is written while forks are stopped, and afterwards. That a bomb dies shows little: with luck it dies without.
fn stops_forks(group: &Cgroup, controller: Controller, file: &str, stopped: &str, before: &str) {
    let stop = if controller == Controller::Pids { Forks::refuse } else { Forks::freeze };
    let directory = group.of(controller).unwrap();
    let read = || directory.read(file).unwrap().trim().to_owned();
    assert_eq!(read(), before);
    let forks = stop(&group.directories);
    // Who forks may be frozen a while after he was told to.
    while read() != stopped {
        assert_ne!(read(), before);
    }
    drop(forks);
    assert_eq!(read(), before);
}

#[test]
fn forks_are_stopped_by_freezing_and_by_a_limit_of_none() {
    needs!(root, cgroup1("freezer"), cgroup1("pids"));
    isolated(|| {
        let path = format!("/{}-forks", token());
        if let Some(v2) = Layout::detect().unwrap().v2() {
            let group = Cgroup::create_with(&Layout::detect().unwrap(), &path, []).unwrap();
            stops_forks(&group, Controller::Freezer, "cgroup.freeze", "1", "0");
            group.remove().unwrap();
            // Held open it keeps the mount.
            drop(group);
            hide(v2.mount_point());
        }
        let layout = Layout::detect().unwrap();
        let group = Cgroup::create_with(&layout, &path, [Controller::Freezer, Controller::Pids]).unwrap();
        let mut child = walkers(&group);
        stops_forks(&group, Controller::Freezer, "freezer.state", "FROZEN", "THAWED");
        group.kill().unwrap();
        child.wait().unwrap();
        group.remove().unwrap();
        drop(group);
        hide(layout.of(Controller::Freezer).unwrap().mount_point());
        let group = Cgroup::create_with(&Layout::detect().unwrap(), &path, [Controller::Pids]).unwrap();
        group.apply(&Limits::new().pids_max(77)).unwrap();
        stops_forks(&group, Controller::Pids, "pids.max", "0", "77");
        group.remove().unwrap();
    });
}

/// Takes a hierarchy out of view, in the mount namespace of this test.
fn hide(point: &Path) {
    assert!(Command::new("umount").arg(point).status().unwrap().success());
}

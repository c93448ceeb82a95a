// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of ways that this kernel has no need of.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use needs::{isolated, needs, token};

use super::kill::Whom;
use super::{Cgroup, Directory};
use crate::layout::{Layout, Version};
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

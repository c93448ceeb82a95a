// SPDX-License-Identifier: MIT OR Apache-2.0
//! The life of a group: made, limited, joined, killed and removed, on whatever hierarchies this machine has.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers of tests may be as blunt as tests")]

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use needs::{isolated, needs, token};
use skep_cgroup::{Cgroup, Layout, Limits, MIB, Max, Quota, Weight};

const LONG: Duration = Duration::from_secs(60);

fn name(word: &str) -> String {
    format!("{}-{word}", token())
}

fn sleeper() -> Child {
    Command::new("sleep").arg("600").stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_group_is_made_joined_killed_and_removed() {
    needs!(root);
    isolated(|| {
        println!("{}", Layout::detect().unwrap());
        let group = Cgroup::create(name("life")).unwrap();
        let mut child = sleeper();
        group.add(child.id()).unwrap();
        assert_eq!(group.procs().unwrap(), [child.id()]);
        assert!(group.events().unwrap().populated);
        println!("{:?}", group.stat().unwrap());
        group.kill().unwrap();
        group.wait_empty(LONG).unwrap();
        assert!(!child.wait().unwrap().success());
        let directories: Vec<_> = group.directories().map(ToOwned::to_owned).collect();
        assert!(directories.iter().all(|directory| directory.is_dir()), "{directories:?}");
        group.remove().unwrap();
        assert!(directories.iter().all(|directory| !directory.exists()), "{directories:?}");
    });
}

#[test]
fn what_is_applied_is_read_back() {
    needs!(root);
    isolated(|| {
        // At the root of the hierarchies: there version 2 gives controllers although we are in it.
        let path = format!("/{}", name("limits"));
        let layout = Layout::detect().unwrap();
        let limits =
            Limits::new().memory_max(64 * MIB).pids_max(7).cpu(Quota::millicpus(500)).cpu_weight(Weight::new(200));
        let lacks = layout.assess(&path, &limits).unwrap();
        assert!(lacks.is_empty(), "{lacks:?}");
        let group = Cgroup::create_in(&layout, &path).unwrap();
        group.apply(&limits).unwrap();
        let stat = group.stat().unwrap();
        assert_eq!(stat.memory.max, Some(Max::Limit(64 * MIB)));
        assert_eq!(stat.pids.max, Some(Max::Limit(7)));
        // Higher, lower, none: version 1 takes them in different orders.
        for limits in [
            Limits::new().memory_max(256 * MIB),
            Limits::new().memory_max(32 * MIB).pids_max(Max::Unlimited),
            Limits::new().memory_max(Max::Unlimited).cpu(Quota::UNLIMITED),
        ] {
            group.apply(&limits).unwrap();
            assert_eq!(group.stat().unwrap().memory.max, limits.memory.max);
        }
        group.remove().unwrap();
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Killing: against those who fork meanwhile, and by each of the ways that there are.
//!
//! The bombs are in a pid namespace of their own, and limited before they go off.

use std::os::unix::process::ExitStatusExt;
use std::process::Child;

use needs::{isolated, needs};
use skep_cgroup::{Cgroup, Controller, Layout, Limits, Version};

use crate::support::{
    LONG, Swept, create, directory, end, has, has_version, hide, only, read, sh_in, signal_of, sleeper,
};

/// A bomb, and how many processes it may have: more than it begins with, less than any machine has.
struct Bomb {
    script: &'static str,
    most: u64,
}

const BOMBS: [Bomb; 2] = [
    // A few that go on by one child each, so that every list of them is out of date when it is read. What has ended counts
    // until it was waited for, which may take the init of the box a while.
    Bomb { script: "walk() { walk & }; walk & walk & walk & walk & exec sleep 600", most: 2000 },
    // One that grows up to the limit, again and again.
    Bomb { script: "grow() { grow & grow & wait; }; while :; do grow & wait; done", most: 200 },
];

/// A group with a bomb that has gone off.
fn bombed(word: &str, bomb: &Bomb) -> (Swept, Vec<Child>) {
    let group = create(word);
    // Before anything else.
    group.apply(&Limits::new().pids_max(bomb.most)).unwrap();
    assert_eq!(group.stat().unwrap().pids.max.unwrap().limit(), Some(bomb.most));
    let mut children = vec![sh_in(&group, bomb.script)];
    // It does fork: the numbers that are listed are ever new ones.
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 300 {
        let listed = group.procs().unwrap();
        if listed.len() <= children.len() {
            // Refused forks end the shells.
            children.push(sh_in(&group, bomb.script));
        }
        seen.extend(listed);
    }
    (group, children)
}

/// Nobody is left, and nobody comes back.
fn is_dead(group: &Cgroup, bombs: Vec<Child>) {
    group.wait_empty(LONG).unwrap();
    for mut bomb in bombs {
        // Who was refused a fork has ended by itself.
        let status = bomb.wait().unwrap();
        assert!(status.signal() == Some(9) || status.code() == Some(2), "{status}");
    }
    assert_eq!(group.procs().unwrap(), [0_u32; 0]);
    group.remove().unwrap();
}

#[test]
fn a_fork_bomb_is_killed() {
    needs!(root);
    if !has(Controller::Pids) {
        return;
    }
    isolated(|| {
        for bomb in &BOMBS {
            let (group, children) = bombed("bomb", bomb);
            group.kill().unwrap();
            is_dead(&group, children);
        }
    });
}

#[test]
fn a_fork_bomb_is_killed_by_freezing_where_there_is_no_call_for_it() {
    needs!(root, cgroup1("freezer"), cgroup1("pids"));
    isolated(|| {
        only(Version::V1);
        for bomb in &BOMBS {
            let (group, children) = bombed("frozen-bomb", bomb);
            group.kill().unwrap();
            is_dead(&group, children);
        }
    });
}

#[test]
fn a_fork_bomb_is_killed_by_refusing_forks_where_nothing_freezes() {
    needs!(root, cgroup1("freezer"), cgroup1("pids"));
    isolated(|| {
        only(Version::V1);
        hide(Controller::Freezer);
        for bomb in &BOMBS {
            let (group, children) = bombed("refused-bomb", bomb);
            group.kill().unwrap();
            // What stood there before stands there again.
            assert_eq!(group.stat().unwrap().pids.max.unwrap().limit(), Some(bomb.most));
            is_dead(&group, children);
        }
    });
}

#[test]
fn a_frozen_group_is_killed_in_either_version() {
    needs!(root);
    if !has_version(Version::V1) && !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        let group = create("ice");
        let child = sleeper();
        group.add(child.id()).unwrap();
        group.freeze(LONG).unwrap();
        group.kill().unwrap();
        group.wait_empty(LONG).unwrap();
        assert_eq!(signal_of(child), Some(9));
        drop(group);
        if Layout::detect().unwrap().of(Controller::Freezer).is_none_or(|found| found.version() == Version::V2) {
            return;
        }
        only(Version::V1);
        let group = create("old-ice");
        let freezer = directory(&group, Some(Controller::Freezer));
        let (child, below) = (sleeper(), sleeper());
        group.add(child.id()).unwrap();
        // A group below, which the payload has frozen by itself.
        let own = freezer.join("own");
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("cgroup.procs"), below.id().to_string()).unwrap();
        std::fs::write(own.join("freezer.state"), "FROZEN").unwrap();
        group.freeze(LONG).unwrap();
        group.kill().unwrap();
        assert_eq!((signal_of(child), signal_of(below)), (Some(9), Some(9)));
        group.wait_empty(LONG).unwrap();
    });
}

#[test]
fn who_is_in_one_of_the_hierarchies_alone_is_killed_too() {
    needs!(root, cgroup1("pids"));
    isolated(|| {
        let group = create("stray");
        let stray = sleeper();
        std::fs::write(directory(&group, Some(Controller::Pids)).join("cgroup.procs"), stray.id().to_string()).unwrap();
        assert_eq!(group.procs().unwrap(), [stray.id()]);
        group.kill().unwrap();
        assert_eq!(signal_of(stray), Some(9));
    });
}

#[test]
fn a_group_of_threads_is_killed_although_the_kernel_has_no_call_for_it() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        let group = create("domain");
        let threads = directory(&group, None).join("threads");
        std::fs::create_dir(&threads).unwrap();
        std::fs::write(threads.join("cgroup.type"), "threaded").unwrap();
        let (child, beside) = (sleeper(), sleeper());
        group.add(child.id()).unwrap();
        group.add(beside.id()).unwrap();
        std::fs::write(threads.join("cgroup.procs"), child.id().to_string()).unwrap();
        assert_eq!(read(threads.join("cgroup.threads")), child.id().to_string());
        let below = Cgroup::from_directories([&threads]).unwrap();
        assert_eq!(below.procs().unwrap(), [child.id()]);
        below.kill().unwrap();
        assert_eq!(signal_of(child), Some(9));
        below.wait_empty(LONG).unwrap();
        assert_eq!(group.procs().unwrap(), [beside.id()]);
        end(beside);
    });
}

#[test]
fn nobody_kills_a_group_from_within() {
    needs!(root);
    isolated(|| {
        let layout = Layout::detect().unwrap();
        let group = create("within");
        let own: Vec<_> = group
            .directories()
            .map(|found| {
                let home =
                    layout.hierarchies().iter().find(|hierarchy| found.starts_with(hierarchy.mount_point())).unwrap();
                home.mount_point().join(home.own_group().unwrap().strip_prefix("/").unwrap()).join("cgroup.procs")
            })
            .collect();
        group.add(std::process::id()).unwrap();
        let killed = group.kill();
        let frozen = group.freeze(LONG);
        for procs in own {
            std::fs::write(procs, std::process::id().to_string()).unwrap();
        }
        crate::support::said::check("killing one's own group", &killed.unwrap_err(), &own_names(&group));
        assert_eq!(frozen.unwrap_err().kind(), skep_cgroup::ErrorKind::WrongState);
        group.kill().unwrap();
    });
}

fn own_names(group: &Cgroup) -> Vec<(&str, &'static str)> {
    group.directories().take(1).map(|found| (found.to_str().unwrap(), "GROUP")).collect()
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens to a group, one thing after the other.

use std::time::Duration;

use needs::{isolated, needs};
use skep_cgroup::{Cgroup, Controller, Event, Limits, MIB, Version};

use crate::support::{LONG, create, end, has, has_version, name, only, sh_in, signal_of, sleeper};

#[test]
fn coming_freezing_thawing_and_going_are_told_in_order() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| life(&create("changes")));
}

#[test]
fn under_version_1_the_same_is_told() {
    needs!(root, cgroup1("freezer"));
    isolated(|| {
        only(Version::V1);
        life(&create("changes"));
    });
}

fn life(group: &Cgroup) {
    assert_eq!(group.changes(Duration::ZERO).unwrap().count(), 0);
    let mut changes = group.changes(Duration::MAX).unwrap();
    let mut next = || changes.next().unwrap().unwrap();
    let child = sleeper();
    group.add(child.id()).unwrap();
    assert_eq!(next(), Event::Populated);
    group.freeze(LONG).unwrap();
    assert_eq!(next(), Event::Frozen);
    group.thaw(LONG).unwrap();
    assert_eq!(next(), Event::Thawed);
    end(child);
    assert_eq!(next(), Event::Empty);
    group.remove().unwrap();
    // Of an empty group nobody is told: it is found when it is looked at.
    assert_eq!(group.changes(LONG).unwrap_err().kind(), skep_cgroup::ErrorKind::NotFound);
}

#[test]
fn the_kill_of_the_greedy_child_is_told_and_counted() {
    needs!(root);
    if !has(Controller::Memory) {
        return;
    }
    isolated(|| {
        let group = create("greedy");
        group.apply(&Limits::new().memory_max(16 * MIB)).unwrap();
        let mut modest = sleeper();
        group.add(modest.id()).unwrap();
        let changes = group.changes(Duration::MAX).unwrap();
        let greedy = sh_in(&group, "exec tail /dev/zero");
        let told: Vec<Event> = changes.map(Result::unwrap).take_while(|event| *event != Event::OomKill(1)).collect();
        assert!(told.iter().any(|event| matches!(event, Event::MemoryMax(_))), "{told:?}");
        assert_eq!(signal_of(greedy), Some(9));
        assert_eq!(modest.try_wait().unwrap(), None);
        let stat = group.stat().unwrap();
        assert_eq!(stat.memory.events.oom_kill, Some(1));
        assert!(group.events().unwrap().memory_max > Some(0) && stat.memory.peak >= Some(15 * MIB), "{stat:?}");
        end(modest);
    });
}

#[test]
fn a_removal_by_somebody_else_ends_it() {
    needs!(root);
    isolated(|| {
        let group = create("changes");
        let child = sleeper();
        group.add(child.id()).unwrap();
        let changes = group.changes(Duration::MAX).unwrap();
        let other = Cgroup::open(name("changes")).unwrap();
        end(child);
        other.wait_empty(LONG).unwrap();
        other.remove().unwrap();
        let told: Vec<Event> = changes.map(Result::unwrap).collect();
        assert_eq!(told, [Event::Empty, Event::Removed]);
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits that bite.

use needs::{isolated, needs};
use skep_cgroup::{Bytes, Controller, Limits, MIB};

use crate::support::{create, end, has, sh_in, signal_of, sleeper};

#[test]
fn memory_max_kills_only_the_greedy_child() {
    needs!(root);
    if !has(Controller::Memory) {
        return;
    }
    isolated(|| {
        let group = create("greedy");
        group.apply(&Limits::new().memory_max(16 * MIB)).unwrap();
        // Without swap, where it is counted: it would take a while to fill.
        let _not_counted = group.apply(&Limits::new().swap_max(Bytes::new(0)));
        let mut modest = sleeper();
        group.add(modest.id()).unwrap();
        assert_eq!(group.events().unwrap().oom_kill, Some(0));
        // The last line of a text without lines is all of it.
        let greedy = sh_in(&group, "exec tail /dev/zero");
        assert_eq!(signal_of(greedy), Some(9), "{:?}", group.events());
        assert_eq!(modest.try_wait().unwrap(), None, "{:?}", group.events());
        assert_eq!(group.events().unwrap().oom_kill, Some(1));
        end(modest);
    });
}

#[test]
fn pids_max_refuses_the_fifth_process() {
    needs!(root);
    if !has(Controller::Pids) {
        return;
    }
    isolated(|| {
        let group = create("few");
        group.apply(&Limits::new().pids_max(4)).unwrap();
        assert_eq!(group.events().unwrap().forks_refused, Some(0));
        // The shell is the first; dash ends with status 2 when it cannot fork.
        let child = sh_in(&group, "sleep 600 & sleep 600 & sleep 600 & exec sleep 600");
        while group.stat().unwrap().pids.current != Some(4) {
            std::thread::yield_now();
        }
        assert_eq!(group.events().unwrap().forks_refused, Some(0));
        // A process that joins is not refused; its fork is.
        let mut fifth = sh_in(&group, "sleep 600 & exit 0");
        assert!(!fifth.wait().unwrap().success());
        assert_eq!(group.events().unwrap().forks_refused, Some(1));
        assert_eq!(group.stat().unwrap().pids.current, Some(4));
        group.kill().unwrap();
        assert_eq!(signal_of(child), Some(9));
        group.wait_empty(crate::support::LONG).unwrap();
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits bite: what the kernel does with them.

use std::time::{Duration, Instant};

use needs::{isolated, needs};
use skep_cgroup::{Bytes, Controller, Limits, MIB, Quota};

use crate::support::disk::Loop;
use crate::support::{LONG, create, end, has, sh_in, signal_of};

#[test]
fn who_needs_more_memory_than_there_is_is_killed_and_nobody_else() {
    needs!(root);
    if !has(Controller::Memory) {
        return;
    }
    isolated(|| {
        let group = create("greedy");
        let mut limits = Limits::new().memory_max(16 * MIB);
        if group.read("memory.swap.max").is_ok() {
            limits = limits.swap_max(Bytes::new(0));
        }
        group.apply(&limits).unwrap();
        let modest = sh_in(&group, "exec sleep 600");
        let greedy = sh_in(&group, "x=aaaaaaaa; while :; do x=$x$x; done");
        assert_eq!(signal_of(greedy), Some(libc::SIGKILL));
        assert!(group.stat().unwrap().memory.current.unwrap() <= 16 * MIB);
        let mut modest = modest;
        assert_eq!(modest.try_wait().unwrap(), None);
        end(modest);
    });
}

#[test]
fn pids_max_refuses_the_next_fork() {
    needs!(root);
    if !has(Controller::Pids) {
        return;
    }
    isolated(|| {
        let group = create("forks");
        group.apply(&Limits::new().pids_max(3)).unwrap();
        // The shell and two more.
        let shell = sh_in(&group, "sleep 600 & sleep 600 & sleep 600 &");
        let status = { shell }.wait().unwrap();
        assert!(!status.success());
        assert_eq!(group.stat().unwrap().pids.current, Some(2));
    });
}

#[test]
fn a_quota_keeps_a_busy_process_from_running() {
    needs!(root);
    if !has(Controller::Cpu) {
        return;
    }
    isolated(|| {
        let group = create("quota-bite");
        group.apply(&Limits::new().cpu(Quota::millicpus(50))).unwrap();
        let busy = sh_in(&group, "while :; do :; done");
        let begun = Instant::now();
        while group.stat().unwrap().cpu.throttled.unwrap_or_default() < Duration::from_millis(100) {
            assert!(begun.elapsed() < LONG, "it was never throttled");
            std::thread::sleep(Duration::from_millis(20));
        }
        end(busy);
    });
}

#[test]
fn a_rate_holds_up_who_writes_to_a_loop_device() {
    needs!(root, program("losetup"), file("/dev/loop-control"));
    if !has(Controller::Io) {
        return;
    }
    isolated(|| {
        let disk = Loop::new();
        let group = create("rate");
        let write = || {
            let begun = Instant::now();
            let script = format!("dd if=/dev/zero of={} bs=64k count=32 oflag=direct", disk.node);
            assert!(sh_in(&group, &script).wait().unwrap().success());
            begun.elapsed()
        };
        let device = disk.number();
        group.apply(&Limits::new().device(device, |disk| disk.write_bytes = Some(MIB.into()))).unwrap();
        // Two MiB at one in a second: the kernel may be slower, never faster but for what it gives in advance.
        let limited = write();
        assert!(limited > Duration::from_millis(1500), "{limited:?}");
    });
}

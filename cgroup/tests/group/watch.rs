// SPDX-License-Identifier: MIT OR Apache-2.0
//! Watching a group by a descriptor.

use std::os::fd::AsFd;
use std::time::Duration;

use needs::{isolated, needs};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use skep_cgroup::{Controller, ErrorKind, Layout, Limits, MIB, MemoryPressure, PressureTrigger, Resource, Version};

use crate::support::{LONG, create, end, has_version, only, said, sh_in, sleeper};

const SECOND: Duration = Duration::from_secs(1);

fn is_ready(watch: &skep_cgroup::Watch) -> bool {
    let flags = PollFlags::from_bits_retain(watch.poll_events().cast_unsigned());
    let mut fds = [PollFd::from_borrowed_fd(watch.as_fd(), flags)];
    poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
}

#[test]
fn a_watch_is_ready_from_a_change_until_it_is_reset() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        let group = create("watched");
        let watch = group.watch().unwrap();
        assert!(!is_ready(&watch));
        assert!(!watch.wait(Duration::ZERO).unwrap());
        let child = sleeper();
        group.add(child.id()).unwrap();
        // The kernel may hold a notice back for 10 ms.
        assert!(watch.wait(LONG).unwrap());
        assert!(group.events().unwrap().populated);
        assert!(!is_ready(&watch));
        group.freeze(LONG).unwrap();
        while !is_ready(&watch) {
            std::thread::yield_now();
        }
        // Reading through another descriptor is no reset.
        let _read = group.events().unwrap();
        assert!(is_ready(&watch));
        watch.reset().unwrap();
        assert!(!is_ready(&watch));
        group.thaw(LONG).unwrap();
        end(child);
        while group.events().unwrap().populated {
            watch.wait(LONG).unwrap();
        }
        group.remove().unwrap();
        assert!(is_ready(&watch));
        assert_eq!(watch.reset().unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(group.watch().unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_watch_of_memory_tells_of_a_kill() {
    needs!(root, cgroup2("memory"));
    isolated(|| {
        let group = create("watched-memory");
        if let Err(error) = group.watch_memory() {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
        group.apply(&Limits::new().memory_max(16 * MIB)).unwrap();
        let _not_counted = group.apply(&Limits::new().swap_max(skep_cgroup::Bytes::new(0)));
        let watch = group.watch_memory().unwrap();
        assert!(!is_ready(&watch));
        let child = sh_in(&group, "exec tail /dev/zero");
        while group.events().unwrap().oom_kill == Some(0) {
            assert!(watch.wait(LONG).unwrap());
        }
        assert_eq!(crate::support::signal_of(child), Some(9));
    });
}

#[test]
fn version_1_tells_nobody_who_comes_and_goes() {
    needs!(root, cgroup1("freezer"));
    isolated(|| {
        only(Version::V1);
        assert!(Layout::detect().unwrap().of(Controller::Freezer).is_some());
        let group = create("unwatched");
        assert_eq!(group.watch().unwrap_err().kind(), ErrorKind::Unsupported);
        let error = group.watch_pressure(Resource::Cpu, PressureTrigger::some(SECOND, SECOND)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    });
}

#[test]
fn what_version_2_does_not_tell_of_says_what_does() {
    needs!(root, cgroup2("memory"));
    isolated(|| {
        let group = create("unwatched");
        for error in
            [group.watch_memory_usage(MIB).unwrap_err(), group.watch_memory_pressure(MemoryPressure::Low).unwrap_err()]
        {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.hint().is_some());
        }
    });
}

#[test]
fn version_1_tells_of_memory_that_is_used_up_and_of_how_hard_it_was_to_find() {
    needs!(root, cgroup1("memory"));
    isolated(|| {
        let group = create("told");
        group.apply(&Limits::new().memory_max(16 * MIB)).unwrap();
        let _not_counted = group.apply(&Limits::new().swap_max(skep_cgroup::Bytes::new(0)));
        let (oom, hard) = (group.watch_memory().unwrap(), group.watch_memory_pressure(MemoryPressure::Low).unwrap());
        let usage = group.watch_memory_usage(8 * MIB).unwrap();
        for watch in [&oom, &hard, &usage] {
            assert!(!is_ready(watch));
        }
        let child = sh_in(&group, "exec tail /dev/zero");
        for watch in [&oom, &hard, &usage] {
            assert!(watch.wait(LONG).unwrap());
        }
        assert_eq!(crate::support::signal_of(child), Some(9));
        assert_eq!(group.events().unwrap().oom_kill, Some(1));
        // It was passed downwards too.
        assert!(usage.wait(LONG).unwrap() || group.stat().unwrap().memory.current < Some(8 * MIB));
        oom.reset().unwrap();
        assert!(!is_ready(&oom));
        group.remove().unwrap();
        // The eventfd is told of the removal.
        assert!(oom.wait(LONG).is_err_and(|error| error.kind() == ErrorKind::NotFound));
        assert_eq!(group.watch_memory().unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_refused_fork_is_told() {
    needs!(root, cgroup2("pids"));
    isolated(|| {
        let group = create("few");
        group.apply(&Limits::new().pids_max(1)).unwrap();
        let watch = group.watch_pids().unwrap();
        assert!(!is_ready(&watch));
        let mut child = sh_in(&group, "sleep 600 & exit 0");
        assert!(watch.wait(LONG).unwrap());
        assert!(!child.wait().unwrap().success());
        assert_eq!(group.events().unwrap().forks_refused, Some(1));
        assert!(!is_ready(&watch));
    });
}

#[test]
fn a_trigger_of_pressure_is_pulled() {
    needs!(root, file("/proc/pressure/cpu"));
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        let group = create("pressed");
        let trigger = PressureTrigger::some(Duration::from_millis(1), 2 * SECOND);
        let watch = group.watch_pressure(Resource::Cpu, trigger).unwrap();
        assert!(!is_ready(&watch));
        // More than there are processors: some wait for one.
        let count = std::thread::available_parallelism().unwrap().get() + 2;
        let busy: Vec<_> = (0..count).map(|_| sh_in(&group, "while :; do :; done")).collect();
        assert!(watch.wait(LONG).unwrap());
        let mut reader = group.stat_reader().unwrap();
        // The averages are of every two seconds, the total is of now.
        assert!(reader.read().unwrap().pressure.cpu.some.unwrap().total > Duration::from_millis(1));
        busy.into_iter().for_each(end);
        group.remove().unwrap();
        assert_eq!(watch.reset().unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(reader.read().unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_trigger_that_the_kernel_would_refuse_says_why() {
    needs!(root, file("/proc/pressure/cpu"));
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        let group = create("pressed");
        let bad = PressureTrigger::some(3 * SECOND, Duration::from_millis(499));
        let error = group.watch_pressure(Resource::Memory, bad).unwrap_err();
        said::check("a trigger that makes no sense", &error, &[]);
        let odd = PressureTrigger::full(SECOND, 3 * SECOND);
        // With CAP_SYS_RESOURCE, and before Linux 6.5, it may be had.
        if let Err(error) = group.watch_pressure(Resource::Memory, odd) {
            let directory = crate::support::directory(&group, None);
            said::check("a window for the privileged", &error, &[(directory.to_str().unwrap(), "GROUP")]);
        }
        let some = group.watch_pressure(Resource::Irq, PressureTrigger::some(SECOND, 2 * SECOND));
        assert_eq!(some.unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn a_watch_without_a_descriptor_says_what_to_raise() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| {
        let group = create("watched");
        let mut held = Vec::new();
        let error = loop {
            match group.watch() {
                Ok(watch) => held.push(watch),
                Err(error) => break error,
            }
        };
        drop(held);
        let directory = crate::support::directory(&group, None);
        said::check("a watch without a descriptor", &error, &[(directory.to_str().unwrap(), "GROUP")]);
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits: what is written is what the kernel says afterwards, and what it does.

use std::path::Path;

use needs::{isolated, needs};
use skep_cgroup::{Bytes, Cgroup, Controller, IdList, Layout, Limits, MIB, Max, Micros, Quota, Version, Weight};

use crate::support::{create, directory, has, name, only, read};

#[test]
fn what_is_applied_is_read_back() {
    needs!(root);
    if !has(Controller::Memory) {
        return;
    }
    isolated(|| {
        let path = name("limits");
        let layout = Layout::detect().unwrap();
        let limits =
            Limits::new().memory_max(64 * MIB).pids_max(7).cpu(Quota::millicpus(500)).cpu_weight(Weight::new(200));
        assert_eq!(layout.assess(&path, &limits).unwrap(), []);
        let group = crate::support::Swept(Cgroup::create_in(&layout, &path).unwrap());
        assert_eq!(layout.assess(&path, &limits).unwrap(), []);
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
        assert_eq!(group.stat().unwrap().pids.max, Some(Max::Unlimited));
    });
}

/// Time and period in microseconds; a time of -1 is none.
fn quota(cpu: &Path, version: Version) -> (String, String) {
    if version == Version::V1 {
        return (read(cpu.join("cpu.cfs_quota_us")), read(cpu.join("cpu.cfs_period_us")));
    }
    let text = read(cpu.join("cpu.max"));
    let (time, period) = text.split_once(' ').unwrap();
    (time.replace("max", "-1"), period.to_owned())
}

#[test]
fn quota_and_weight_are_read_back_whichever_of_them_has_to_go_first() {
    needs!(root);
    if !has(Controller::Cpu) {
        return;
    }
    isolated(|| {
        let version = Layout::detect().unwrap().of(Controller::Cpu).unwrap().version();
        let group = create("quota");
        let cpu = directory(&group, Some(Controller::Cpu));
        let written = |time: u64, period: u64| {
            group.apply(&Limits::new().cpu(Quota::new(Micros::new(time), Micros::new(period)))).unwrap();
            assert_eq!(quota(&cpu, version), (time.to_string(), period.to_string()));
        };
        written(50_000, 100_000);
        // Each step is out of bounds for a moment in one of the two orders: for a group below one with a quota.
        written(1_000, 1_000_000);
        written(500_000, 500_000);
        written(1_000, 1_000);
        written(2_000_000, 1_000_000);
        group.apply(&Limits::new().cpu(Quota::UNLIMITED)).unwrap();
        assert_eq!(quota(&cpu, version), ("-1".to_owned(), "100000".to_owned()));

        let (file, by_weight) = match version {
            Version::V1 => ("cpu.shares", [(1, 2), (100, 1024), (200, 2451), (10_000, 262_144)]),
            Version::V2 => ("cpu.weight", [(1, 1), (100, 100), (200, 200), (10_000, 10_000)]),
        };
        for (weight, number) in by_weight {
            group.apply(&Limits::new().cpu_weight(Weight::new(weight))).unwrap();
            assert_eq!(read(cpu.join(file)), number.to_string());
        }
    });
}

#[test]
fn below_a_group_with_a_quota_a_new_period_may_have_to_wait_for_its_time() {
    needs!(root, cgroup1("cpu"));
    isolated(|| {
        let above = create("above");
        above.apply(&Limits::new().cpu(Quota::new(Micros::new(50_000), Micros::new(100_000)))).unwrap();
        let below = Cgroup::create(format!("{}/below", name("above"))).unwrap();
        below.apply(&Limits::new().cpu(Quota::new(Micros::new(50_000), Micros::new(100_000)))).unwrap();
        // With the old time, 50 of 60 ms, the new period is more than the group above has.
        below.apply(&Limits::new().cpu(Quota::new(Micros::new(10_000), Micros::new(60_000)))).unwrap();
        let cpu = directory(&below, Some(Controller::Cpu));
        assert_eq!(quota(&cpu, Version::V1), ("10000".to_owned(), "60000".to_owned()));
        below.apply(&Limits::new().cpu(Quota::new(Micros::new(50_000), Micros::new(100_000)))).unwrap();
        assert_eq!(quota(&cpu, Version::V1), ("50000".to_owned(), "100000".to_owned()));
    });
}

#[test]
fn processors_and_nodes_are_read_back() {
    needs!(root);
    if !has(Controller::Cpuset) {
        return;
    }
    isolated(|| {
        let group = create("cpuset");
        group.apply(&Limits::new().cpus(IdList::from_iter([0])).mems(IdList::from_iter([0]))).unwrap();
        let cpuset = directory(&group, Some(Controller::Cpuset));
        assert_eq!((read(cpuset.join("cpuset.cpus")), read(cpuset.join("cpuset.mems"))), ("0".into(), "0".into()));
        // A group of version 1 has none at first, and nobody could join it.
        let child = crate::support::sleeper();
        group.add(child.id()).unwrap();
        crate::support::end(child);
    });
}

#[test]
fn the_greatest_numbers_are_no_limit_and_no_panic() {
    needs!(root);
    if !has(Controller::Memory) {
        return;
    }
    isolated(|| {
        let group = create("greatest");
        let all = Bytes::new(u64::MAX);
        group.apply(&Limits::new().memory_max(all)).unwrap();
        assert_eq!(group.stat().unwrap().memory.max, Some(Max::Unlimited));
        group.apply(&Limits::new().memory_max(64 * MIB)).unwrap();
        assert_eq!(group.stat().unwrap().memory.max, Some(Max::Limit(64 * MIB)));
        let limits = Limits::new().swap_max(all);
        if Layout::detect().unwrap().assess(name("greatest"), &limits).unwrap().is_empty() {
            group.apply(&limits).unwrap();
        }
        group.apply(&Limits::new().memory_max(all).pids_max(4_194_304)).unwrap();
        let quota = Quota::new(Micros::new((1 << 44) - 1), Micros::from_millis(1000));
        group.apply(&Limits::new().cpu(quota).cpu_weight(Weight::new(10_000))).unwrap();
        let more = Limits::new().pids_max(u64::MAX).cpu_weight(Weight::new(u32::MAX)).cpu(Quota::millicpus(u64::MAX));
        assert_eq!(group.apply(&more).unwrap_err().problems().len(), 3);
    });
}

/// Version 1 keeps a limit of memory, and one of memory and swap that is never below it.
#[test]
fn swap_is_what_is_said_whichever_of_the_two_files_has_to_go_first() {
    needs!(root, cgroup1("memory"));
    isolated(|| {
        only(Version::V1);
        let group = create("memsw");
        let memory = directory(&group, Some(Controller::Memory));
        if !memory.join("memory.memsw.limit_in_bytes").exists() {
            let error = group.apply(&Limits::new().memory_max(64 * MIB).swap_max(MIB)).unwrap_err();
            assert_eq!(error.kind(), skep_cgroup::ErrorKind::Unsupported);
            return;
        }
        let files = || {
            let read = |file| read(memory.join(file)).parse::<u64>().unwrap();
            let mib = |bytes: u64| if bytes > 1 << 60 { None } else { Some(bytes >> 20) };
            (mib(read("memory.limit_in_bytes")), mib(read("memory.memsw.limit_in_bytes")))
        };
        let amount = |mib: Option<u64>| mib.map_or(Max::Unlimited, |mib| Max::Limit(mib * MIB));
        // Memory and swap as they are asked for, and what the files then say.
        let steps = [
            ((Some(64), Some(16)), (Some(64), Some(80))),
            ((Some(256), Some(16)), (Some(256), Some(272))),
            ((Some(32), Some(0)), (Some(32), Some(32))),
            ((Some(32), None), (Some(32), None)),
            ((Some(128), None), (Some(128), None)),
            ((Some(64), Some(64)), (Some(64), Some(128))),
            ((None, None), (None, None)),
            ((Some(100), Some(1)), (Some(100), Some(101))),
        ];
        for ((max, swap), expected) in steps {
            group.apply(&Limits::new().memory_max(amount(max)).swap_max(amount(swap))).unwrap();
            assert_eq!(files(), expected, "after {max:?} and {swap:?}");
        }
        // Without a word about swap its share stays: 1 MiB.
        group.apply(&Limits::new().memory_max(200 * MIB)).unwrap();
        assert_eq!(files(), (Some(200), Some(201)));
        group.apply(&Limits::new().memory_max(50 * MIB)).unwrap();
        assert_eq!(files(), (Some(50), Some(51)));
        // And without one about memory the sum is that of the old one.
        group.apply(&Limits::new().swap_max(9 * MIB)).unwrap();
        assert_eq!(files(), (Some(50), Some(59)));
        group.apply(&Limits::new().memory_max(Max::Unlimited).swap_max(Max::Unlimited)).unwrap();
        let error = group.apply(&Limits::new().swap_max(MIB)).unwrap_err();
        assert_eq!(error.kind(), skep_cgroup::ErrorKind::Unsupported);
        assert!(error.hint().unwrap().contains("memory.max"));
    });
}

/// Version 1 frees what it can, and refuses; version 2 would kill.
#[test]
fn a_limit_below_what_is_in_use_is_refused_by_version_1_and_says_so() {
    needs!(root, cgroup1("memory"));
    isolated(|| {
        let group = create("in-use");
        let memory = directory(&group, Some(Controller::Memory));
        // Twelve MiB of the shell's own, and a line when they are there.
        let script = "x=aaaaaaaaaaaa; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do x=$x$x; done; exec 3<&0; sleep 600";
        let child = crate::support::sh_in(&group, script);
        let begun = std::time::Instant::now();
        while read(memory.join("memory.usage_in_bytes")).parse::<u64>().unwrap() < 12 << 20 {
            assert!(begun.elapsed() < crate::support::LONG, "the shell never had its memory");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let swap = Layout::detect().unwrap().assess(name("in-use"), &Limits::new().swap_max(MIB)).unwrap().is_empty();
        let limits = Limits::new().memory_max(2 * MIB);
        let error = group.apply(&if swap { limits.swap_max(Bytes::new(0)) } else { limits }).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (skep_cgroup::ErrorKind::Busy, Some(libc::EBUSY)));
        crate::support::said::check(
            "less memory than is in use",
            &error,
            &[(memory.to_str().unwrap(), "GROUP"), ("limit_in_bytes", "LIMIT")],
        );
        crate::support::end(child);
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits of every controller: what is written is what the kernel's file says afterwards, in either version.

use std::fs;
use std::os::unix::fs::MetadataExt;

use needs::{isolated, needs};
use skep_cgroup::{
    Cgroup, Controller, DeviceNumber, ErrorKind, IdList, Layout, Limits, MIB, Max, Micros, Partition, Percent, Quota,
    Reason, Version, Weight,
};

use crate::support::disk::disk;
use crate::support::{Swept, create, directory, has, name, read, run, said, text};

/// A group with these controllers alone.
fn with(word: &str, controllers: &[Controller]) -> Swept {
    Swept(Cgroup::create_with(&Layout::detect().unwrap(), name(word), controllers.iter().copied()).unwrap())
}

fn version(controller: Controller) -> Version {
    Layout::detect().unwrap().of(controller).unwrap().version()
}

/// Applies limits of one controller, and compares what its files say, by version; those that the kernel does not have are
/// to be named by the error, and beforehand.
#[track_caller]
fn check(group: &Cgroup, controller: Controller, limits: &Limits, files: [Files<'_>; 2]) {
    let at = directory(group, Some(controller));
    let expected = match version(controller) {
        Version::V1 => files[0],
        _ => files[1],
    };
    let path = format!("/{}", at.file_name().unwrap().to_str().unwrap());
    let lacks = Layout::detect().unwrap().assess(path, limits).unwrap();
    if expected.iter().any(|(file, _)| !at.join(file).exists()) || expected.is_empty() {
        assert!(!lacks.is_empty(), "{limits} was not missed");
        assert_eq!(group.apply(limits).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(group.apply_possible(limits).unwrap().len(), limits_of(limits));
        return;
    }
    assert_eq!(lacks, [], "{limits}");
    group.apply(limits).unwrap_or_else(|error| panic!("{limits}: {}", said::all(&error)));
    for (file, expected) in expected {
        assert_eq!(read(at.join(file)), *expected, "{file} after {limits}");
    }
}

/// How many limits are set.
fn limits_of(limits: &Limits) -> usize {
    limits.to_string().split(", ").count()
}

/// Sets a flag.
type Flag = fn(&mut Limits, bool);

/// Files and what they are to say.
type Files<'a> = &'a [(&'a str, &'a str)];

fn set(set: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::new();
    set(&mut limits);
    limits
}

#[test]
fn cpu_limits_are_read_back() {
    needs!(root);
    if !has(Controller::Cpu) {
        return;
    }
    isolated(|| {
        let group = with("cpu", &[Controller::Cpu]);
        let check = |limits: &Limits, v1: Files<'_>, v2: Files<'_>| check(&group, Controller::Cpu, limits, [v1, v2]);
        check(&set(|l| l.cpu.shares = Some(700)), &[("cpu.shares", "700")], &[("cpu.weight", "75")]);
        check(&Limits::new().cpu_weight(Weight::new(1)), &[("cpu.shares", "2")], &[("cpu.weight", "1")]);
        // Bursts above the old quota and below; quotas below the old burst.
        for (time, burst) in [(50_000, 50_000), (10_000, 5_000), (90_000, 80_000), (2_000, 0), (70_000, 1)] {
            let limits = Limits::new().cpu(Quota::new(Micros::new(time), Micros::new(100_000)));
            let (quota, both, burst_text) = (time.to_string(), format!("{time} 100000"), burst.to_string());
            check(
                &limits.cpu_burst(Micros::new(burst)),
                &[("cpu.cfs_quota_us", &quota), ("cpu.cfs_burst_us", &burst_text)],
                &[("cpu.max", &both), ("cpu.max.burst", &burst_text)],
            );
        }
        check(&set(|l| l.cpu.idle = Some(true)), &[("cpu.idle", "1")], &[("cpu.idle", "1")]);
        // An idle group takes no weight: it has to be woken first, whatever the order of the fields.
        check(
            &set(|l| (l.cpu.idle, l.cpu.weight) = (Some(false), Some(Weight::DEFAULT))),
            &[("cpu.idle", "0"), ("cpu.shares", "1024")],
            &[("cpu.idle", "0"), ("cpu.weight", "100")],
        );
        check(
            &set(|l| {
                l.cpu.uclamp_min = Some(Percent::from_hundredths(1234).into());
                l.cpu.uclamp_max = Some(Max::Unlimited);
            }),
            &[("cpu.uclamp.min", "12.34"), ("cpu.uclamp.max", "max")],
            &[("cpu.uclamp.min", "12.34"), ("cpu.uclamp.max", "max")],
        );
        // The root has real time to give.
        check(
            &set(|l| {
                l.cpu.rt_period = Some(Micros::new(500_000));
                l.cpu.rt_runtime = Some(Micros::new(1000).into());
            }),
            &[("cpu.rt_period_us", "500000"), ("cpu.rt_runtime_us", "1000")],
            &[],
        );
        // The period that is below the old time has to wait for the new one.
        check(
            &set(|l| {
                l.cpu.rt_period = Some(Micros::new(900));
                l.cpu.rt_runtime = Some(Micros::new(500).into());
            }),
            &[("cpu.rt_period_us", "900"), ("cpu.rt_runtime_us", "500")],
            &[],
        );
    });
}

#[test]
fn cpuset_limits_are_read_back() {
    needs!(root);
    if !has(Controller::Cpuset) {
        return;
    }
    isolated(|| {
        let group = with("cpuset", &[Controller::Cpuset]);
        let check = |limits: &Limits, v1: Files<'_>, v2: Files<'_>| check(&group, Controller::Cpuset, limits, [v1, v2]);
        let one = || IdList::from_iter([0]);
        check(
            &Limits::new().cpus(one()).mems(one()),
            &[("cpuset.cpus", "0"), ("cpuset.mems", "0")],
            &[("cpuset.cpus", "0"), ("cpuset.mems", "0")],
        );
        let flags: [(Flag, &str); 5] = [
            (|l, on| l.cpuset.memory_migrate = Some(on), "cpuset.memory_migrate"),
            (|l, on| l.cpuset.mem_hardwall = Some(on), "cpuset.mem_hardwall"),
            (|l, on| l.cpuset.memory_spread_page = Some(on), "cpuset.memory_spread_page"),
            (|l, on| l.cpuset.memory_spread_slab = Some(on), "cpuset.memory_spread_slab"),
            (|l, on| l.cpuset.sched_load_balance = Some(on), "cpuset.sched_load_balance"),
        ];
        for (flag, file) in flags {
            for on in [true, false] {
                let expected = u8::from(on).to_string();
                check(&set(|l| flag(l, on)), &[(file, &expected)], &[]);
            }
        }
        check(&set(|l| l.cpuset.sched_relax_domain_level = Some(1)), &[("cpuset.sched_relax_domain_level", "1")], &[]);
        check(&set(|l| l.cpuset.cpus_exclusive = Some(one())), &[], &[("cpuset.cpus.exclusive", "0")]);
        if version(Controller::Cpuset) == Version::V1 {
            let beside = with("beside", &[Controller::Cpuset]);
            beside.apply(&Limits::new().cpus(one())).unwrap();
            let error = group.apply(&set(|l| l.cpuset.cpu_exclusive = Some(true))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            let at = directory(&group, Some(Controller::Cpuset));
            said::check("a processor for one group alone that another has", &error, &[(text(&at), "GROUP")]);
            assert_eq!(read(at.join("cpuset.cpu_exclusive")), "0");
            // What is exclusive is so among the groups of one that is.
            let below = directory(&group, Some(Controller::Cpuset)).join("below");
            let path = format!("/{}/below", at.file_name().unwrap().to_str().unwrap());
            let inner = Cgroup::create_with(&Layout::detect().unwrap(), path, [Controller::Cpuset]).unwrap();
            for flag in [(|l, on| l.cpuset.cpu_exclusive = Some(on)) as Flag, |l, on| l.cpuset.mem_exclusive = Some(on)]
            {
                assert_eq!(inner.apply(&set(|l| flag(l, true))).unwrap_err().kind(), ErrorKind::Invalid);
            }
            let error = inner.apply(&set(|l| l.cpuset.cpu_exclusive = Some(true))).unwrap_err();
            said::check(
                "processors for one group alone below one that shares them",
                &error,
                &[(text(&below), "GROUP")],
            );
            inner.remove().unwrap();
            assert_eq!(group.read("cpuset.memory_pressure").unwrap().trim(), "0");
            // An exclusive group would take the processors from all others of the machine: that much is not tried.
            check(&set(|l| l.cpuset.cpu_exclusive = Some(false)), &[("cpuset.cpu_exclusive", "0")], &[]);
            check(&set(|l| l.cpuset.mem_exclusive = Some(false)), &[("cpuset.mem_exclusive", "0")], &[]);
        }
    });
}

#[test]
fn a_partition_that_the_kernel_does_not_make_is_an_error_with_its_reason() {
    needs!(root, cgroup2("cpuset"));
    isolated(|| {
        let group = with("partition", &[Controller::Cpuset]);
        let online = read("/sys/devices/system/cpu/online");
        assert_eq!(group.partition().unwrap().unwrap().partition, Partition::Member);
        // All processors: none would be left to the root.
        let all: IdList = online.parse().unwrap();
        let partition = |cpus: IdList, kind| set(|l| (l.cpuset.cpus, l.cpuset.partition) = (Some(cpus), Some(kind)));
        let child = crate::support::sleeper();
        let error = group.apply(&partition(all.clone(), Partition::Root)).unwrap_err();
        crate::support::end(child);
        assert_eq!(error.kind(), ErrorKind::WrongState);
        assert_eq!(error.applied(), ["cpuset.cpus"]);
        assert!(group.partition().unwrap().unwrap().invalid.is_some());
        group.apply(&set(|l| l.cpuset.partition = Some(Partition::Member))).unwrap();
        if !all.contains(1) {
            return;
        }
        for kind in [Partition::Root, Partition::Isolated, Partition::Member] {
            group
                .apply(&partition(IdList::from_iter([1]), kind))
                .unwrap_or_else(|e| panic!("{kind}: {}", said::all(&e)));
            let state = group.partition().unwrap().unwrap();
            assert_eq!((state.partition, state.invalid), (kind, None));
        }
    });
}

#[test]
fn memory_limits_are_read_back() {
    needs!(root);
    if !has(Controller::Memory) {
        return;
    }
    isolated(|| {
        let group = with("memory", &[Controller::Memory]);
        let check = |limits: &Limits, v1: Files<'_>, v2: Files<'_>| check(&group, Controller::Memory, limits, [v1, v2]);
        let mib = "1048576";
        check(&Limits::new().memory_max(MIB), &[("memory.limit_in_bytes", mib)], &[("memory.max", mib)]);
        check(&Limits::new().memory_low(MIB), &[("memory.soft_limit_in_bytes", mib)], &[("memory.low", mib)]);
        check(&Limits::new().memory_high(MIB), &[], &[("memory.high", mib)]);
        check(&Limits::new().memory_min(MIB), &[], &[("memory.min", mib)]);
        check(&Limits::new().swap_max(MIB), &[("memory.memsw.limit_in_bytes", "2097152")], &[("memory.swap.max", mib)]);
        check(&set(|l| l.memory.swap_high = Some(MIB.into())), &[], &[("memory.swap.high", mib)]);
        check(&set(|l| l.memory.zswap_max = Some(MIB.into())), &[], &[("memory.zswap.max", mib)]);
        check(&set(|l| l.memory.zswap_writeback = Some(false)), &[], &[("memory.zswap.writeback", "0")]);
        check(&set(|l| l.memory.oom_group = Some(true)), &[], &[("memory.oom.group", "1")]);
        check(&set(|l| l.memory.swappiness = Some(7)), &[("memory.swappiness", "7")], &[]);
        check(&set(|l| l.memory.kernel_tcp = Some(MIB.into())), &[("memory.kmem.tcp.limit_in_bytes", mib)], &[]);
        if version(Controller::Memory) == Version::V1 {
            for (kills, disabled) in [(false, "oom_kill_disable 1"), (true, "oom_kill_disable 0")] {
                group.apply(&set(|l| l.memory.oom_kill = Some(kills))).unwrap();
                let text = read(directory(&group, Some(Controller::Memory)).join("memory.oom_control"));
                assert!(text.starts_with(disabled), "{text}");
            }
        }
    });
}

#[test]
fn io_limits_are_read_back_and_a_device_that_is_not_there_is_named() {
    needs!(root);
    if !has(Controller::Io) {
        return;
    }
    let Some(disk) = disk() else { return };
    isolated(|| {
        let group = with("io", &[Controller::Io]);
        let check = |limits: &Limits, v1: Files<'_>, v2: Files<'_>| check(&group, Controller::Io, limits, [v1, v2]);
        let line = |number: &str| format!("{disk} {number}");
        let limits = Limits::new().device(disk, |disk| {
            disk.read_bytes = Some(MIB.into());
            disk.write_bytes = Some((2 * MIB).into());
            disk.reads = Some(100.into());
            disk.writes = Some(200.into());
        });
        check(
            &limits,
            &[
                ("blkio.throttle.read_bps_device", &line("1048576")),
                ("blkio.throttle.write_bps_device", &line("2097152")),
                ("blkio.throttle.read_iops_device", &line("100")),
                ("blkio.throttle.write_iops_device", &line("200")),
            ],
            &[("io.max", &line("rbps=1048576 wbps=2097152 riops=100 wiops=200"))],
        );
        // Some of them none, the others left alone.
        let limits = Limits::new().device(disk, |disk| {
            disk.read_bytes = Some(Max::Unlimited);
            disk.reads = Some(Max::Unlimited);
        });
        check(
            &limits,
            &[
                ("blkio.throttle.read_bps_device", ""),
                ("blkio.throttle.write_bps_device", &line("2097152")),
                ("blkio.throttle.read_iops_device", ""),
            ],
            &[("io.max", &line("rbps=max wbps=2097152 riops=max wiops=200"))],
        );
        check(&Limits::new().io_weight(Weight::new(200)), &[("blkio.weight", "30")], &[("io.weight", "default 200")]);
        check(
            &set(|l| l.io.bfq_weight = Some(Weight::new(200))),
            &[("blkio.bfq.weight", "200")],
            &[("io.bfq.weight", "default 200")],
        );
        let latency = Limits::new().device(disk, |disk| disk.latency = Some(Micros::new(75_000).into()));
        check(&latency, &[], &[("io.latency", &line("target=75000"))]);

        let at = directory(&group, Some(Controller::Io));
        let nowhere =
            Limits::new().pids_max(9).device(DeviceNumber::new(8, 12_345), |disk| disk.reads = Some(9.into()));
        let mut nowhere = nowhere;
        nowhere.pids = Limits::new().pids;
        let error = group.apply(&nowhere).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(libc::ENODEV)));
        if version(Controller::Io) == Version::V1 {
            said::check("a device that is not there", &error, &[(text(&at), "GROUP")]);
        }
        // A weight for a scheduler that the device does not have.
        let scheduler = Limits::new().device(disk, |disk| disk.bfq_weight = Some(Weight::new(200)));
        let error = group.apply(&scheduler).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", said::all(&error));
        // Debian has BFQ as a module, without which there is no such file.
        if version(Controller::Io) == Version::V1 && error.errno() == Some(libc::ENOENT) {
            said::check(
                "a weight for a scheduler that is not loaded",
                &error,
                &[(text(&at), "GROUP"), (&disk.to_string(), "DISK")],
            );
        } else if version(Controller::Io) == Version::V1 {
            said::check("a weight for another scheduler", &error, &[(text(&at), "GROUP"), (&disk.to_string(), "DISK")]);
        }
        let lacks = group.apply_possible(&scheduler).unwrap();
        assert_eq!(lacks[0].limit().unwrap(), format!("io.devices.{disk}.bfq_weight"));
    });
}

#[test]
fn limits_of_huge_pages_are_read_back() {
    needs!(root);
    if !has(Controller::Hugetlb) {
        return;
    }
    isolated(|| {
        let group = with("huge", &[Controller::Hugetlb]);
        let limits = Limits::new().hugetlb_max(2 * MIB, 5 * MIB);
        check(
            &group,
            Controller::Hugetlb,
            &limits,
            // Whole pages.
            [&[("hugetlb.2MB.limit_in_bytes", "4194304")], &[("hugetlb.2MB.max", "4194304")]],
        );
        let limits = set(|l| l.hugetlb.entry(2 * MIB).or_default().reserved = Some((6 * MIB).into()));
        check(
            &group,
            Controller::Hugetlb,
            &limits,
            [&[("hugetlb.2MB.rsvd.limit_in_bytes", "6291456")], &[("hugetlb.2MB.rsvd.max", "6291456")]],
        );
        let none = Limits::new().hugetlb_max(2 * MIB, Max::Unlimited).hugetlb_max(64 * MIB, MIB);
        let lacks = group.apply_possible(&none).unwrap();
        assert_eq!(
            lacks.iter().map(|lack| (lack.limit(), lack.reason())).collect::<Vec<_>>(),
            [(Some("hugetlb.64MB.max"), Reason::NoSuchFile)]
        );
        let error = group.apply(&none).unwrap_err();
        assert_eq!(error.applied(), ["hugetlb.2MB.max"]);
        let at = directory(&group, Some(Controller::Hugetlb));
        let file = match version(Controller::Hugetlb) {
            Version::V1 => "hugetlb.64MB.limit_in_bytes",
            Version::V2 => "hugetlb.64MB.max",
        };
        said::check("huge pages of a size that is not there", &error, &[(text(&at), "GROUP"), (file, "FILE")]);
    });
}

/// No machine of ours has any: what is written is refused, and the refusal explained.
#[test]
fn a_device_or_resource_that_the_machine_does_not_have_is_named() {
    needs!(root, cgroup2("rdma"), cgroup2("misc"));
    isolated(|| {
        let group = with("countable", &[Controller::Rdma, Controller::Misc]);
        let at = directory(&group, None);
        let misc = group.apply(&set(|l| assert!(l.misc.insert("nothing".into(), 5.into()).is_none()))).unwrap_err();
        said::check("a resource that the machine does not count", &misc, &[(text(&at), "GROUP")]);
        let rdma = set(|l| l.rdma.entry("mlx5_9".into()).or_default().hca_handle = Some(2.into()));
        let error = group.apply(&rdma).unwrap_err();
        said::check("an RDMA device that is not there", &error, &[(text(&at), "GROUP")]);
        assert_eq!((group.read("rdma.max").unwrap(), group.read("misc.max").unwrap()), (String::new(), String::new()));
    });
}

/// Those of version 1 that few machines have mounted; a mount of our own is gone with the box.
#[test]
fn marks_on_packets_are_read_back() {
    needs!(root);
    let offered = |name: &str| fs::read_to_string("/proc/cgroups").unwrap().contains(&format!("{name}\t0\t"));
    let known = |name: &str| fs::read_to_string("/proc/cgroups").unwrap().contains(&format!("{name}\t"));
    let mounted = Layout::detect().unwrap().of(Controller::NetCls).is_some_and(|found| found.version() == Version::V1);
    if mounted || !["net_cls", "net_prio"].into_iter().all(known) {
        return;
    }
    isolated(|| {
        let scratch = std::env::temp_dir().join(needs::token());
        fs::create_dir(&scratch).unwrap();
        run("mount", &["-t", "cgroup", "-o", "net_cls,net_prio", "skep", text(&scratch)]);
        {
            let group = with("net", &[Controller::NetCls, Controller::NetPrio]);
            let limits = set(|l| {
                l.net.class_id = Some(0x0010_0001);
                l.net.priorities.insert("lo".to_owned(), 5);
            });
            check(&group, Controller::NetCls, &limits, [&[("net_cls.classid", "1048577")], &[]]);
            let at = directory(&group, Some(Controller::NetPrio));
            assert!(read(at.join("net_prio.ifpriomap")).lines().any(|line| line == "lo 5"));
            let error =
                group.apply(&set(|l| assert!(l.net.priorities.insert("nowhere0".into(), 1).is_none()))).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{}", said::all(&error));
        }
        run("umount", &[text(&scratch)]);
        // A hierarchy stays, unmounted, if a group in it was still about to go: until it is unmounted once more. One that
        // is itself about to go is left to it, or the next mount makes it anew.
        let gone = || {
            let wait = |_| std::thread::sleep(std::time::Duration::from_millis(20));
            (0..50).any(|at| ["net_cls", "net_prio"].into_iter().all(offered) || (wait(at), false).1)
        };
        for _ in 0..5 {
            if gone() {
                break;
            }
            run("mount", &["-t", "cgroup", "-o", "net_cls,net_prio", "skep", text(&scratch)]);
            run("umount", &[text(&scratch)]);
        }
        fs::remove_dir(&scratch).unwrap();
    });
}

#[test]
fn what_an_application_did_before_it_failed_is_said() {
    needs!(root);
    if !has(Controller::Cpuset) || !has(Controller::Pids) {
        return;
    }
    isolated(|| {
        let group = create("middle");
        // No machine has processor 8191, and only the kernel knows.
        let limits =
            Limits::new().pids_max(9).memory_max(64 * MIB).cpus(IdList::from_iter([8191])).mems(IdList::from_iter([0]));
        let error = group.apply(&limits).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{}", said::all(&error));
        assert_eq!(error.applied(), ["cpuset.mems"]);
        let at = directory(&group, Some(Controller::Cpuset));
        said::check("a processor that is not there", &error, &[(text(&at), "GROUP")]);
        assert_eq!(group.stat().unwrap().pids.max, Some(Max::Unlimited));
    });
}

#[test]
fn the_numbers_of_a_node_are_those_of_its_device() {
    let null = DeviceNumber::of_rdev(fs::metadata("/dev/null").unwrap().rdev());
    assert_eq!(null, DeviceNumber::new(1, 3));
}

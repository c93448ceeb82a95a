// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of limits as values; nothing here asks the kernel.

use std::collections::HashSet;

use super::{DeviceIoLimits, Key, Limits, RdmaLimits, Setting};
use crate::controller::Controller;
use crate::devices::{DeviceRules, Devices};
use crate::layout::{Lack, Reason, Version};
use crate::value::{Bytes, DeviceNumber, IdList, KIB, MIB, Max, Micros, Partition, Percent, Quota, Weight};

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let limits = Limits::new()
        .memory_max(KIB)
        .pids_max(0)
        .cpu(Quota::new(Micros::new(500), Micros::new(2_000_000)))
        .cpu_weight(Weight::new(0))
        .cpus(IdList::default())
        .mems(IdList::default())
        .devices(DeviceRules::deny_all().allow(Devices::char(4096, None)));
    assert_eq!(
        limits.problems(),
        [
            "cpu.quota has a period of 2000000 µs: the kernel takes 1000 µs (1 ms) to 1000000 µs (1 s)",
            "cpu.quota 500 µs of each 2000000 µs is below the 1000 µs (1 ms) that the kernel takes",
            "cpu.weight 0 is not from 1 to 10000",
            "cpuset.cpus is empty: nothing could run",
            "cpuset.mems is empty: nothing could have memory",
            "memory.max 1 KiB is below the 1 MiB the kernel needs to start a process",
            "pids.max 0 lets no process start",
            "devices.rules[0] has the major number 4096, and the kernel's end at 4095",
        ]
    );
    let error = limits.check().unwrap_err();
    assert_eq!((error.to_string().as_str(), error.problems().len()), ("cannot use limits", 8));
}

#[test]
fn a_number_that_no_kernel_has_is_a_problem_and_costs_nothing() {
    let limits = Limits::new().cpus(IdList::new([0..=u32::MAX])).mems(IdList::from_iter([1, 8192]));
    let mut more = limits.clone();
    more.cpuset.cpus_exclusive = Some(IdList::from_iter([u32::MAX]));
    let expected = [
        "cpuset.cpus has the number 4294967295, and no kernel goes beyond 8191",
        "cpuset.mems has the number 8192, and no kernel goes beyond 8191",
        "cpuset.cpus_exclusive has the number 4294967295, and no kernel goes beyond 8191",
    ];
    assert_eq!(more.problems(), expected);
    assert_eq!(Limits::new().cpus(IdList::new([0..=8191])).problems(), [""; 0]);
    // Properties are made even of what has problems.
    #[cfg(feature = "systemd")]
    {
        let spec = crate::systemd::UnitSpec::new("web.scope").process(1).limits(limits);
        assert_eq!(spec.problems(), expected[..2].iter().map(|line| format!("limits.{line}")).collect::<Vec<_>>());
    }
}

#[test]
fn the_bounds_themselves_are_good() {
    let good = [
        Limits::new(),
        Limits::new().memory_max(MIB).memory_high(Bytes::new(0)).swap_max(Bytes::new(0)),
        Limits::new().memory_max(Max::Unlimited).pids_max(Max::Unlimited).cpu(Quota::UNLIMITED),
        Limits::new().pids_max(1).cpu(Quota::new(Micros::new(1000), Micros::new(1000))),
        Limits::new().pids_max(4_194_304).cpu(Quota::new(Micros::new((1 << 44) - 1), Micros::new(1_000_000))),
        Limits::new().cpu_weight(Weight::new(1)),
        Limits::new().cpu_weight(Weight::new(10_000)),
    ];
    for limits in good {
        assert_eq!(limits.problems(), Vec::<String>::new());
    }
    let bad = [
        Limits::new().memory_max(Bytes::new((1 << 20) - 1)),
        Limits::new().pids_max(4_194_305),
        Limits::new().cpu(Quota::new(Micros::new(999), Micros::new(1000))),
        Limits::new().cpu(Quota::new(Micros::new(1000), Micros::new(999))),
        Limits::new().cpu(Quota::new(Max::Unlimited, Micros::new(1_000_001))),
        Limits::new().cpu(Quota::new(Micros::new(1 << 44), Micros::new(1_000_000))),
        Limits::new().cpu_weight(Weight::new(10_001)),
    ];
    for limits in bad {
        assert_eq!(limits.problems().len(), 1, "{limits:?}");
    }
}

/// Every limit there is, set.
fn every() -> Limits {
    let mut limits = Limits::new()
        .memory_max(64 * MIB)
        .memory_high(60 * MIB)
        .memory_low(8 * MIB)
        .memory_min(4 * MIB)
        .swap_max(Max::Unlimited)
        .pids_max(128)
        .cpu(Quota::millicpus(1500))
        .cpu_burst(Micros::from_millis(50))
        .cpu_weight(Weight::new(200))
        .cpus(IdList::from_iter([0]))
        .mems(IdList::from_iter([0]))
        .devices(DeviceRules::standard())
        .io_weight(Weight::new(50))
        .hugetlb_max(2 * MIB, 10 * MIB)
        .device(DeviceNumber::new(8, 0), |disk| {
            *disk = DeviceIoLimits {
                weight: Some(Weight::new(300)),
                bfq_weight: Some(Weight::new(400)),
                latency: Some(Micros::new(75).into()),
                read_bytes: Some((10 * MIB).into()),
                write_bytes: Some(Max::Unlimited),
                reads: Some(100.into()),
                writes: Some(200.into()),
            };
        });
    limits.hugetlb.get_mut(&(2 * MIB)).unwrap().reserved = Some(Max::Unlimited);
    limits.cpu.idle = Some(false);
    limits.cpu.shares = Some(512);
    limits.cpu.rt_runtime = Some(Max::Unlimited);
    limits.cpu.rt_period = Some(Micros::from_millis(1000));
    limits.cpu.uclamp_min = Some(Percent::from_hundredths(1234).into());
    limits.cpu.uclamp_max = Some(Max::Unlimited);
    limits.cpuset.cpus_exclusive = Some(IdList::from_iter([1]));
    limits.cpuset.partition = Some(Partition::Isolated);
    limits.cpuset.cpu_exclusive = Some(true);
    limits.cpuset.mem_exclusive = Some(false);
    limits.cpuset.mem_hardwall = Some(true);
    limits.cpuset.memory_migrate = Some(true);
    limits.cpuset.memory_spread_page = Some(true);
    limits.cpuset.memory_spread_slab = Some(true);
    limits.cpuset.sched_load_balance = Some(false);
    limits.cpuset.sched_relax_domain_level = Some(-1);
    limits.memory.swap_high = Some(MIB.into());
    limits.memory.zswap_max = Some(MIB.into());
    limits.memory.zswap_writeback = Some(false);
    limits.memory.oom_group = Some(true);
    limits.memory.oom_kill = Some(false);
    limits.memory.swappiness = Some(60);
    limits.memory.kernel_tcp = Some(Max::Unlimited);
    limits.io.bfq_weight = Some(Weight::new(1000));
    limits
        .rdma
        .insert("mlx5_0".to_owned(), RdmaLimits { hca_handle: Some(2.into()), hca_object: Some(Max::Unlimited) });
    limits.misc.insert("sev".to_owned(), 5.into());
    limits.net.class_id = Some(0x0010_0001);
    limits.net.priorities.insert("lo".to_owned(), 5);
    limits
}

#[test]
fn every_limit_is_a_setting_of_its_own() {
    let settings = every().settings();
    let keys: HashSet<_> = settings.iter().map(|setting| setting.key as usize).collect();
    assert_eq!(keys.len(), Key::Devices as usize + 1);
    let places: HashSet<_> = settings.iter().map(Setting::place).collect();
    assert_eq!((places.len(), settings.len()), (keys.len(), keys.len()));
    assert!(Limits::new().settings().is_empty() && Limits::new().is_empty());
}

#[test]
fn every_limit_has_a_file_of_its_controller() {
    for setting in every().settings() {
        let controller = setting.key.controller().to_string();
        let files = [Version::V1, Version::V2].map(|version| setting.file(version));
        assert!(files.iter().any(Option::is_some), "{}", setting.place());
        for file in files.into_iter().flatten() {
            let prefix = file.split('.').next().unwrap().replace("blkio", "io");
            assert_eq!(prefix, controller, "{}", setting.place());
            assert!(!file.contains('*'));
        }
    }
}

/// The text of each limit as the kernel's documentation has it.
#[test]
fn every_limit_is_written_as_its_file_takes_it() {
    // The lines of devices depend on what the group has.
    let settings = every().settings();
    let settings: Vec<_> = settings.into_iter().filter(|setting| setting.key != Key::Devices).collect();
    let said = |version: Version| -> Vec<String> {
        let line = |setting: &Setting| Some(format!("{} <- {}", setting.file(version)?, setting.line(version)));
        settings.iter().filter_map(line).collect()
    };
    let lines = said(Version::V2).join("\n") + "\n\n" + &said(Version::V1).join("\n") + "\n";
    assert_eq!(lines, include_str!("lines.txt"), "{lines}");
}

#[test]
fn every_limit_that_is_set_is_shown_and_can_be_left_out() {
    let limits = Limits::new().memory_max(64 * MIB).pids_max(128).cpu(Quota::millicpus(1500));
    assert_eq!(limits.to_string(), "cpu.quota 150000 100000, memory.max 64 MiB, pids.max 128");
    let devices = Limits::new().devices("allow a; deny b 8:* w".parse().unwrap()).pids_max(1);
    assert_eq!(devices.to_string(), "pids.max 1, devices allow a; deny b 8:* w");
    assert_eq!(Limits::new().to_string(), "");
    let mut each = every();
    let settings = each.settings();
    for (number, setting) in settings.iter().enumerate() {
        each.unset(setting);
        assert_eq!(each.settings().len(), settings.len() - 1 - number, "{}", setting.place());
    }
    assert_eq!(each, Limits::new());
    assert_eq!(limits.without(&[]), limits);
    let lack = |setting: &Setting| Lack::of(setting, Reason::NoSuchFile, None);
    assert!(every().without(&settings.iter().map(lack).collect::<Vec<_>>()).is_empty());
}

#[test]
fn what_no_kernel_takes_is_a_problem_of_its_own() {
    let with = |set: &dyn Fn(&mut Limits)| {
        let mut limits = Limits::new();
        set(&mut limits);
        limits.problems().join("; ")
    };
    let disk = |set: &dyn Fn(&mut DeviceIoLimits)| {
        with(&|limits| *limits = Limits::new().device(DeviceNumber::new(8, 16), set))
    };
    let table = [
        (with(&|limits| limits.cpu.shares = Some(1)), "cpu.shares 1 is not from 2 to 262144"),
        (with(&|limits| limits.cpu.shares = Some(262_145)), "cpu.shares 262145 is not from 2 to 262144"),
        (
            with(&|limits| (limits.cpu.shares, limits.cpu.weight) = (Some(2), Some(Weight::DEFAULT))),
            "cpu.shares is the same as cpu.weight in other numbers: set one of them",
        ),
        (
            with(&|limits| (limits.cpu.idle, limits.cpu.weight) = (Some(true), Some(Weight::DEFAULT))),
            "cpu.idle gives the group the least weight there is: leave its weight alone",
        ),
        (
            with(&|limits| *limits = Limits::new().cpu(Quota::millicpus(500)).cpu_burst(Micros::new(50_001))),
            "cpu.burst 50001 µs is more than the 50000 µs of cpu.quota",
        ),
        (with(&|limits| limits.cpu.rt_period = Some(Micros::new(0))), "cpu.rt_period 0 µs is no period"),
        (
            with(&|limits| {
                limits.cpu.rt_period = Some(Micros::new(10));
                limits.cpu.rt_runtime = Some(Micros::new(11).into());
            }),
            "cpu.rt_runtime 11 µs is more than the 10 µs of cpu.rt_period",
        ),
        (
            with(&|limits| limits.cpu.uclamp_min = Some(Percent::from_hundredths(10_001).into())),
            "cpu.uclamp_min 100.01 is more than 100.00, the whole",
        ),
        (
            with(&|limits| limits.cpuset.sched_relax_domain_level = Some(6)),
            "cpuset.sched_relax_domain_level 6 is not from -1 to 5",
        ),
        (with(&|limits| limits.memory.swappiness = Some(201)), "memory.swappiness 201 is not from 0 to 200"),
        (with(&|limits| limits.io.weight = Some(Weight::new(0))), "io.weight 0 is not from 1 to 10000"),
        (with(&|limits| limits.io.bfq_weight = Some(Weight::new(1001))), "io.bfq_weight 1001 is not from 1 to 1000"),
        (
            disk(&|disk| disk.bfq_weight = Some(Weight::new(1001))),
            "io.devices.8:16.bfq_weight 1001 is not from 1 to 1000",
        ),
        (
            disk(&|disk| disk.read_bytes = Some(Bytes::new(1).into())),
            "io.devices.8:16.read_bytes 1 in a second is below the 2 that the kernel takes",
        ),
        (
            disk(&|disk| disk.writes = Some((1 << 32).into())),
            "io.devices.8:16.writes 4294967296 in a second is more than the 4294967295 that the kernel takes; unlimited is \"max\"",
        ),
        (
            with(&|limits| *limits = Limits::new().hugetlb_max(3 * MIB, MIB)),
            "hugetlb.3 MiB is no size of huge pages: write 2MB or 1GB",
        ),
        (
            with(&|limits| assert!(limits.misc.insert("a b".to_owned(), 1.into()).is_none())),
            "misc has the name \"a b\", which is empty or has spaces in it",
        ),
        (
            with(&|limits| assert!(limits.rdma.insert(String::new(), RdmaLimits::default()).is_none())),
            "rdma has the name \"\", which is empty or has spaces in it",
        ),
        (
            with(&|limits| assert!(limits.net.priorities.insert("eth0\n".to_owned(), 1).is_none())),
            "net.priorities has the name \"eth0\\n\", which is empty or has spaces in it",
        ),
    ];
    for (said, expected) in table {
        assert_eq!(said, expected);
    }
}

#[test]
fn a_controller_is_named_once_and_only_if_it_is_needed() {
    use Controller::{Cpu, Cpuset, Devices, Hugetlb, Io, Memory, Misc, NetCls, NetPrio, Pids, Rdma};
    let all = [Cpu, Cpuset, Memory, Io, Pids, Hugetlb, Rdma, Misc, NetCls, NetPrio, Devices];
    assert_eq!(every().controllers().collect::<Vec<_>>(), all);
    assert_eq!(Limits::new().swap_max(MIB).memory_max(MIB).controllers().collect::<Vec<_>>(), [Memory]);
    assert_eq!(Limits::new().controllers().count(), 0);
}

#[cfg(feature = "serde")]
#[test]
fn serde_keeps_every_limit_and_refuses_unknown_names() {
    use serde_json::{from_value, json, to_value};

    assert_eq!(from_value::<Limits>(to_value(every()).unwrap()).unwrap(), every());
    let short = json!({"memory": {"max": "512M", "swap": "max"}, "pids": {"max": 128}, "cpu": {"quota": "1.5"}});
    let limits = Limits::new().memory_max(512 * MIB).swap_max(Max::Unlimited).pids_max(128).cpu(Quota::millicpus(1500));
    assert_eq!(from_value::<Limits>(short).unwrap(), limits);
    assert_eq!(from_value::<Limits>(json!({})).unwrap(), Limits::new());
    assert!(from_value::<Limits>(json!({"memory": {"maximum": 1}})).is_err());
    let more = json!({
        "cpu": {"shares": 512, "uclamp_min": 12.25, "uclamp_max": "50.5"},
        "cpuset": {"partition": "isolated"},
        "io": {"devices": {"8:0": {"read_bytes": "10M", "reads": "max"}}},
        "hugetlb": {"2MB": {"max": "1G"}},
        "misc": {"sev": 5},
        "net": {"class_id": 1, "priorities": {"lo": 5}},
    });
    let limits = from_value::<Limits>(more).unwrap();
    assert_eq!(limits.io.devices[&DeviceNumber::new(8, 0)].read_bytes, Some(Max::Limit(10 * MIB)));
    assert_eq!(limits.hugetlb[&(2 * MIB)].max, Some(Max::Limit(1024 * MIB)));
    assert_eq!(limits.cpu.uclamp_max, Some(Max::Limit(Percent::from_hundredths(5050))));
    assert_eq!(limits.cpu.uclamp_min, Some(Max::Limit(Percent::from_hundredths(1225))));
    assert_eq!(limits.settings().len(), 10);
}

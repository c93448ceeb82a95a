// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of limits as values; nothing here asks the kernel.

use std::collections::HashSet;

use super::{Key, Limits};
use crate::controller::Controller;
use crate::value::{Bytes, IdList, KIB, MIB, Max, Micros, Quota, Weight};

#[test]
fn every_problem_is_told_at_once_with_its_place() {
    let limits = Limits::new()
        .memory_max(KIB)
        .pids_max(0)
        .cpu(Quota::new(Micros::new(500), Micros::new(2_000_000)))
        .cpu_weight(Weight::new(0))
        .cpus(IdList::default())
        .mems(IdList::default());
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
        ]
    );
    let error = limits.check().unwrap_err();
    assert_eq!((error.to_string().as_str(), error.problems().len()), ("cannot use limits", 7));
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
    Limits::new()
        .memory_max(64 * MIB)
        .memory_high(60 * MIB)
        .memory_low(8 * MIB)
        .memory_min(4 * MIB)
        .swap_max(Max::Unlimited)
        .pids_max(128)
        .cpu(Quota::millicpus(1500))
        .cpu_weight(Weight::new(200))
        .cpus(IdList::from_iter([0]))
        .mems(IdList::from_iter([0]))
}

#[test]
fn every_limit_is_a_setting_of_its_own() {
    let keys: Vec<Key> = every().settings().iter().map(|setting| setting.key).collect();
    assert_eq!(keys.len(), Key::ALL.len());
    assert!(Key::ALL.iter().all(|key| keys.contains(key)));
    let places: HashSet<_> = Key::ALL.map(Key::place).into();
    assert_eq!(places.len(), Key::ALL.len());
    assert!(Limits::new().settings().is_empty() && Limits::new().is_empty());
}

#[test]
fn a_controller_is_named_once_and_only_if_it_is_needed() {
    use Controller::{Cpu, Cpuset, Memory, Pids};
    assert_eq!(every().controllers().collect::<Vec<_>>(), [Cpu, Cpuset, Memory, Pids]);
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
}

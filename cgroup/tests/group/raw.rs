// SPDX-License-Identifier: MIT OR Apache-2.0
//! Raw files: under the names of either version, whichever the machine has.

use needs::{isolated, needs};
use skep_cgroup::{Cgroup, Controller, ErrorKind, Layout, LayoutKind, Version};

use crate::support::{Swept, create, directory, has, name, only, said, text};

fn with(word: &str, controllers: &[Controller]) -> Swept {
    Swept(Cgroup::create_with(&Layout::detect().unwrap(), name(word), controllers.iter().copied()).unwrap())
}

/// A file, a value for it, and what other files are to say then.
type Step<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// Writes each value under its name, and reads the same under all names that follow.
#[track_caller]
fn check(group: &Cgroup, steps: &[Step<'_>]) {
    for (file, value, expected) in steps {
        group.write(file, value).unwrap_or_else(|error| panic!("{file} {value}: {}", said::all(&error)));
        for (file, expected) in *expected {
            let said = group.read(file).unwrap_or_else(|error| panic!("{file}: {}", said::all(&error)));
            assert_eq!(said, *expected, "{file} after {value}");
        }
    }
}

#[test]
fn files_of_the_processor_have_both_names() {
    needs!(root);
    if !has(Controller::Cpu) {
        return;
    }
    isolated(|| {
        let group = with("raw-cpu", &[Controller::Cpu]);
        check(
            &group,
            &[
                ("cpu.weight", "100", &[("cpu.weight", "100"), ("cpu.shares", "1024")]),
                ("cpu.shares", "2", &[("cpu.weight", "1"), ("cpu.shares", "2")]),
                ("cpu.shares", "262144", &[("cpu.weight", "10000"), ("cpu.shares", "262144")]),
                ("cpu.max", "50000 200000", &[("cpu.cfs_quota_us", "50000"), ("cpu.cfs_period_us", "200000")]),
                ("cpu.cfs_quota_us", "60000", &[("cpu.max", "60000 200000")]),
                ("cpu.cfs_period_us", "100000", &[("cpu.max", "60000 100000")]),
                ("cpu.cfs_quota_us", "-1", &[("cpu.max", "max 100000"), ("cpu.cfs_quota_us", "-1")]),
                ("cpu.max", "70000", &[("cpu.max", "70000 100000")]),
                ("cpu.max", "max", &[("cpu.max", "max 100000")]),
            ],
        );
        for (file, value) in
            [("cpu.weight", "x"), ("cpu.shares", "-1"), ("cpu.max", "1.5"), ("cpu.cfs_quota_us", "much")]
        {
            assert_eq!(group.write(file, value).unwrap_err().kind(), ErrorKind::Invalid, "{file}");
        }
    });
}

#[test]
fn files_of_memory_have_both_names() {
    needs!(root);
    if !has(Controller::Memory) {
        return;
    }
    isolated(|| {
        let group = with("raw-memory", &[Controller::Memory]);
        let unlimited = "9223372036854771712";
        check(
            &group,
            &[
                ("memory.max", "16M", &[("memory.max", "16777216"), ("memory.limit_in_bytes", "16777216")]),
                ("memory.limit_in_bytes", "8M", &[("memory.max", "8388608")]),
                ("memory.low", "1M", &[("memory.soft_limit_in_bytes", "1048576")]),
                ("memory.soft_limit_in_bytes", "-1", &[("memory.low", "max")]),
                ("memory.memsw.limit_in_bytes", "9M", &[("memory.swap.max", "1048576")]),
                ("memory.swap.max", "2M", &[("memory.memsw.limit_in_bytes", "10485760")]),
                ("memory.memsw.limit_in_bytes", "-1", &[("memory.swap.max", "max")]),
                ("memory.limit_in_bytes", "-1", &[("memory.max", "max"), ("memory.limit_in_bytes", unlimited)]),
            ],
        );
        assert_eq!(
            (group.read("memory.current").unwrap(), group.read("memory.usage_in_bytes").unwrap()),
            ("0".into(), "0".into())
        );
        let error = group.write("memory.max", "lots").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    });
}

#[test]
fn files_of_devices_have_both_names() {
    needs!(root);
    if !has(Controller::Io) {
        return;
    }
    let Some(disk) = crate::support::disk::disk() else { return };
    isolated(|| {
        let group = with("raw-io", &[Controller::Io]);
        let all = format!("{disk} rbps=1048576 wbps=max riops=max wiops=50");
        let [bps, iops] = [format!("{disk} 1048576"), format!("{disk} 50")];
        check(
            &group,
            &[
                (
                    "io.max",
                    &all,
                    &[
                        ("io.max", &all),
                        ("blkio.throttle.read_bps_device", &bps),
                        ("blkio.throttle.write_bps_device", ""),
                        ("blkio.throttle.write_iops_device", &iops),
                    ],
                ),
                (
                    "blkio.throttle.write_iops_device",
                    &format!("{disk} 0"),
                    &[("io.max", &format!("{disk} rbps=1048576 wbps=max riops=max wiops=max"))],
                ),
                ("blkio.throttle.read_bps_device", &format!("{disk} 0"), &[("io.max", "")]),
            ],
        );
        for (file, value) in [("io.max", &*format!("{disk} rate=5")), ("blkio.throttle.read_bps_device", "5")] {
            assert_eq!(group.write(file, value).unwrap_err().kind(), ErrorKind::Invalid, "{file} {value}");
        }
    });
}

#[test]
fn a_group_is_frozen_by_either_name() {
    needs!(root);
    if !has(Controller::Freezer) {
        return;
    }
    isolated(|| {
        // On a hybrid machine a group is frozen in either of two hierarchies, each under its own name.
        if Layout::detect().unwrap().kind() == LayoutKind::Hybrid {
            only(Version::V1);
        }
        let group = create("raw-freezer");
        check(&group, &[("freezer.state", "FROZEN", &[("cgroup.freeze", "1")])]);
        check(&group, &[("cgroup.freeze", "0", &[("freezer.state", "THAWED")])]);
        assert_eq!(group.write("freezer.state", "ICE").unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn files_with_one_name_are_read_and_written_as_they_are() {
    needs!(root);
    if !has(Controller::Pids) {
        return;
    }
    isolated(|| {
        let group = create("raw-names");
        check(&group, &[("pids.max", "7", &[("pids.max", "7")]), ("pids.max", "max", &[("pids.max", "max")])]);
        assert_eq!(group.read("cgroup.procs").unwrap(), "");
        // Threads, under the name of either version.
        assert_eq!(group.read("tasks").unwrap(), group.read("cgroup.threads").unwrap());
        for bad in ["", "../pids.max", "passwd", "pids", "pids.max/x"] {
            assert_eq!(group.read(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
            assert_eq!(group.write(bad, "1").unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
        let error = group.read("pids.nothing").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let at = directory(&group, Some(Controller::Pids));
        said::check("a control file that is not there", &error, &[(text(&at), "GROUP")]);
        // It is not made either.
        assert_eq!(group.write("pids.nothing", "1").unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(!at.join("pids.nothing").exists());
    });
}

#[test]
fn a_value_that_cannot_be_translated_says_why() {
    needs!(root, cgroup1("memory"));
    isolated(|| {
        let group = with("raw-swap", &[Controller::Memory]);
        let at = directory(&group, Some(Controller::Memory));
        assert_eq!(Layout::detect().unwrap().of(Controller::Memory).unwrap().version(), Version::V1);
        let error = group.write("memory.swap.max", "much").unwrap_err();
        said::check("an amount that is none", &error, &[(text(&at), "GROUP")]);
        let error = group.write("memory.high", "1M").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    });
}

/// Version 2 limits swap alone, and so cannot limit the sum where memory is not limited.
#[test]
fn memory_and_swap_together_take_a_limit_of_memory() {
    needs!(root, cgroup2("memory"));
    isolated(|| {
        let group = with("raw-memsw", &[Controller::Memory]);
        let error = group.write("memory.memsw.limit_in_bytes", "9M").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.hint().is_some());
        group.write("memory.max", "10M").unwrap();
        assert_eq!(group.write("memory.memsw.limit_in_bytes", "9M").unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn a_controller_that_the_group_does_not_have_is_named() {
    needs!(root, cgroup2("pids"));
    isolated(|| {
        let above = with("raw-above", &[Controller::Pids]);
        let group = Cgroup::create(format!("{}/below", name("raw-above"))).unwrap();
        let error = group.read("pids.max").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let at = directory(&group, None);
        said::check("a file of a controller that the group does not have", &error, &[(text(&at), "GROUP")]);
        drop(above);
    });
}

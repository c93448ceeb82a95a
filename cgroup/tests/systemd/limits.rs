// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits that systemd sets, those that we set for it, and those that cannot be had.

use needs::needs;
use skep_cgroup::systemd::Systemd;
use skep_cgroup::{DeviceNumber, DeviceRules, ErrorKind, Layout, Limits, MIB, Quota, Version};

use crate::support::{LONG, asking, go, said, sh, spec, start};

#[test]
fn limits_of_a_description_are_in_the_files_and_can_be_changed() {
    needs!(root, systemd, cgroup("memory"), cgroup("pids"), cgroup("cpu"));
    asking(|| {
        let mut child = sh("exec sleep 600");
        let limits = Limits::new().memory_max(32 * MIB).pids_max(20).cpu(Quota::millicpus(500));
        let scope = start(&Systemd::system().unwrap(), &spec("limits.scope", &child).limits(limits));
        let group = scope.cgroup(LONG).unwrap();
        let read = |name: &str| group.read(name).unwrap().trim().to_owned();
        assert_eq!((read("memory.max"), read("pids.max")), ("33554432".into(), "20".into()));
        assert_eq!(read("cpu.max"), "50000 100000");
        scope.apply(&Limits::new().memory_max(48 * MIB), LONG).unwrap();
        assert_eq!((read("memory.max"), read("pids.max")), ("50331648".into(), "20".into()));
        scope.stop(LONG).unwrap();
        child.wait().unwrap();
    });
}

#[test]
fn a_fork_beyond_the_limit_is_refused() {
    needs!(root, systemd, cgroup("pids"));
    asking(|| {
        let mut child = sh("sleep 600 & sleep 600 & sleep 600 & sleep 600 & kill $(jobs -p); exit 0");
        let spec = spec("few.scope", &child).limits(Limits::new().pids_max(3));
        let scope = start(&Systemd::system().unwrap(), &spec);
        go(&mut child);
        assert!(!child.wait().unwrap().success());
        drop(scope);
    });
}

#[test]
fn devices_that_are_not_allowed_are_refused() {
    needs!(root, systemd, file("/dev/kmsg"));
    asking(|| {
        let mut child = sh("cat /dev/null || exit 4; (: </dev/kmsg) 2>/dev/null && exit 5; exit 6");
        let spec = spec("devices.scope", &child).limits(Limits::new().devices(DeviceRules::standard()));
        let scope = start(&Systemd::system().unwrap(), &spec);
        go(&mut child);
        assert_eq!(child.wait().unwrap().code(), Some(6));
        drop(scope);
    });
}

#[test]
fn what_systemd_has_no_property_for_is_set_by_us_where_it_is_delegated() {
    needs!(root, systemd, cgroup("memory"));
    asking(|| {
        let systemd = Systemd::system().unwrap();
        let is_v2 = Layout::detect().unwrap().of(skep_cgroup::Controller::Memory).unwrap().version() == Version::V2;
        let mut limits = Limits::new().memory_max(32 * MIB);
        let (file, value) = if is_v2 {
            limits.memory.oom_group = Some(true);
            ("memory.oom.group", "1")
        } else {
            limits.memory.swappiness = Some(7);
            ("memory.swappiness", "7")
        };
        let mut child = sh("exec sleep 600");
        let plain = spec("rest.scope", &child).limits(limits.clone());
        let error = systemd.start(&plain, LONG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.problems()[0].contains("where the unit is delegated to us"), "{}", said(&error));
        let scope = start(&systemd, &plain.delegate());
        let group = scope.cgroup(LONG).unwrap();
        assert_eq!(group.read(file).unwrap().trim(), value);
        scope.stop(LONG).unwrap();
        child.wait().unwrap();
    });
}

#[test]
fn a_limit_that_cannot_be_had_is_an_error_before_anything_is_made_or_told() {
    needs!(root, systemd, cgroup("memory"));
    asking(|| {
        let systemd = Systemd::system().unwrap();
        let is_v2 = Layout::detect().unwrap().of(skep_cgroup::Controller::Memory).unwrap().version() == Version::V2;
        let limits = Limits::new().pids_max(30);
        let mut limits = if is_v2 { limits } else { limits.memory_high(32 * MIB) };
        if is_v2 {
            limits.memory.swappiness = Some(7);
        }
        let mut child = sh("exec sleep 600");
        let spec = spec("lacking.scope", &child).limits(limits).delegate();
        let error = systemd.start(&spec, LONG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", said(&error));
        assert_eq!(systemd.unit(spec.name()).unwrap().state(LONG).unwrap().load, "not-found");
        let (scope, lacks) = systemd.start_possible(&spec, LONG).unwrap();
        assert_eq!(lacks.len(), 1, "{lacks:?}");
        assert_eq!(scope.cgroup(LONG).unwrap().read("pids.max").unwrap().trim(), "30");
        scope.stop(LONG).unwrap();
        child.wait().unwrap();
    });
}

#[test]
fn a_limit_of_a_device_that_is_not_there_is_told() {
    needs!(root, systemd);
    asking(|| {
        let disk =
            |major| Limits::new().device(DeviceNumber::new(major, 99), |disk| disk.read_bytes = Some(MIB.into()));
        let mut child = sh("exec sleep 600");
        let systemd = Systemd::system().unwrap();
        // 8:99 is a partition at the most, and those have no limits.
        let spec = spec("disk.scope", &child).limits(disk(8));
        let (scope, lacks) = systemd.start_possible(&spec, LONG).unwrap();
        assert!(lacks[0].to_string().contains("says nothing of the device 8:99"), "{lacks:?}");
        let error = scope.apply(&disk(8), LONG).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", said(&error));
        // One that is there.
        let disks = std::fs::read_to_string("/proc/partitions").unwrap();
        let number = |line: &str| {
            let mut words = line.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
        };
        let (major, minor) = disks.lines().find_map(number).unwrap();
        let real = Limits::new().device(DeviceNumber::new(major, minor), |disk| disk.read_bytes = Some(MIB.into()));
        scope.apply(&real, LONG).unwrap();
        scope.stop(LONG).unwrap();
        child.wait().unwrap();
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Statistics that grow when something is done.

use std::time::Duration;

use needs::{isolated, needs};
use skep_cgroup::{Bytes, Cgroup, Controller, ErrorKind, Layout, Limits, MIB, Micros, Quota, StatReader, Version};

use crate::support::disk::Loop;
use crate::support::{LONG, Swept, create, directory, end, has, name, sh_in, signal_of, sleeper};

#[test]
fn throttled_time_grows_and_every_reading_is_of_now() {
    needs!(root);
    if !has(Controller::Cpu) {
        return;
    }
    isolated(|| {
        let group = create("throttled");
        group.apply(&Limits::new().cpu(Quota::new(Micros::from_millis(1), Micros::from_millis(10)))).unwrap();
        let mut reader = group.stat_reader_of([Controller::Cpu, Controller::Cpuacct]).unwrap();
        let before = reader.read().unwrap().cpu.clone();
        assert_eq!((before.throttled, before.throttled_periods), (Some(Duration::ZERO), Some(0)));
        let busy = sh_in(&group, "while :; do :; done");
        let grown = |reader: &mut StatReader, than: &skep_cgroup::CpuStat| {
            let now = reader.read().unwrap().cpu.clone();
            now.throttled > than.throttled && now.throttled_periods > than.throttled_periods && now.usage > than.usage
        };
        while !grown(&mut reader, &before) {
            std::thread::yield_now();
        }
        let middle = reader.last().cpu.clone();
        while !grown(&mut reader, &middle) {
            std::thread::yield_now();
        }
        end(busy);
        let cpu = group.stat().unwrap().cpu;
        assert!(cpu.periods >= cpu.throttled_periods && cpu.user.is_some() && cpu.system.is_some(), "{cpu:?}");
        // Nothing else was asked for.
        assert_eq!(reader.last().memory, skep_cgroup::MemoryStat::default());
    });
}

#[test]
fn memory_is_told_by_what_it_is_used_for() {
    needs!(root);
    if !has(Controller::Memory) {
        return;
    }
    isolated(|| {
        let group = create("used");
        group.apply(&Limits::new().memory_max(256 * MIB)).unwrap();
        assert_eq!(group.stat().unwrap().memory.events.oom_kill, Some(0));
        // The last line of 32 MiB without one is all of it.
        let child = sh_in(&group, "(head -c 33554432 /dev/zero; sleep 600) | tail");
        let mut reader = group.stat_reader().unwrap();
        loop {
            let memory = &reader.read().unwrap().memory;
            // One file is read after the other, while it grows.
            if memory.current >= Some(32 * MIB) && memory.detail.anon >= Some(32 * MIB) {
                assert!(memory.detail.pgfault > Some(1000), "{memory:?}");
                assert_eq!(memory.max, Some(skep_cgroup::Max::Limit(256 * MIB)));
                assert_eq!((memory.events.max, memory.events.oom_kill), (Some(0), Some(0)));
                assert!(memory.detail.kernel.is_some() && memory.detail.file.is_some(), "{memory:?}");
                break;
            }
            std::thread::yield_now();
        }
        group.kill().unwrap();
        assert_eq!(signal_of(child), Some(9));
    });
}

#[test]
fn what_is_read_from_a_device_is_told_by_its_number() {
    needs!(root, program("losetup"), program("dd"), file("/dev/loop-control"));
    if !has(Controller::Io) {
        return;
    }
    isolated(|| {
        let disk = Loop::new();
        let layout = Layout::detect().unwrap();
        let group = Swept(Cgroup::create_with(&layout, name("disk"), [Controller::Io]).unwrap());
        let number = disk.number().to_string();
        if layout.of(Controller::Io).unwrap().version() == Version::V1 {
            // New kernels count for version 1 what somebody limits.
            let limit = directory(&group, Some(Controller::Io)).join("blkio.throttle.read_bps_device");
            std::fs::write(limit, format!("{number} 1073741824")).unwrap();
        }
        let mut reader = group.stat_reader_of([Controller::Io]).unwrap();
        let told =
            |stat: &skep_cgroup::Stat| stat.io.get(&number).map(|disk| (disk.read, disk.reads)).unwrap_or_default();
        assert!(told(reader.read().unwrap()).0.unwrap_or_default() == Bytes::new(0));
        let mut child = sh_in(&group, &format!("exec dd if={} of=/dev/null bs=1M count=2 iflag=direct", disk.node));
        assert!(child.wait().unwrap().success());
        let (read, reads) = told(reader.read().unwrap());
        assert_eq!(read, Some(2 * MIB), "{:?}", reader.last().io);
        assert!(reads > Some(0));
    });
}

#[test]
fn a_reader_of_a_group_that_was_removed_names_the_file() {
    needs!(root);
    isolated(|| {
        let group = create("gone");
        let mut reader = group.stat_reader().unwrap();
        reader.read().unwrap();
        Cgroup::open(name("gone")).unwrap().remove().unwrap();
        let error = reader.read().unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(19)));
        assert!(matches!(error.object(), skep_cgroup::Object::Path(_)));
        assert_eq!(group.stat_reader().unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn processes_and_huge_pages_are_counted_where_they_are() {
    needs!(root, cgroup2("hugetlb"), cgroup2("pids"));
    isolated(|| {
        let layout = Layout::detect().unwrap();
        let group =
            Swept(Cgroup::create_with(&layout, name("pages"), [Controller::Hugetlb, Controller::Pids]).unwrap());
        let child = sleeper();
        group.add(child.id()).unwrap();
        let stat = group.stat().unwrap();
        assert!(!stat.hugetlb.is_empty());
        for (size, pages) in stat.hugetlb.iter() {
            assert_eq!((pages.current, pages.refused), (Some(Bytes::new(0)), Some(0)), "{size}");
            assert!(pages.max.is_some() && pages.reserved.is_some() && pages.other.is_empty(), "{size} {pages:?}");
        }
        assert_eq!(stat.pids.current, Some(1));
        end(child);
        group.wait_empty(LONG).unwrap();
        // What has ended counts until it was waited for, which it was.
        assert_eq!(group.stat().unwrap().pids.current, Some(0));
    });
}

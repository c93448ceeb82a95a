// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the readers of texts: what kernels write, what newer ones may write, and what nobody writes.

use std::time::Duration;

use proptest::prelude::*;

use super::refill::Refill;
use super::source::{PRESSURES, SOURCES, Source, Target};
use super::{Stat, hugetlb};
use crate::layout::Version;
use crate::text::field;
use crate::value::{Bytes, Max, Percent};

fn sources() -> impl Iterator<Item = &'static Source> {
    SOURCES.iter().chain(&PRESSURES)
}

/// The statistics of these files.
fn read(version: Version, files: &[(&str, &str)]) -> Stat {
    let mut stat = Stat::default();
    for (name, text) in files {
        let of = |source: &&Source| source.version.is_none_or(|only| only == version) && source.names.contains(name);
        (sources().find(of).unwrap_or_else(|| panic!("no source {name}")).fill)(&mut stat, text);
    }
    stat.end();
    stat
}

#[test]
fn version_2_is_read_whole() {
    let stat = read(
        Version::V2,
        &[
            (
                "cpu.stat",
                "usage_usec 12\nuser_usec 7\nsystem_usec 5\nnice_usec 1\ncore_sched.force_idle_usec 2\nnr_periods 9\n\
                 nr_throttled 4\nthrottled_usec 800\nnr_bursts 3\nburst_usec 30\n",
            ),
            ("cpu.stat.local", "throttled_usec 900\n"),
            ("memory.max", "max\n"),
            ("memory.high", "4096\n"),
            ("memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n"),
            ("memory.swap.events", "high 0\nmax 7\nfail 8\n"),
            ("memory.stat", "anon 4096\nfile 8192\nworkingset_refault_file 3\nthp_swpout 1\nnuma_task_migrated 6\n"),
            ("pids.max", "max\n"),
            ("pids.events", "max 2\n"),
            ("misc.current", "sev 3\nsev_es 0\n"),
            ("misc.max", "sev max\nsev_es 5\n"),
            ("misc.events", "sev.max 1\nsev_es.max 2\n"),
            ("rdma.current", "mlx4_0 hca_handle=2 hca_object=2000\nocrdma1 hca_handle=3 hca_object=1\n"),
            ("rdma.max", "mlx4_0 hca_handle=2 hca_object=max\n"),
            (
                "cpu.pressure",
                "some avg10=1.53 avg60=0.00 avg300=100.00 total=42\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
            ),
        ],
    );
    assert_eq!(stat.cpu.usage, Some(Duration::from_micros(12)));
    assert_eq!((stat.cpu.periods, stat.cpu.throttled_periods, stat.cpu.bursts), (Some(9), Some(4), Some(3)));
    assert_eq!(stat.cpu.throttled, Some(Duration::from_micros(800)));
    assert_eq!(stat.cpu.throttled_local, Some(Duration::from_micros(900)));
    assert!(stat.cpu.other.is_empty() && stat.cpu.per_cpu.is_empty());
    assert_eq!((stat.memory.max, stat.memory.high), (Some(Max::Unlimited), Some(Max::Limit(Bytes::new(4096)))));
    assert_eq!((stat.memory.events.oom_kill, stat.memory.events.oom_group_kill), (Some(5), Some(6)));
    assert_eq!((stat.memory.swap_events.max, stat.memory.swap_events.fail), (Some(7), Some(8)));
    assert_eq!((stat.memory.detail.anon, stat.memory.detail.file), (Some(Bytes::new(4096)), Some(Bytes::new(8192))));
    assert_eq!((stat.memory.detail.workingset_refault_file, stat.memory.detail.pgfault), (Some(3), None));
    assert_eq!(stat.memory.detail.other.number("numa_task_migrated"), Some(6));
    assert_eq!((stat.pids.max, stat.pids.refused), (Some(Max::Unlimited), Some(2)));
    let sev = stat.misc.get("sev").unwrap();
    assert_eq!((sev.current, sev.max, sev.refused), (Some(3), Some(Max::Unlimited), Some(1)));
    let rdma = stat.rdma.get("mlx4_0").unwrap();
    assert_eq!((rdma.handles, rdma.objects, rdma.objects_max), (Some(2), Some(2000), Some(Max::Unlimited)));
    assert_eq!(stat.rdma.len(), 2);
    let some = stat.pressure.cpu.some.unwrap();
    assert_eq!((some.avg10.to_string(), some.avg300.as_f64()), ("1.53".to_owned(), 100.0));
    assert_eq!(some.total, Duration::from_micros(42));
    assert!(stat.pressure.cpu.full.is_some() && stat.pressure.memory.some.is_none());
}

#[test]
fn version_1_is_read_into_the_same_shape() {
    let stat = read(
        Version::V1,
        &[
            (
                "cpu.stat",
                "nr_periods 9\nnr_throttled 4\nthrottled_time 800000\nwait_sum 77\nnr_bursts 0\nburst_time 0\n",
            ),
            ("cpuacct.usage", "12000\n"),
            ("cpuacct.usage_all", "cpu user system\n0 1000 20\n1 3000 40\n"),
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.failcnt", "3\n"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 1\noom_kill 2\n"),
            ("memory.memsw.failcnt", "4\n"),
            (
                "memory.stat",
                "cache 1\nrss 2\npgfault 3\ntotal_cache 10\ntotal_rss 20\ntotal_pgfault 30\ntotal_swap 40\ntotal_pgpgin 50\n",
            ),
            (
                "blkio.throttle.io_service_bytes_recursive",
                "8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:0 Async 0\n8:0 Discard 5\n8:0 Total 35\nTotal 35\n",
            ),
            ("blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\n8:0 Flush 9\n8:0 Total 3\nTotal 3\n"),
        ],
    );
    assert_eq!(
        (stat.cpu.usage, stat.cpu.throttled),
        (Some(Duration::from_nanos(12_000)), Some(Duration::from_micros(800)))
    );
    assert_eq!((stat.cpu.user, stat.cpu.system), (Some(Duration::from_nanos(4000)), Some(Duration::from_nanos(60))));
    assert_eq!((stat.cpu.per_cpu.len(), stat.cpu.other.number("wait_sum")), (2, Some(77)));
    assert_eq!((stat.memory.max, stat.memory.swap), (Some(Max::Unlimited), Some(Bytes::new(40))));
    assert_eq!((stat.memory.events.max, stat.memory.events.oom_kill), (Some(3), Some(2)));
    assert_eq!((stat.memory.under_oom, stat.memory.events.oom), (Some(true), None));
    assert_eq!(stat.memory.with_swap.refused, Some(4));
    let detail = &stat.memory.detail;
    assert_eq!((detail.file, detail.anon, detail.pgfault), (Some(Bytes::new(10)), Some(Bytes::new(20)), Some(30)));
    assert_eq!((detail.other.number("cache"), detail.other.number("total_pgpgin")), (Some(1), Some(50)));
    let disk = stat.io.get("8:0").unwrap();
    assert_eq!(
        (disk.read, disk.written, disk.discarded),
        (Some(Bytes::new(10)), Some(Bytes::new(20)), Some(Bytes::new(5)))
    );
    assert_eq!((disk.reads, disk.writes, disk.discards), (Some(1), Some(2), None));
    assert_eq!((disk.other.len(), disk.other.get("Flush").map(String::as_str), stat.io.len()), (1, Some("9"), 1));
}

#[test]
fn devices_keep_what_is_no_number_and_a_missing_line_break_makes_no_difference() {
    let stat = read(
        Version::V2,
        &[(
            "io.stat",
            "8:16 8:0 rbytes=90 wbytes=50 rios=8 wios=1 dbytes=3 dios=2 depth=max cost.vrate=100.00\n253:0 \n",
        )],
    );
    assert_eq!(stat.io.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["8:16", "8:0", "253:0"]);
    let disk = stat.io.get("8:0").unwrap();
    assert_eq!((disk.read, disk.discards), (Some(Bytes::new(90)), Some(2)));
    assert_eq!(disk.other.get("depth").map(String::as_str), Some("max"));
    assert_eq!(disk.other.get("cost.vrate").map(String::as_str), Some("100.00"));
    assert_eq!(stat.io.get("8:16"), Some(&super::IoStat::default()));
}

#[test]
fn huge_pages_are_found_by_the_names_of_their_files() {
    assert_eq!(hugetlb::size_of("hugetlb.2MB.current"), Some("2MB"));
    assert_eq!(hugetlb::size_of("hugetlb.1GB.usage_in_bytes"), Some("1GB"));
    assert_eq!(hugetlb::size_of("hugetlb.2MB.rsvd.current"), None);
    assert_eq!(hugetlb::size_of("memory.current"), None);
    let mut stat = Stat::default();
    for (end, fill) in hugetlb::FILES {
        let text = if end.starts_with("events") { "max 3\nother 4\n" } else { "4096\n" };
        Target::Pages("2MB".into(), fill).fill(&mut stat, text);
    }
    stat.end();
    let pages = stat.hugetlb.get("2MB").unwrap();
    assert_eq!((pages.current, pages.max), (Some(Bytes::new(4096)), Some(Max::Limit(Bytes::new(4096)))));
    assert_eq!((pages.refused_local, pages.reserved_refused, pages.other.len()), (Some(3), Some(4096), 1));
}

#[test]
fn what_a_later_reading_does_not_tell_is_unknown_again() {
    let mut stat =
        read(Version::V2, &[("io.stat", "8:0 rbytes=1\n"), ("pids.current", "3\n"), ("memory.stat", "new 1\n")]);
    assert_eq!((stat.io.len(), stat.pids.current, stat.memory.detail.other.len()), (1, Some(3), 1));
    stat.begin();
    stat.end();
    assert_eq!(stat, Stat::default());
}

#[test]
fn pressure_of_a_newer_kernel_is_read_and_kept() {
    let line = "some avg10=0.01 avg60=0.02 avg300=0.03 total=4 avg900=0.05\nmost avg10=9.99\n";
    let stat = read(Version::V2, &[("io.pressure", line)]);
    assert_eq!(stat.pressure.io.some.map(|some| some.avg60), Some(Percent::from_hundredths(2)));
    assert_eq!(stat.pressure.io.other.get("most").map(String::as_str), Some("avg10=9.99"));
    assert!(stat.pressure.io.other.get("some").unwrap().ends_with("avg900=0.05"));
}

#[cfg(feature = "serde")]
#[test]
fn statistics_survive_being_stored() {
    let stat = read(
        Version::V2,
        &[
            ("cpu.stat", "usage_usec 12\nnew 9\n"),
            ("memory.max", "max"),
            ("io.stat", "8:0 rbytes=1 depth=max\n"),
            ("memory.pressure", "some avg10=12.34 avg60=0.29 avg300=0.07 total=4\n"),
        ],
    );
    let text = serde_json::to_string(&stat).unwrap();
    assert!(text.contains("\"avg10\":12.34"), "{text}");
    assert_eq!(serde_json::from_str::<Stat>(&text).unwrap(), stat);
    assert!(serde_json::from_str::<Stat>("{\"io\":{\"8:0\":{},\"8:0\":{}}}").is_err());
}

/// Lines that look like those of the kernel, and lines that do not.
fn lines() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z_:0-9.]{0,6}",
        Just("some".to_owned()),
        Just("8:0".to_owned()),
        Just("total_rss".to_owned()),
        Just("max".to_owned()),
        Just("Read".to_owned()),
        Just("avg10=1.2".to_owned()),
        Just("total=18446744073709551616".to_owned()),
        "[0-9]{1,30}",
        "\\PC{0,4}",
    ];
    let line = proptest::collection::vec(word, 0..6).prop_map(|words| words.join(" "));
    proptest::collection::vec(line, 0..8).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_is_too_bad_to_read(texts in proptest::collection::vec(prop_oneof![lines(), any::<String>()], 1..4)) {
        let mut stat = Stat::default();
        for text in &texts {
            stat.begin();
            sources().for_each(|source| (source.fill)(&mut stat, text));
            for (_, fill) in hugetlb::FILES {
                Target::Pages("2MB".into(), fill).fill(&mut stat, text);
            }
            stat.end();
        }
        // Nothing is left of what came before.
        let mut last = Stat::default();
        last.begin();
        sources().for_each(|source| (source.fill)(&mut last, texts.last().unwrap()));
        for (_, fill) in hugetlb::FILES {
            Target::Pages("2MB".into(), fill).fill(&mut last, texts.last().unwrap());
        }
        last.end();
        prop_assert_eq!(stat, last);
    }

    #[test]
    fn unknown_keys_are_kept_with_their_values(key in "x_[a-z]{1,8}", value in "[0-9a-z.]{1,8}") {
        let line = format!("{key} {value}\n");
        let files = ["cpu.stat", "memory.stat", "memory.events", "memory.swap.events", "pids.events"];
        let stat = read(Version::V2, &files.map(|file| (file, line.as_str())));
        let Stat { cpu, memory, pids, .. } = &stat;
        for kept in [&cpu.other, &memory.detail.other, &memory.events.other, &memory.swap_events.other, &pids.other] {
            prop_assert_eq!(kept.get(&key), Some(&value));
        }
        let line = format!("8:0 rbytes=1 {key}={value}\n");
        let stat = read(Version::V2, &[("io.stat", &line), ("rdma.current", &line)]);
        prop_assert_eq!(stat.io.get("8:0").unwrap().other.get(&key), Some(&value));
        prop_assert_eq!(stat.rdma.get("8:0").unwrap().other.get(&key), Some(&value));
    }
}

#[test]
fn a_field_is_found_by_its_whole_name() {
    let text = "usage_usec 12\nuser_usec 7\nnr_throttled 0\nthrottled_usec 9\n";
    assert_eq!(field(text, "usage_usec"), Some(12));
    assert_eq!(field(text, "throttled_usec"), Some(9));
    assert_eq!(field(text, "usage"), None);
    assert_eq!(field("throttled_usec many", "throttled_usec"), None);
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold of every file of statistics; see `crate::fuzzed`.

use super::refill::Refill;
use super::source::{PRESSURES, SOURCES, Source, Target};
use super::{Stat, hugetlb};
use crate::layout::Version;
use crate::value::Max;

/// What files keep although no kernel says it yet.
struct Kept {
    /// The files, behind the version.
    files: &'static [&'static str],
    /// A line of such a file, with a key that no kernel has.
    line: &'static str,
    /// What has become of the value of that key: "7".
    value: fn(&Stat) -> Option<&str>,
}

/// Every file that has keys. Those that hold one value, and `cpuacct.usage_all`, whose columns are known, have none.
const KEPT: &[Kept] = &[
    Kept {
        files: &["1 cpu.stat", "2 cpu.stat", "1 cpu.stat.local", "2 cpu.stat.local"],
        line: "zz_new 7",
        value: |stat| text(stat.cpu.other.get("zz_new")),
    },
    Kept { files: &["2 memory.stat"], line: "zz_new 7", value: |stat| text(stat.memory.detail.other.get("zz_new")) },
    Kept { files: &["1 memory.stat"], line: "zz_new 7", value: |stat| text(stat.memory.detail.other.get("zz_new")) },
    Kept {
        files: &["1 memory.stat"],
        line: "total_zz_new 7",
        value: |stat| text(stat.memory.detail.other.get("total_zz_new")),
    },
    Kept {
        files: &["2 memory.events", "1 memory.oom_control"],
        line: "zz_new 7",
        value: |stat| text(stat.memory.events.other.get("zz_new")),
    },
    Kept {
        files: &["2 memory.events.local"],
        line: "zz_new 7",
        value: |stat| text(stat.memory.local_events.other.get("zz_new")),
    },
    Kept {
        files: &["2 memory.swap.events"],
        line: "zz_new 7",
        value: |stat| text(stat.memory.swap_events.other.get("zz_new")),
    },
    Kept {
        files: &["1 pids.events", "2 pids.events", "1 pids.events.local", "2 pids.events.local"],
        line: "zz_new 7",
        value: |stat| text(stat.pids.other.get("zz_new")),
    },
    Kept { files: &["2 cpu.pressure"], line: "zz_new 7", value: |stat| text(stat.pressure.cpu.other.get("zz_new")) },
    Kept {
        files: &["2 memory.pressure"],
        line: "zz_new 7",
        value: |stat| text(stat.pressure.memory.other.get("zz_new")),
    },
    Kept { files: &["2 io.pressure"], line: "zz_new 7", value: |stat| text(stat.pressure.io.other.get("zz_new")) },
    Kept { files: &["2 irq.pressure"], line: "zz_new 7", value: |stat| text(stat.pressure.irq.other.get("zz_new")) },
    Kept {
        files: &["2 io.stat"],
        line: "259:9 zz_new=7",
        value: |stat| text(stat.io.get("259:9")?.other.get("zz_new")),
    },
    Kept {
        files: &[
            "1 blkio.bfq.io_service_bytes_recursive",
            "1 blkio.bfq.io_serviced_recursive",
            "1 blkio.throttle.io_service_bytes_recursive",
            "1 blkio.throttle.io_service_bytes",
            "1 blkio.throttle.io_serviced_recursive",
            "1 blkio.throttle.io_serviced",
        ],
        line: "259:9 Zz_new 7",
        value: |stat| text(stat.io.get("259:9")?.other.get("Zz_new")),
    },
    Kept {
        files: &["1 rdma.current", "2 rdma.current"],
        line: "zz_device zz_new=7",
        value: |stat| text(stat.rdma.get("zz_device")?.other.get("zz_new")),
    },
    Kept {
        files: &["1 rdma.max", "2 rdma.max"],
        line: "zz_device zz_new=7",
        value: |stat| text(stat.rdma.get("zz_device")?.other.get("zz_new.max")),
    },
    Kept {
        files: &["1 misc.current", "2 misc.current"],
        line: "zz_new 7",
        value: |stat| (stat.misc.get("zz_new")?.current == Some(7)).then_some("7"),
    },
    Kept {
        files: &["1 misc.max", "2 misc.max"],
        line: "zz_new 7",
        value: |stat| (stat.misc.get("zz_new")?.max == Some(Max::Limit(7))).then_some("7"),
    },
    Kept {
        files: &["1 misc.peak", "2 misc.peak"],
        line: "zz_new 7",
        value: |stat| (stat.misc.get("zz_new")?.peak == Some(7)).then_some("7"),
    },
    Kept {
        files: &["1 misc.events", "2 misc.events", "1 misc.events.local", "2 misc.events.local"],
        line: "zz_resource.zz_new 7",
        value: |stat| text(stat.misc.get("zz_resource")?.other.get("zz_new")),
    },
    Kept {
        files: &["2 hugetlb.2MB.events", "2 hugetlb.2MB.events.local"],
        line: "zz_new 7",
        value: |stat| text(stat.hugetlb.get("2MB")?.other.get("zz_new")),
    },
];

fn text(kept: Option<&String>) -> Option<&str> {
    kept.map(String::as_str)
}

/// A text of the file that its first line names, behind the version: "2 memory.stat"; of any other, of every file.
pub fn stat(data: &[u8]) {
    let all = String::from_utf8_lossy(data);
    let (name, text) = all.split_once('\n').unwrap_or((&all, &all));
    let targets = targets(name);
    // What was there before is gone, whatever it was.
    let (mut used, mut fresh) = (Stat::default(), Stat::default());
    fill(&mut used, &every(), "8:0 rbytes=1 new=2\nsome avg10=1.00 total=1\nsev max\n0 1 2\nusage_usec 3\n");
    fill(&mut used, &targets, text);
    fill(&mut fresh, &targets, text);
    assert_eq!(used, fresh, "{name} {text:?}");
    // And again, whole.
    fill(&mut used, &targets, text);
    assert_eq!(used, fresh, "{name} {text:?}");
    // What is not known is kept, whatever stands before it.
    for kept in KEPT.iter().filter(|kept| kept.files.contains(&name)) {
        let longer = format!("{text}\n{}\n", kept.line);
        fill(&mut fresh, &targets, &longer);
        assert_eq!((kept.value)(&fresh), Some("7"), "{:?} of {name} {text:?}", kept.line);
    }
}

fn fill(stat: &mut Stat, targets: &[Target], text: &str) {
    stat.begin();
    targets.iter().for_each(|target| target.fill(stat, text));
    stat.end();
}

/// What fills by the file of this name, or by every file.
fn targets(name: &str) -> Vec<Target> {
    let is_it = |source: &&Source| {
        let (version, name) = name.split_once(' ').unwrap_or_default();
        let versions = source.version.map_or(["1", "2"], |only| if only == Version::V1 { ["1"; 2] } else { ["2"; 2] });
        versions.contains(&version) && source.names.contains(&name)
    };
    let found: Vec<Target> = sources().filter(is_it).map(|source| Target::All(source.fill)).collect();
    if !found.is_empty() {
        return found;
    }
    let end = |(end, fill): (&str, hugetlb::Fill)| {
        name.strip_prefix("hugetlb.2MB.").filter(|wanted| *wanted == end).map(|_| Target::Pages("2MB".into(), fill))
    };
    match hugetlb::FILES.into_iter().find_map(end) {
        Some(pages) => vec![pages],
        None => every(),
    }
}

fn every() -> Vec<Target> {
    let pages = hugetlb::FILES.into_iter().map(|(_, fill)| Target::Pages("2MB".into(), fill));
    sources().map(|source| Target::All(source.fill)).chain(pages).collect()
}

fn sources() -> impl Iterator<Item = &'static Source> {
    SOURCES.iter().chain(&PRESSURES)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files that hold one value, and the one with columns.
    const KEYLESS: [&str; 20] = [
        "cpuacct.usage",
        "cpuacct.usage_all",
        "memory.current",
        "memory.peak",
        "memory.max",
        "memory.high",
        "memory.swap.current",
        "memory.swap.peak",
        "memory.swap.max",
        "memory.zswap.current",
        "memory.failcnt",
        "pids.current",
        "pids.max",
        "pids.peak",
        "current",
        "max",
        "rsvd.current",
        "rsvd.max",
        "failcnt",
        "rsvd.failcnt",
    ];

    /// The name of each file behind its version, as the first line of a seed says it.
    fn files() -> Vec<String> {
        let versions = |source: &Source| match source.version {
            Some(Version::V1) => &["1"][..],
            Some(Version::V2) => &["2"],
            None => &["1", "2"],
        };
        let of = |source: &'static Source| {
            let each = |name| versions(source).iter().map(move |version| format!("{version} {name}"));
            source.names.iter().flat_map(each).collect::<Vec<String>>()
        };
        let pages = hugetlb::FILES.iter().map(|(end, _)| format!("2 hugetlb.2MB.{end}"));
        sources().flat_map(of).chain(pages).collect()
    }

    /// Whether a file has no keys to be kept.
    fn is_keyless(file: &str) -> bool {
        let name = file.split_once(' ').unwrap().1;
        let end = name.strip_prefix("hugetlb.2MB.").unwrap_or(name);
        KEYLESS.contains(&end) || end.ends_with("_in_bytes") || end.ends_with("memsw.failcnt")
    }

    #[test]
    fn every_file_with_keys_keeps_those_that_are_new() {
        for file in files() {
            let is_kept = KEPT.iter().any(|kept| kept.files.contains(&file.as_str()));
            assert!(is_kept != is_keyless(&file), "{file}");
            for text in ["", "8:0 rbytes=1\nfull avg10=1\nsev.max 3\n\n x", "zz_new 3", "259:9 a=1"] {
                stat(format!("{file}\n{text}").as_bytes());
            }
        }
        let all = files();
        let named: Vec<_> = KEPT.iter().flat_map(|kept| kept.files).collect();
        assert!(named.iter().all(|file| all.iter().any(|known| known == *file)), "{named:?}");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold of every file of statistics; see `crate::fuzzed`.

use super::refill::Refill;
use super::source::{PRESSURES, SOURCES, Source, Target};
use super::{Named, Stat, hugetlb};
use crate::layout::Version;

/// A key that no kernel has.
const NEW: &str = "zz_new";

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
    let longer = format!("{text}\n{NEW} 7\n");
    fill(&mut fresh, &targets, &longer);
    if let Some(other) = other(name, &fresh) {
        assert_eq!(other.number(NEW), Some(7), "{name} {text:?}");
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

/// Where a file keeps the keys that it has no field for.
fn other<'a>(name: &str, stat: &'a Stat) -> Option<&'a Named<String>> {
    Some(match name {
        "1 cpu.stat" | "2 cpu.stat" | "1 cpu.stat.local" | "2 cpu.stat.local" => &stat.cpu.other,
        "2 memory.stat" => &stat.memory.detail.other,
        "2 memory.events" => &stat.memory.events.other,
        "2 memory.events.local" => &stat.memory.local_events.other,
        "2 memory.swap.events" => &stat.memory.swap_events.other,
        "1 pids.events" | "2 pids.events" => &stat.pids.other,
        "2 cpu.pressure" => &stat.pressure.cpu.other,
        _ => return None,
    })
}

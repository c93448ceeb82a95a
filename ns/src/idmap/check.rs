// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks: what the kernel would refuse, found before it is asked, each in a sentence.
//!
//! The kernel answers EINVAL to all of it alike. The rules are those of `map_write`; a test puts random maps to the kernel
//! and compares the answers.
//!
//! Man: user_namespaces(7). Kernel: kernel/user_namespace.c, `map_write` and `mappings_overlap`.

use std::ops::Range;

use super::{IdMap, IdRange, Ids};

/// `UID_GID_MAP_MAX_EXTENTS`, since Linux 4.15.
const MAX_RANGES: usize = 340;

/// The kernel takes less than a page in its one write; this is the smallest page there is, so that a map that is good here
/// is good everywhere.
const MAX_TEXT: usize = 4095;

/// 4294967295 is `INVALID_UID`: no range may hold it.
const RESERVED: u64 = 0xffff_ffff;

impl IdMap {
    /// Everything wrong with the map, a sentence each.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for ids in [Ids::Users, Ids::Groups] {
            problems_of(ids, self.ranges(ids), &mut problems);
        }
        problems
    }
}

fn problems_of(ids: Ids, ranges: &[IdRange], problems: &mut Vec<String>) {
    let word = ids.word();
    if ranges.is_empty() {
        problems.push(format!("there is no {word} range: nobody would be mapped"));
    }
    if ranges.len() > MAX_RANGES {
        problems.push(format!("there are {} {word} ranges: the kernel takes at most {MAX_RANGES}", ranges.len()));
        // Comparing each with each of a list without bounds could take for ever.
        return;
    }
    let size = kernel_text(ranges).len();
    if size > MAX_TEXT {
        problems.push(format!("the {word} ranges are {size} bytes of text: the kernel takes at most {MAX_TEXT}"));
    }
    for (at, range) in ranges.iter().enumerate() {
        let this = format!("{word} range {} ({range})", at + 1);
        if range.count == 0 {
            problems.push(format!("{this} is empty"));
        }
        let earlier = ranges.get(..at).unwrap_or_default();
        for (side, ids_of) in SIDES {
            if ids_of(*range).end > RESERVED {
                problems.push(format!("{this} reaches past {}, the last {word}, {side}", RESERVED - 1));
            }
            // The first of them is enough: a hundred equal ranges are not five thousand problems.
            let meets = |other: &IdRange| overlap(&ids_of(*other), &ids_of(*range));
            if let Some((other, first)) = (1..).zip(earlier).find(|(_, other)| meets(other)) {
                problems.push(format!("{this} overlaps {word} range {other} ({first}) {side}"));
            }
        }
    }
}

/// The ids of a range on one side.
type Face = fn(IdRange) -> Range<u64>;

/// The two sides, by the word for them.
const SIDES: [(&str, Face); 2] = [("inside", IdRange::inside_ids), ("outside", IdRange::outside_ids)];

fn overlap(one: &Range<u64>, other: &Range<u64>) -> bool {
    !one.is_empty() && !other.is_empty() && one.start < other.end && other.start < one.end
}

/// The text that goes into `uid_map` or `gid_map`.
pub(super) fn kernel_text(ranges: &[IdRange]) -> String {
    ranges.iter().map(|range| format!("{range}\n")).collect()
}

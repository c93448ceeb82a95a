// SPDX-License-Identifier: MIT OR Apache-2.0
//! Algebra: a map seen from outside, and a map within a map.

use std::collections::VecDeque;

use super::{IdMap, IdRange};

impl IdMap {
    /// The same map seen from outside: what was outside is inside. It is what an idmapped mount takes to undo a map.
    ///
    /// ```
    /// use skep_ns::IdMap;
    ///
    /// let map = IdMap::whole(100_000, 65_536);
    /// assert_eq!(map.inverted().outside_uid(100_033), Some(33));
    /// assert_eq!(map.inverted().inverted(), map);
    /// ```
    #[must_use]
    pub fn inverted(&self) -> Self {
        let invert = |ranges: &[IdRange]| ranges.iter().map(|range| range.inverted()).collect();
        self.with_ranges(invert(self.uids()), invert(self.gids()))
    }

    /// This map of a user namespace whose parent has the map `parent`, as the parent's parent sees it: what stands behind
    /// an id is asked twice.
    ///
    /// Ids whose outside the parent does not map fall out; the kernel would refuse to write such a map. Ranges are split
    /// where the parent's end, and joined where they meet. Both maps should pass [`check`](Self::check).
    ///
    /// ```
    /// use skep_ns::{IdMap, IdRange};
    ///
    /// let parent = IdMap::whole(100_000, 65_536);
    /// let child = IdMap::whole(1000, 10);
    /// assert_eq!(child.within(&parent).uids(), [IdRange::new(0, 101_000, 10)]);
    /// ```
    #[must_use]
    pub fn within(&self, parent: &Self) -> Self {
        self.with_ranges(compose(self.uids(), parent.uids()), compose(self.gids(), parent.gids()))
    }
}

/// Every range of `child` through those of `parent`.
fn compose(child: &[IdRange], parent: &[IdRange]) -> Vec<IdRange> {
    let mut composed: Vec<IdRange> = Vec::new();
    let mut left: VecDeque<IdRange> = child.iter().copied().filter(|range| range.count > 0).collect();
    while let Some(range) = left.pop_front() {
        // The first of the parent's ranges that holds some of it, as a lookup finds it.
        let wanted = range.outside_ids();
        let meets = |parent: &&IdRange| {
            let has = parent.inside_ids();
            has.start < wanted.end && wanted.start < has.end
        };
        let Some(through) = parent.iter().find(meets) else { continue };
        let has = through.inside_ids();
        let (start, end) = (wanted.start.max(has.start), wanted.end.min(has.end));
        let part = |from: u64, to: u64| part_of(range, from - wanted.start, to - from);
        // What lies before and after it may be in others.
        let rest = [part(wanted.start, start), part(end, wanted.end)];
        rest.into_iter().flatten().rev().for_each(|rest| left.push_front(rest));
        let inside = part(start, end).map(|part| part.inside);
        let outside = u32::try_from(u64::from(through.outside) + (start - has.start));
        if let (Some(inside), Ok(outside), Ok(count)) = (inside, outside, u32::try_from(end - start)) {
            push(&mut composed, IdRange::new(inside, outside, count));
        }
    }
    composed
}

/// `count` ids of a range, from its `offset`th on.
fn part_of(range: IdRange, offset: u64, count: u64) -> Option<IdRange> {
    let number = |first: u32| u32::try_from(u64::from(first) + offset).ok();
    let count = u32::try_from(count).ok().filter(|count| *count > 0)?;
    Some(IdRange::new(number(range.inside)?, number(range.outside)?, count))
}

/// Adds a range, to the last one if it continues that.
fn push(ranges: &mut Vec<IdRange>, range: IdRange) {
    if let Some(last) = ranges.last_mut() {
        let continues =
            last.inside_ids().end == u64::from(range.inside) && last.outside_ids().end == u64::from(range.outside);
        if let (true, Some(count)) = (continues, last.count.checked_add(range.count)) {
            last.count = count;
            return;
        }
    }
    ranges.push(range);
}

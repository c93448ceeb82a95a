// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lists of processors or memory nodes, by number.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{digits, shown, unreadable};
use crate::error::Error;

/// The most that a kernel can be built for (`CONFIG_NR_CPUS`, x86).
pub(super) const MOST: u32 = 8192;

/// A set of processors or of memory nodes: "0-3,7".
///
/// Kept in order and without overlaps, so that two texts of one set are equal. Displays as the kernel's list format.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[doc(alias = "cpuset")]
pub struct IdList(Vec<(u32, u32)>);

impl IdList {
    /// Of all numbers in these ranges; an empty range adds nothing.
    #[must_use]
    pub fn new(ranges: impl IntoIterator<Item = RangeInclusive<u32>>) -> Self {
        let mut all: Vec<_> = ranges.into_iter().map(RangeInclusive::into_inner).filter(|(a, b)| a <= b).collect();
        all.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(all.len());
        for (first, last) in all {
            match merged.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => merged.push((first, last)),
            }
        }
        Self(merged)
    }

    /// The ranges, in order, with gaps between them.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u32>> {
        self.0.iter().map(|(first, last)| *first..=*last)
    }

    /// Whether it holds this number.
    #[must_use]
    pub fn contains(&self, number: u32) -> bool {
        self.ranges().any(|range| range.contains(&number))
    }

    /// Those of its numbers that a kernel may have, however many others there are.
    #[cfg(feature = "systemd")]
    pub(crate) fn possible(&self) -> impl Iterator<Item = u32> {
        self.ranges().flatten().take_while(|number| *number < MOST)
    }

    /// What is wrong with it for every kernel.
    pub(crate) fn problem(&self) -> Option<String> {
        let (_, last) = self.0.last().filter(|(_, last)| *last >= MOST)?;
        Some(format!("has the number {last}, and no kernel goes beyond {}", MOST - 1))
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<u32> for IdList {
    fn from_iter<I: IntoIterator<Item = u32>>(numbers: I) -> Self {
        Self::new(numbers.into_iter().map(|number| number..=number))
    }
}

impl fmt::Display for IdList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (first, last) in &self.0 {
            f.write_str(between)?;
            between = ",";
            if first == last {
                write!(f, "{first}")?;
            } else {
                write!(f, "{first}-{last}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for IdList {
    type Err = Error;

    /// Reads numbers and ranges with commas between them, as the kernel prints them; nothing is the empty list.
    ///
    /// # Errors
    /// `Invalid` for anything else, and for a number from 8192 on, which no kernel has.
    fn from_str(text: &str) -> Result<Self, Error> {
        let problem = |part: &str| {
            unreadable("list", format!("{} is neither a number below {MOST} nor a range such as 0-3", shown(part)))
        };
        let number = |word: &str| digits(word).filter(|n| *n < MOST);
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(first..=last)
        };
        let parts = text.trim().split(',').filter(|_| !text.trim().is_empty());
        let ranges: Result<Vec<_>, Error> = parts.map(|part| range(part).ok_or_else(|| problem(part))).collect();
        ranges.map(Self::new)
    }
}

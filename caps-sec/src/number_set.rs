// SPDX-License-Identifier: MIT OR Apache-2.0
//! A set of small numbers, as the kernel lists processors and memory nodes: "0-3,8".
//!
//! Man: cpuset(7), "List format".

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Object};

/// A set of processors or of memory nodes, by their numbers.
///
/// Displays and parses as the kernel's list: numbers and ranges with commas between. With the feature `serde` it is that
/// text.
///
/// ```
/// use skep_caps_sec::NumberSet;
///
/// let few: NumberSet = "0-2,8".parse()?;
/// assert_eq!(few, NumberSet::from([0, 1, 2, 8]));
/// assert_eq!(NumberSet::from([5, 4, 6]).to_string(), "4-6");
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String", into = "String")
)]
pub struct NumberSet(BTreeSet<u16>);

impl NumberSet {
    /// One more than the largest number that there can be: what kernels are built for at most.
    pub const END: u16 = 8192;

    /// Whether there is no number in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this number is in it.
    #[must_use]
    pub fn contains(&self, number: u16) -> bool {
        self.0.contains(&number)
    }

    /// Its numbers, the least first.
    pub fn iter(&self) -> impl Iterator<Item = u16> {
        self.0.iter().copied()
    }

    /// What is wrong with it, in sentences that begin with `place`.
    pub(crate) fn problems(&self, place: &str) -> Vec<String> {
        let beyond = self.0.last().filter(|last| **last >= Self::END);
        beyond
            .map(|last| format!("{place}: {last} is beyond {}, the last that there can be", Self::END - 1))
            .into_iter()
            .collect()
    }

    /// A bit each, in whole words of the machine.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let words = self.0.last().map_or(0, |last| usize::from(*last) / 64 + 1);
        let mut words = vec![0_u64; words];
        for number in self.iter() {
            if let Some(word) = words.get_mut(usize::from(number) / 64) {
                *word |= 1 << (number % 64);
            }
        }
        words.into_iter().flat_map(u64::to_ne_bytes).collect()
    }

    pub(crate) fn of_words(words: &[u64]) -> Self {
        let numbers = (0..Self::END)
            .filter(|number| words.get(usize::from(*number) / 64).is_some_and(|word| word >> (number % 64) & 1 == 1));
        numbers.collect()
    }
}

impl FromIterator<u16> for NumberSet {
    fn from_iter<I: IntoIterator<Item = u16>>(numbers: I) -> Self {
        Self(numbers.into_iter().collect())
    }
}

impl<const N: usize> From<[u16; N]> for NumberSet {
    fn from(numbers: [u16; N]) -> Self {
        numbers.into_iter().collect()
    }
}

impl From<NumberSet> for String {
    fn from(set: NumberSet) -> Self {
        set.to_string()
    }
}

impl TryFrom<String> for NumberSet {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl fmt::Display for NumberSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut numbers = self.iter().peekable();
        let mut comma = "";
        while let Some(first) = numbers.next() {
            let mut last = first;
            while let Some(next) = numbers.next_if(|next| *next == last.wrapping_add(1)) {
                last = next;
            }
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
            comma = ",";
        }
        Ok(())
    }
}

impl FromStr for NumberSet {
    type Err = Error;

    /// Reads "0-3,8"; nothing is the empty set.
    ///
    /// # Errors
    /// `Invalid`, with every part that is neither a number nor a range of them below 8192.
    fn from_str(text: &str) -> Result<Self, Error> {
        let number = |text: &str| -> Option<u16> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok())?.filter(|number| *number < Self::END)
        };
        let (mut set, mut problems) = (BTreeSet::new(), Vec::new());
        let text = text.trim();
        for part in text.split(',').filter(|_| !text.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            match (number(first), number(last)) {
                (Some(first), Some(last)) if first <= last => set.extend(first..=last),
                _ => {
                    problems.push(format!("{part:?} is neither a number nor a range, such as 0-3, below {}", Self::END))
                }
            }
        }
        if problems.is_empty() {
            Ok(Self(set))
        } else {
            Err(Error::invalid("parse", Object::Named("list of numbers"), problems))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lists_are_read_as_the_kernel_writes_them() {
        assert_eq!("0-3,8\n".parse::<NumberSet>().unwrap(), NumberSet::from([0, 1, 2, 3, 8]));
        assert_eq!("".parse::<NumberSet>().unwrap(), NumberSet::default());
        let error = "3-1,x,8192,1,,1-2-3".parse::<NumberSet>().unwrap_err();
        assert_eq!(error.problems().len(), 5);
        assert_eq!(error.problems()[0], "\"3-1\" is neither a number nor a range, such as 0-3, below 8192");
    }

    #[test]
    fn the_bits_are_those_of_the_kernel_s_masks() {
        assert_eq!(NumberSet::from([0, 9]).to_bytes(), 0x201_u64.to_ne_bytes());
        assert_eq!(NumberSet::from([64]).to_bytes().len(), 16);
        assert!(NumberSet::default().to_bytes().is_empty());
        assert_eq!(NumberSet::from([9000]).problems("cpus"), ["cpus: 9000 is beyond 8191, the last that there can be"]);
    }

    proptest! {
        #[test]
        fn a_set_of_numbers_is_its_text_and_its_bits(numbers in proptest::collection::btree_set(0..NumberSet::END, 0..40)) {
            let set: NumberSet = numbers.into_iter().collect();
            prop_assert_eq!(set.to_string().parse::<NumberSet>().unwrap(), set.clone());
            let words: Vec<u64> = set.to_bytes().chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().unwrap())).collect();
            prop_assert_eq!(NumberSet::of_words(&words), set);
        }
    }
}

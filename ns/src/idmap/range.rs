// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ranges: a run of ids inside, and the run of ids outside that stands behind it.
//!
//! One range is one line of `/proc/PID/uid_map`. Any three numbers are a value; whether the kernel would take them is for
//! [`IdMap::check`](super::IdMap::check) to say, which sees the other ranges too.
//!
//! Man: user_namespaces(7), "User and group ID mappings".

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::error::{Error, Object};
use crate::words::{shown, words};

/// `count` consecutive ids: `inside`, `inside + 1`, … in the namespace are `outside`, `outside + 1`, … in its parent.
///
/// Its text, both ways, is the kernel's: "0 100000 65536" is inside, outside, count.
///
/// See user_namespaces(7), "User and group ID mappings".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct IdRange {
    /// The first id as seen in the namespace.
    pub inside: u32,
    /// The id of the parent namespace that stands behind `inside`.
    pub outside: u32,
    /// How many ids, at least 1.
    pub count: u32,
}

impl IdRange {
    /// A range, in the order of the kernel's text.
    #[must_use]
    pub const fn new(inside: u32, outside: u32, count: u32) -> Self {
        Self { inside, outside, count }
    }

    /// The ids inside, in numbers wide enough for a range that reaches too far.
    pub(super) fn inside_ids(self) -> Range<u64> {
        u64::from(self.inside)..u64::from(self.inside) + u64::from(self.count)
    }

    /// The ids outside, likewise.
    pub(super) fn outside_ids(self) -> Range<u64> {
        u64::from(self.outside)..u64::from(self.outside) + u64::from(self.count)
    }

    /// The id outside that stands behind `inside`, if the range holds it.
    pub(super) fn map(self, inside: u32) -> Option<u32> {
        let offset = inside.checked_sub(self.inside).filter(|offset| *offset < self.count)?;
        self.outside.checked_add(offset)
    }

    /// The same range seen from outside.
    pub(super) const fn inverted(self) -> Self {
        Self::new(self.outside, self.inside, self.count)
    }

    /// Reads the kernel's text; a problem names the column, the first character of `text` being `column`.
    pub(super) fn parse(text: &str, column: usize) -> Result<Self, String> {
        let mut words = words(text, column);
        let mut next = |what: &str| match words.next() {
            Some((at, word)) => number(word)
                .ok_or_else(|| format!("column {at}: {} is not {what}, a number from 0 to {}", shown(word), u32::MAX)),
            None => Err(format!("column {}: {what} is missing", column + text.trim_end().chars().count())),
        };
        let range = Self::new(next("the first id inside")?, next("the first id outside")?, next("the count")?);
        match words.next() {
            Some((at, word)) => Err(format!("column {at}: {} after the count", shown(word))),
            None => Ok(range),
        }
    }
}

impl fmt::Display for IdRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.inside, self.outside, self.count)
    }
}

impl FromStr for IdRange {
    type Err = Error;

    /// Reads three decimal numbers with white space between them, as in `/proc/PID/uid_map`.
    ///
    /// # Errors
    /// `Invalid`, naming the column, if there are not three, or one is not a number below 2³². A range is one line: there is
    /// no other to name.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text, 1).map_err(|problem| Error::invalid("parse", Object::Named("id range"), vec![problem]))
    }
}

/// A decimal number of digits alone: `u32::from_str` would take a plus sign.
fn number(word: &str) -> Option<u32> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.parse().ok())?
}

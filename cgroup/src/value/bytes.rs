// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bytes: an amount of memory.

use std::fmt;
use std::ops::Mul;
use std::str::FromStr;

use super::{digits, shown, unreadable};
use crate::error::Error;

/// 1024 bytes.
pub const KIB: Bytes = Bytes(1 << 10);
/// 1024 [`KIB`].
pub const MIB: Bytes = Bytes(1 << 20);
/// 1024 [`MIB`].
pub const GIB: Bytes = Bytes(1 << 30);

/// An amount of memory, in bytes.
///
/// Displays as the number; reads "536870912", "512M", "512 MiB" and "512MB", which are the same: as in the kernel's own
/// files, the letters count in steps of 1024. `512 * MIB` is one too. With the feature `serde` it is a number, and a text
/// is read as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(u64);

impl Bytes {
    /// So many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The amount as people say it: "512 MiB", "1.5 GiB". What is not even is rounded down to a tenth.
    #[must_use]
    pub fn human(self) -> impl fmt::Display + use<> {
        Human(self.0)
    }
}

/// The units by their first letter, the largest last.
const UNITS: [(char, &str, u32); 6] =
    [('K', "KiB", 10), ('M', "MiB", 20), ('G', "GiB", 30), ('T', "TiB", 40), ('P', "PiB", 50), ('E', "EiB", 60)];

struct Human(u64);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        let Some((_, unit, shift)) = UNITS.iter().rev().find(|(_, _, shift)| bytes >> shift > 0) else {
            return if bytes == 1 { f.write_str("1 byte") } else { write!(f, "{bytes} bytes") };
        };
        let whole = bytes >> shift;
        let rest = u128::from(bytes - (whole << shift));
        match (rest * 10) >> shift {
            0 => write!(f, "{whole} {unit}"),
            tenth => write!(f, "{whole}.{tenth} {unit}"),
        }
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Bytes {
    type Err = Error;

    /// Reads a whole number, and a unit after it: K, M, G, T, P or E in either case, "B" and "iB" behind it or not.
    ///
    /// # Errors
    /// `Invalid` for anything else, and from 2⁶⁴ bytes on.
    fn from_str(text: &str) -> Result<Self, Error> {
        let trimmed = text.trim();
        let (number, unit) = trimmed.split_at(trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len()));
        let problem = || {
            unreadable("bytes", format!("{} is not an amount of memory: write 536870912, 512M or 512 MiB", shown(text)))
        };
        let number: u64 = digits(number).ok_or_else(problem)?;
        let shift = shift_of(unit.trim_start()).ok_or_else(problem)?;
        let bytes = number.checked_mul(1 << shift);
        bytes.map(Self).ok_or_else(|| unreadable("bytes", format!("{} is more than 2⁶⁴ bytes", shown(text))))
    }
}

/// By how many bits a unit shifts.
fn shift_of(unit: &str) -> Option<u32> {
    let mut letters = unit.chars();
    let Some(first) = letters.next() else { return Some(0) };
    let rest = letters.as_str();
    if first == 'B' && rest.is_empty() {
        return Some(0);
    }
    let known = UNITS.iter().find(|(letter, _, _)| first.eq_ignore_ascii_case(letter));
    known.filter(|_| matches!(rest, "" | "B" | "b" | "iB" | "ib")).map(|(_, _, shift)| *shift)
}

impl Mul<Bytes> for u64 {
    type Output = Bytes;

    /// `512 * MIB`; what is too much for 64 bits is the most that they hold.
    fn mul(self, unit: Bytes) -> Bytes {
        Bytes(self.saturating_mul(unit.0))
    }
}

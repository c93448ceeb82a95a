// SPDX-License-Identifier: MIT OR Apache-2.0
//! Weight: a share in competition with the groups beside.

use std::fmt;
use std::str::FromStr;

use super::{curve, digits, shown, unreadable};
use crate::error::Error;

/// A share relative to the groups beside: from 1 to 10000, 100 by default.
///
/// It says nothing where nobody competes. Version 1 counts processor time in shares, from 2 to 262144, of which a group has
/// 1024 by default. The two are converted as the OCI runtimes do it since 2025, by the curve through both bounds and both
/// defaults: with x = log₂ shares, log₁₀ weight = (x² + 125 x − 126) / 612.
///
/// | shares | 2 | 10 | 100 | 512 | 1024 | 2048 | 4096 | 10240 | 262144 |
/// |---|---|---|---|---|---|---|---|---|---|
/// | weight | 1 | 4 | 17 | 59 | 100 | 174 | 303 | 639 | 10000 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u32);

impl Weight {
    /// What a group has that nobody gave a weight.
    pub const DEFAULT: Self = Self(100);

    /// A weight; [`Limits::problems`](crate::Limits::problems) says whether it is from 1 to 10000.
    #[must_use]
    pub const fn new(weight: u32) -> Self {
        Self(weight)
    }

    /// The weight of so many shares, rounded up; what is out of range becomes the nearest bound.
    #[must_use]
    #[doc(alias = "cpu.shares")]
    pub fn of_shares(shares: u64) -> Self {
        Self(curve::weight_of(shares))
    }

    /// The shares of this weight: the most that [`of_shares`](Self::of_shares) makes it of.
    #[must_use]
    #[doc(alias = "cpu.shares")]
    pub fn shares(self) -> u64 {
        curve::shares_of(self.0)
    }

    /// The number.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Weight {
    type Err = Error;

    /// Reads a whole number.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        let number = digits(text.trim());
        let problem =
            || unreadable("weight", format!("{} is not a weight: write a number from 1 to 10000", shown(text)));
        number.map(Self).ok_or_else(problem)
    }
}

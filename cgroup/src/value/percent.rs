// SPDX-License-Identifier: MIT OR Apache-2.0
//! Percent: a part of the whole, in hundredths of a percent.

use std::fmt;
use std::str::FromStr;

use super::{shown, thousandths, unreadable};
use crate::error::Error;

/// A part of the whole with two decimals: "12.34" of a hundred.
///
/// Displays as the kernel's text and reads that. With the feature `serde` it is that number; the text is read too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Percent(u32);

impl Percent {
    /// So many hundredths of a percent: 1234 is 12.34 %. [`Limits::problems`](crate::Limits::problems) says whether it is
    /// more than the whole.
    #[must_use]
    pub const fn from_hundredths(hundredths: u32) -> Self {
        Self(hundredths)
    }

    /// The number of hundredths of a percent.
    #[must_use]
    pub const fn as_hundredths(self) -> u32 {
        self.0
    }

    /// The number of percents.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 100.0
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl FromStr for Percent {
    type Err = Error;

    /// Reads a number with up to two decimals.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        let thousandths = thousandths(text.trim()).filter(|number| number % 10 == 0);
        let hundredths = thousandths.and_then(|number| u32::try_from(number / 10).ok());
        let problem = || unreadable("percent", format!("{} is not a percentage: write 12.34", shown(text)));
        hundredths.map(Self).ok_or_else(problem)
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Weight: a share in competition with the groups beside.

use std::fmt;
use std::str::FromStr;

use super::{digits, shown, unreadable};
use crate::error::Error;

/// A share relative to the groups beside: from 1 to 10000, 100 by default.
///
/// It says nothing where nobody competes. In version 1 it becomes `cpu.shares`, where the default is 1024.
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
        let number = digits(text.trim()).and_then(|number| u32::try_from(number).ok());
        let problem =
            || unreadable("weight", format!("{} is not a weight: write a number from 1 to 10000", shown(text)));
        number.map(Self).ok_or_else(problem)
    }
}

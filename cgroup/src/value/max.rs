// SPDX-License-Identifier: MIT OR Apache-2.0
//! Max: a limit that may be no limit.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A limit, or that there is none, which the kernel writes "max".
///
/// Not to be mistaken for an unset value of [`Limits`](crate::Limits), which leaves alone what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(alias = "max")]
pub enum Max<T> {
    /// So much.
    Limit(T),
    /// As much as there is.
    Unlimited,
}

impl<T> Max<T> {
    /// The limit, if there is one.
    #[must_use]
    pub fn limit(self) -> Option<T> {
        match self {
            Self::Limit(value) => Some(value),
            Self::Unlimited => None,
        }
    }
}

impl<T> From<T> for Max<T> {
    fn from(value: T) -> Self {
        Self::Limit(value)
    }
}

impl<T: fmt::Display> fmt::Display for Max<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit(value) => value.fmt(f),
            Self::Unlimited => f.pad("max"),
        }
    }
}

impl<T: FromStr<Err = Error>> FromStr for Max<T> {
    type Err = Error;

    /// Reads "max", or what `T` reads.
    ///
    /// # Errors
    /// Those of `T`.
    fn from_str(text: &str) -> Result<Self, Error> {
        if text.trim() == "max" { Ok(Self::Unlimited) } else { Ok(Self::Limit(text.trim().parse()?)) }
    }
}

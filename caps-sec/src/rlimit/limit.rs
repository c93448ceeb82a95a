// SPDX-License-Identifier: MIT OR Apache-2.0
//! The limit: a number, or none.
//!
//! Man: getrlimit(2), `RLIM_INFINITY`.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Object};

/// How much of a resource: a number in the resource's unit, or no limit, which is above every number.
///
/// Displays and parses as the number or "unlimited"; "infinity" and "-1" are understood too. With the feature `serde` it
/// is a number or "unlimited".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Limit(u64);

impl Limit {
    /// No limit.
    #[doc(alias = "RLIM_INFINITY")]
    pub const UNLIMITED: Self = Self(u64::MAX);

    /// A limit. The largest number of 64 bits is by what the kernel means [`UNLIMITED`](Self::UNLIMITED).
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// The number; `None` if there is no limit.
    #[must_use]
    pub const fn value(self) -> Option<u64> {
        if self.0 == u64::MAX { None } else { Some(self.0) }
    }

    pub(crate) const fn to_kernel(self) -> u64 {
        self.0
    }

    pub(crate) const fn from_kernel(value: u64) -> Self {
        Self(value)
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "unlimited" | "infinity" | "-1" => Some(Self::UNLIMITED),
            // `u64::from_str` would take a plus sign.
            _ if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok().map(Self),
            _ => None,
        }
    }
}

impl From<u64> for Limit {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value() {
            Some(value) => value.fmt(f),
            None => f.pad("unlimited"),
        }
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limit({self})")
    }
}

impl FromStr for Limit {
    type Err = Error;

    /// Reads a decimal number, "unlimited", "infinity" or "-1".
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text).ok_or_else(|| {
            let problem = format!("{text:?} is no limit: it is a number from 0 to {}, or \"unlimited\"", u64::MAX - 1);
            Error::invalid("parse", Object::Named("limit"), vec![problem])
        })
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Limit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value() {
            Some(value) => serializer.serialize_u64(value),
            None => serializer.serialize_str("unlimited"),
        }
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Limit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(value) => Ok(Self(value)),
            Form::Text(text) => {
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format_args!("{text:?} is no limit")))
            }
        }
    }
}

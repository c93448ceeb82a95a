// SPDX-License-Identifier: MIT OR Apache-2.0
//! Quota: processor time in each period.
//!
//! Kernel: Documentation/scheduler/sched-bwc.rst.

use std::fmt;
use std::str::FromStr;

use super::{Max, digits, shown, thousandths, unreadable};
use crate::error::Error;

/// A time in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(u64);

impl Micros {
    /// So many microseconds.
    #[must_use]
    pub const fn new(micros: u64) -> Self {
        Self(micros)
    }

    /// So many thousands of them.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// The number of microseconds.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Micros {
    type Err = Error;

    /// Reads a whole number of microseconds.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        let problem = || unreadable("microseconds", format!("{} is not a number of microseconds", shown(text)));
        digits(text.trim()).map(Self).ok_or_else(problem)
    }
}

/// How much processor time a group gets in each period: two processors are twice the period.
///
/// Displays as the kernel's text, "150000 100000" or "max 100000"; reads that, and what people write: "1.5" processors,
/// "1500m" thousandths of one, "max". With the feature `serde` it is the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(alias = "cpu.max")]
#[doc(alias = "cpu.cfs_quota_us")]
#[doc(alias = "cpu.cfs_period_us")]
pub struct Quota {
    time: Max<Micros>,
    period: Micros,
}

/// The kernel's own period.
const PERIOD: Micros = Micros(100_000);

impl Quota {
    /// No quota, with the kernel's period of 100 ms.
    pub const UNLIMITED: Self = Self { time: Max::Unlimited, period: PERIOD };

    /// So many thousandths of a processor, in periods of 100 ms: 1500 is one and a half.
    #[must_use]
    pub const fn millicpus(millicpus: u64) -> Self {
        Self { time: Max::Limit(Micros(millicpus.saturating_mul(100))), period: PERIOD }
    }

    /// So much time in each period. The kernel takes times from 1 ms, and periods from 1 ms to 1 s.
    #[must_use]
    pub fn new(time: impl Into<Max<Micros>>, period: Micros) -> Self {
        Self { time: time.into(), period }
    }

    /// The time in each period.
    #[must_use]
    pub const fn time(self) -> Max<Micros> {
        self.time
    }

    /// The period.
    #[must_use]
    pub const fn period(self) -> Micros {
        self.period
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.time, self.period)
    }
}

impl FromStr for Quota {
    type Err = Error;

    /// Reads a number of processors with up to three decimals, thousandths of one with an "m" behind them, "max", or the
    /// kernel's two numbers. A lone number is processors, never microseconds.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut words = text.split_whitespace();
        let quota = match (words.next(), words.next(), words.next()) {
            (Some("max"), None, _) => Some(Self::UNLIMITED),
            (Some(cpus), None, _) => millicpus_of(cpus).map(Self::millicpus),
            (Some(time), Some(period), None) => {
                time.parse().ok().and_then(|time: Max<Micros>| Some(Self::new(time, period.parse().ok()?)))
            }
            _ => None,
        };
        quota.ok_or_else(|| {
            let problem = format!("{} is not a quota: write 1.5, 1500m, max or 150000 100000", shown(text));
            unreadable("quota", problem)
        })
    }
}

fn millicpus_of(word: &str) -> Option<u64> {
    let millicpus = match word.strip_suffix('m') {
        Some(millicpus) => digits(millicpus),
        None => thousandths(word),
    };
    // As many as a period's microseconds can hold.
    millicpus.filter(|millicpus| millicpus.checked_mul(100).is_some())
}

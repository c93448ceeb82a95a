// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pressure: for how much of the time processes stood still for want of something.
//!
//! Kernel: Documentation/accounting/psi.rst; kernel/sched/psi.c.

use std::time::Duration;

use super::Named;
use super::refill::stat;
use crate::text::number;
use crate::value::Percent;

stat! {
    /// Pressure by what was wanted; version 2 alone, on hybrid machines too.
    #[doc(alias = "PSI")]
    pub struct PressureStat {
        /// For a processor.
        #[doc(alias = "cpu.pressure")]
        cpu: Pressure,
        /// For memory.
        #[doc(alias = "memory.pressure")]
        memory: Pressure,
        /// For input and output.
        #[doc(alias = "io.pressure")]
        io: Pressure,
        /// For a processor that served interrupts, which is of all processes or none: `full` alone. Linux 6.1, where it
        /// counts their time.
        #[doc(alias = "irq.pressure")]
        irq: Pressure,
    }
}

stat! {
    /// Pressure for one thing; nothing is known where the kernel does not count it (`psi=0` at boot, `cgroup.pressure`).
    pub struct Pressure {
        /// At least one process stood still.
        some: Option<Stall>,
        /// All that had something to do stood still; for processors Linux 5.13.
        full: Option<Stall>,
        /// What the kernel told and this crate has no name for: whole lines by their first word.
        other: Named<String>,
    }
}

/// For how much of the time processes stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Stall {
    /// Of the last ten seconds.
    pub avg10: Percent,
    /// Of the last minute.
    pub avg60: Percent,
    /// Of the last five minutes.
    pub avg300: Percent,
    /// All of the time since the group was made.
    pub total: Duration,
}

impl Pressure {
    /// "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", and the same of "full".
    pub(super) fn read(&mut self, text: &str) {
        for line in text.lines() {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let (stall, is_all) = stall(rest);
            match word {
                "some" => self.some = stall,
                "full" => self.full = stall,
                _ => {}
            }
            if !is_all || !matches!(word, "some" | "full" | "") {
                self.other.put(word, rest);
            }
        }
    }
}

/// What a line says, if it says all four, and whether that is all that it says.
fn stall(text: &str) -> (Option<Stall>, bool) {
    let (mut avg10, mut avg60, mut avg300, mut total) = (None, None, None, None);
    let mut is_all = true;
    for word in text.split_ascii_whitespace() {
        match word.split_once('=') {
            Some(("avg10", value)) => avg10 = value.parse().ok(),
            Some(("avg60", value)) => avg60 = value.parse().ok(),
            Some(("avg300", value)) => avg300 = value.parse().ok(),
            Some(("total", value)) => total = number(value).map(Duration::from_micros),
            _ => is_all = false,
        }
    }
    let stall = match (avg10, avg60, avg300, total) {
        (Some(avg10), Some(avg60), Some(avg300), Some(total)) => Some(Stall { avg10, avg60, avg300, total }),
        _ => None,
    };
    (stall, is_all && stall.is_some())
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a device can do in a second.

use std::fmt;
use std::str::FromStr;

use super::IoCostControl;
use super::line::{Line, unreadable};
use crate::error::Error;
use crate::value::{DeviceNumber, digits};

/// What a device can do in a second: a line of `io.cost.model`, whose only model is the linear one.
///
/// Displays as the kernel's line and reads that: "8:0 ctrl=user model=linear rbps=… rseqiops=… rrandiops=… wbps=…
/// wseqiops=… wrandiops=…".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[doc(alias = "io.cost.model")]
pub struct IoCostModel {
    /// The device, a whole disk.
    pub device: DeviceNumber,
    /// Who has chosen what follows.
    pub control: IoCostControl,
    /// Bytes read one behind the other.
    pub read_bytes: u64,
    /// Reads of 4 KiB one behind the other.
    pub sequential_reads: u64,
    /// Reads of 4 KiB anywhere.
    pub random_reads: u64,
    /// Bytes written one behind the other.
    pub write_bytes: u64,
    /// Writes of 4 KiB one behind the other.
    pub sequential_writes: u64,
    /// Writes of 4 KiB anywhere.
    pub random_writes: u64,
}

impl IoCostModel {
    /// Everything wrong with it, a sentence each, beginning with its place.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let numbers = self.numbers().into_iter().filter(|(_, _, number)| *number == 0);
        numbers.map(|(_, place, _)| format!("{place} 0 in a second is what no device does")).collect()
    }

    /// The kernel's words, our places and the numbers.
    const fn numbers(&self) -> [(&'static str, &'static str, u64); 6] {
        [
            ("rbps", "read_bytes", self.read_bytes),
            ("rseqiops", "sequential_reads", self.sequential_reads),
            ("rrandiops", "random_reads", self.random_reads),
            ("wbps", "write_bytes", self.write_bytes),
            ("wseqiops", "sequential_writes", self.sequential_writes),
            ("wrandiops", "random_writes", self.random_writes),
        ]
    }

    pub(super) fn line(&self) -> String {
        match self.control {
            IoCostControl::User => self.to_string(),
            IoCostControl::Auto => format!("{} ctrl=auto", self.device),
        }
    }
}

impl fmt::Display for IoCostModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ctrl={} model=linear", self.device, self.control.word())?;
        self.numbers().iter().try_for_each(|(word, _, number)| write!(f, " {word}={number}"))
    }
}

impl FromStr for IoCostModel {
    type Err = Error;

    /// Reads a line of the kernel's.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        const KEYS: [&str; 8] = ["ctrl", "model", "rbps", "rseqiops", "rrandiops", "wbps", "wseqiops", "wrandiops"];
        let read = || -> Result<Self, String> {
            let line = Line::of(text, &KEYS)?;
            line.value("model", |model| (model == "linear").then_some(()))?;
            let number = |key| line.value(key, digits::<u64>);
            Ok(Self {
                device: line.device,
                control: line.value("ctrl", IoCostControl::of)?,
                read_bytes: number("rbps")?,
                sequential_reads: number("rseqiops")?,
                random_reads: number("rrandiops")?,
                write_bytes: number("wbps")?,
                sequential_writes: number("wseqiops")?,
                random_writes: number("wrandiops")?,
            })
        };
        read().map_err(|why| unreadable("a line of io.cost.model", text, &why))
    }
}

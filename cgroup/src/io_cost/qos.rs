// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much of a device is given away, and when that is less.

use std::fmt;
use std::str::FromStr;

use super::IoCostControl;
use super::line::{Line, unreadable};
use crate::error::Error;
use crate::value::{DeviceNumber, Micros, Percent, digits};

/// How much of a device is given away, and when that is less: a line of `io.cost.qos`.
///
/// Displays as the kernel's line and reads that: "8:0 enable=1 ctrl=user rpct=95.00 rlat=75000 wpct=95.00 wlat=150000
/// min=50.00 max=150.00".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[doc(alias = "io.cost.qos")]
pub struct IoCostQos {
    /// The device, a whole disk.
    pub device: DeviceNumber,
    /// Whether weights count on it.
    pub enable: bool,
    /// Who has chosen what follows.
    pub control: IoCostControl,
    /// So many of the reads have to take no longer than the next says, or less is given away; to 100 %, and 0 does not ask.
    pub read_percent: Percent,
    /// How long those reads may take.
    pub read_latency: Micros,
    /// The same of writes.
    pub write_percent: Percent,
    /// How long those writes may take.
    pub write_latency: Micros,
    /// The least that is given away, of what the model says the device can; 100 % is all of that.
    pub min: Percent,
    /// The most that is given away, which may be more than the model says.
    pub max: Percent,
}

impl IoCostQos {
    /// Everything wrong with it, a sentence each, beginning with its place.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let whole = Percent::from_hundredths(10_000);
        let parts = [("read_percent", self.read_percent), ("write_percent", self.write_percent)];
        let parts = parts.into_iter().filter(|(_, percent)| *percent > whole);
        let mut problems: Vec<String> =
            parts.map(|(place, percent)| format!("{place} {percent} is more than 100.00")).collect();
        if self.min.as_hundredths() == 0 {
            problems.push("min 0.00 gives nothing away".to_owned());
        }
        if self.min > self.max {
            problems.push(format!("min {} is more than max {}", self.min, self.max));
        }
        problems
    }

    /// The line that has the kernel take it: a number in it would make it the user's.
    pub(super) fn line(&self) -> String {
        match self.control {
            IoCostControl::User => self.to_string(),
            IoCostControl::Auto => format!("{} enable={} ctrl=auto", self.device, u8::from(self.enable)),
        }
    }
}

impl fmt::Display for IoCostQos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} enable={} ctrl={}", self.device, u8::from(self.enable), self.control.word())?;
        write!(f, " rpct={} rlat={}", self.read_percent, self.read_latency.as_u64())?;
        write!(f, " wpct={} wlat={}", self.write_percent, self.write_latency.as_u64())?;
        write!(f, " min={} max={}", self.min, self.max)
    }
}

impl FromStr for IoCostQos {
    type Err = Error;

    /// Reads a line of the kernel's.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    fn from_str(text: &str) -> Result<Self, Error> {
        const KEYS: [&str; 8] = ["enable", "ctrl", "rpct", "rlat", "wpct", "wlat", "min", "max"];
        let read = || -> Result<Self, String> {
            let line = Line::of(text, &KEYS)?;
            let percent = |key| line.value(key, |text| text.parse().ok());
            let time = |key| line.value(key, |text| digits(text).map(Micros::new));
            Ok(Self {
                device: line.device,
                enable: line.value("enable", |text| digits::<u8>(text).filter(|flag| *flag < 2))? == 1,
                control: line.value("ctrl", IoCostControl::of)?,
                read_percent: percent("rpct")?,
                read_latency: time("rlat")?,
                write_percent: percent("wpct")?,
                write_latency: time("wlat")?,
                min: percent("min")?,
                max: percent("max")?,
            })
        };
        read().map_err(|why| unreadable("a line of io.cost.qos", text, &why))
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text: offsets as `/proc/PID/timens_offsets` has them, a clock a line.

use std::fmt;
use std::str::FromStr;

use super::{ClockOffset, TimeOffsets};
use crate::error::{Error, Object};
use crate::words::{shown, words};

impl fmt::Display for TimeOffsets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "monotonic {}\nboottime {}", self.monotonic, self.boottime)
    }
}

impl FromStr for TimeOffsets {
    type Err = Error;

    /// Reads lines of a clock, seconds and nanoseconds. A clock is "monotonic" or "boottime", or its number, 1 or 7.
    ///
    /// # Errors
    /// `Invalid`, with a problem for each line that cannot be read, naming line and column.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut offsets = Self::new();
        let mut problems = Vec::new();
        let mut seen = [None::<usize>; 2];
        for (number, line) in (1..).zip(text.lines()) {
            match parse_line(line) {
                Ok(None) => {}
                Ok(Some((clock, offset))) => {
                    let (place, before) = match clock {
                        Clock::Monotonic => (&mut offsets.monotonic, &mut seen[0]),
                        Clock::Boottime => (&mut offsets.boottime, &mut seen[1]),
                    };
                    *place = offset;
                    if let Some(before) = before.replace(number) {
                        problems
                            .push(format!("line {number}, column 1: the clock has an offset in line {before} already"));
                    }
                }
                Err(problem) => problems.push(format!("line {number}, {problem}")),
            }
        }
        if problems.is_empty() {
            Ok(offsets)
        } else {
            Err(Error::invalid("parse", Object::Named("clock offsets"), problems))
        }
    }
}

enum Clock {
    Monotonic,
    Boottime,
}

fn parse_line(line: &str) -> Result<Option<(Clock, ClockOffset)>, String> {
    let mut words = words(line, 1);
    let Some((column, clock)) = words.next() else { return Ok(None) };
    let clock = match clock {
        "monotonic" | "1" => Clock::Monotonic,
        "boottime" | "7" => Clock::Boottime,
        other => return Err(format!("column {column}: {} is none of monotonic, boottime", shown(other))),
    };
    let end = line.chars().count() + 1;
    let (column, seconds) = words.next().ok_or_else(|| format!("column {end}: the seconds are missing"))?;
    let seconds = seconds
        .parse()
        .ok()
        .filter(|_| !seconds.starts_with('+'))
        .ok_or_else(|| format!("column {column}: {} is not a number of seconds", shown(seconds)))?;
    let (column, nanos) = words.next().ok_or_else(|| format!("column {end}: the nanoseconds are missing"))?;
    let nanoseconds = nanos
        .parse()
        .ok()
        .filter(|_| nanos.bytes().all(|byte| byte.is_ascii_digit()))
        .ok_or_else(|| format!("column {column}: {} is not a number of nanoseconds", shown(nanos)))?;
    match words.next() {
        Some((column, more)) => Err(format!("column {column}: {} is more than a clock and two numbers", shown(more))),
        None => Ok(Some((clock, ClockOffset { seconds, nanoseconds }))),
    }
}

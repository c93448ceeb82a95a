// SPDX-License-Identifier: MIT OR Apache-2.0
//! Output, for a reader who may have gone.

use std::io::{ErrorKind, Write};

use serde_json::Value;

use crate::failure::Failure;

/// Prints the text; that nobody reads it any more is no failure.
pub(crate) fn stdout(text: impl AsRef<str>) -> Result<(), Failure> {
    is_read(text).map(drop)
}

/// Prints the text; answers whether somebody may still read it.
pub(crate) fn is_read(text: impl AsRef<str>) -> Result<bool, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_ref().as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::from(format!("cannot write the output: {error}"))),
    }
}

/// Prints a value with line breaks.
pub(crate) fn json(value: &Value) -> Result<(), Failure> {
    stdout(format!("{value:#}\n"))
}

/// Prints lines of cells as a table: each column as wide as its widest cell, and three spaces between.
pub(crate) fn table(lines: &[Vec<String>]) -> Result<(), Failure> {
    const LEAST: usize = 12;
    let width_of = |column: usize| {
        let widest = lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
        widest.unwrap_or_default().saturating_add(3).max(LEAST)
    };
    let mut text = String::new();
    for line in lines {
        let last = line.len().saturating_sub(1);
        for (at, cell) in line.iter().enumerate() {
            let width = if at == last { 0 } else { width_of(at) };
            text.push_str(&format!("{cell:width$}"));
        }
        text.push('\n');
    }
    stdout(text)
}

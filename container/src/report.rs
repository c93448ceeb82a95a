// SPDX-License-Identifier: MIT OR Apache-2.0
//! Printing an error with its causes and its hint, for people.

use std::error::Error as StdError;
use std::fmt;

use crate::error::Error;

/// Displays an [`Error`] with everything below it, a line each, and the hint last.
///
/// ```text
/// cannot create the container
///   step 2 of 7, in the child: mount proc on "/proc"
///   cause: Operation not permitted (EPERM)
///   hint: …
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Report<'a>(pub &'a Error);

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            next = cause.source();
            // A step leads to its cause; the last one is the cause, unless it lists what is wrong with the request.
            let lead = if next.is_some() || !self.0.problems().is_empty() { "" } else { "cause: " };
            for (at, line) in cause.to_string().lines().enumerate() {
                // Problems stand side by side; what follows the first line of a cause belongs to it.
                let lead = if at > 0 && !lead.is_empty() { "  " } else { lead };
                write!(f, "\n  {lead}{line}")?;
            }
        }
        match self.0.hint() {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

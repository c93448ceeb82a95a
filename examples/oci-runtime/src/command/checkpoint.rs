// SPDX-License-Identifier: MIT OR Apache-2.0
//! `checkpoint` and `restore`: what is missing for them.

use crate::failure::Failure;

/// Says so.
pub(super) fn refused(command: &str) -> Result<(), Failure> {
    let why = "it takes criu(8) to dump processes and to put them back, and skep does not lead it yet";
    Err(Failure::from(format!("{command} cannot be done: {why}; nothing was changed")))
}

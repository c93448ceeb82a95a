// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors as text, and the file that keeps them.

use std::fmt::Debug;
use std::path::Path;

use needs::Messages;
use skep_ns::Error;

/// What people read.
pub(crate) const MESSAGES: Messages =
    Messages::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages.txt"), include_str!("../../messages.txt"));

/// All that an error has to say, a line each.
pub(crate) fn all(error: &Error) -> String {
    needs::in_words(error, &error.kind(), error.errno(), error.hint())
}

/// A result as text: what the error says, or the value.
pub(crate) fn result<T: Debug>(result: &Result<T, Error>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => all(error),
    }
}

/// Compares what the error says with the section `name` of the messages, with `dir` written as DIR.
#[track_caller]
pub(crate) fn check(name: &str, error: &Error, dir: &Path) {
    MESSAGES.check(name, &all(error).replace(dir.to_str().unwrap(), "DIR"));
}

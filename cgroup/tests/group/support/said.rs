// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors as text, and the file that keeps them.

use needs::Messages;
use skep_cgroup::Error;

/// What people read.
const MESSAGES: Messages =
    Messages::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages.txt"), include_str!("../../messages.txt"));

/// All that an error has to say, a line each.
pub(crate) fn all(error: &Error) -> String {
    needs::in_words(error, &error.kind(), error.errno(), error.hint())
}

/// Compares what the error says with the section `name` of the messages; each of `names` is written as its second word.
#[track_caller]
pub(crate) fn check(name: &str, error: &Error, names: &[(&str, &str)]) {
    MESSAGES.check(name, &names.iter().fold(all(error), |said, (ours, word)| said.replace(ours, word)));
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors as text, and the file that keeps them.

use std::path::Path;

use needs::Messages;
use skep_rootfs::Error;

/// What people read.
const MESSAGES: Messages =
    Messages::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages.txt"), include_str!("../messages.txt"));

/// Compares what the error says with the section `name` of the messages, with `dir` written as DIR.
#[track_caller]
pub(crate) fn check(name: &str, error: &Error, dir: impl AsRef<Path>) {
    let said = needs::in_words(error, &error.kind(), error.errno(), error.hint());
    MESSAGES.check(name, &said.replace(dir.as_ref().to_str().unwrap().trim_end_matches('/'), "DIR"));
}

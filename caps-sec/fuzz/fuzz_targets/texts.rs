// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every text and every attribute that skep-caps-sec reads, but those of seccomp: nothing panics, each complaint says
//! something, and what is read is written to be read as the same again.
#![no_main]

#[path = "../../tests/texts/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::all(data));

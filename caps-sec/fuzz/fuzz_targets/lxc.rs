// SPDX-License-Identifier: MIT OR Apache-2.0
//! LXC's policy text.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| skep_caps_sec::fuzzed::lxc(text));

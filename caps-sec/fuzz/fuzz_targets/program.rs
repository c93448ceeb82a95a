// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs of classic BPF: the check, the interpreter, the listing.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skep_caps_sec::fuzzed::program(data));

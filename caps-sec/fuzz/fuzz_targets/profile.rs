// SPDX-License-Identifier: MIT OR Apache-2.0
//! Profiles in JSON, OCI's and Docker's.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| skep_caps_sec::fuzzed::profile(text));

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every file of statistics, of either version: what the first line names.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skep_cgroup::fuzzed::stat(data));

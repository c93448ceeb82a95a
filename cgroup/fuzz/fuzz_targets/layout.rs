// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/proc/self/mountinfo`, and behind a NUL byte `/proc/self/cgroup`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skep_cgroup::fuzzed::layout(data));

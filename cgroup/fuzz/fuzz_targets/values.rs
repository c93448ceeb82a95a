// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every text that makes a value: amounts, lists, quotas, device rules, paths.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &str| skep_cgroup::fuzzed::values(data));

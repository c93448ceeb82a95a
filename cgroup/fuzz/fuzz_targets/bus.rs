// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages of D-Bus, as whoever is at the other end of the socket writes them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skep_cgroup::fuzzed::bus(data));

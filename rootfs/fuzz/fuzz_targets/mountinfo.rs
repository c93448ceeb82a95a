// SPDX-License-Identifier: MIT OR Apache-2.0
//! Texts of mountinfo: none panics, what is read is read whole, and the tree of it ends.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skep_rootfs::fuzzed::mountinfo(data));

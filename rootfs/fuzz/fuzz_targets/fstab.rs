// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines of fstab with mount(8)'s words, LXC's and the recursive ones: what is read can be said and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skep_rootfs::fuzzed::fstab(data));

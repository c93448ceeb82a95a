// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a kernel could tell of nf_tables: no bytes panic, and what is understood is written as the same. Begins with
//! `seeds/nft`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skep_ns::net::nft::fuzzed;

fuzz_target!(|datagram: &[u8]| {
    let count = fuzzed::read(datagram);
    assert!(count <= datagram.len());
});

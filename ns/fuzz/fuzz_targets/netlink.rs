// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every datagram that a kernel could send: no bytes panic, and nothing is read beyond them. Begins with `seeds/netlink`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use skep_ns::net::fuzzed;

fuzz_target!(|datagram: &[u8]| {
    let count = fuzzed::read(datagram);
    assert!(count <= datagram.len());
});

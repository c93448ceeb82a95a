// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a fuzzer feeds: any bytes, as if the kernel had said them.

use super::address::address_of;
use super::link::{entry_of, link_of, vlans_in};
use super::message::Messages;
use super::neighbour::neighbour_of;
use super::route::route_of;
use super::rule::rule_of;
use super::socket::answer_in;

/// Reads all that a datagram tells, and answers how many things that were.
#[must_use]
pub fn read(datagram: &[u8]) -> usize {
    let mut count = 0;
    for received in Messages(datagram) {
        count += usize::from(link_of(&received).is_some());
        count += usize::from(address_of(&received).is_some());
        count += usize::from(route_of(&received).is_some());
        count += usize::from(neighbour_of(&received).is_some());
        count += usize::from(entry_of(&received).is_some());
        count += usize::from(rule_of(&received).is_some());
        count += usize::from(vlans_in(&received).is_some());
        count += usize::from(answer_in(&received));
    }
    count
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network of a namespace: links, addresses, routes, neighbours and rules, spoken of with the kernel in netlink.
//!
//! Man: netlink(7), rtnetlink(7).

#[allow(dead_code, reason = "links and addresses are the next subjects")]
mod message;
#[allow(dead_code, reason = "links and addresses are the next subjects")]
mod socket;

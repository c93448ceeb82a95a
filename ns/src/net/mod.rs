// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network of a namespace: links, addresses, routes, neighbours and rules, spoken of with the kernel in netlink.
//!
//! A [`Net`] is a net namespace with a socket in it; its verbs take and give values that are checked before anything is
//! touched, and whose refusals have the kernel's own words and the attribute that it points at.
//!
//! Man: netlink(7), rtnetlink(7).

mod handle;
mod link;
mod mac;
#[allow(dead_code, reason = "routes and watches are the next subjects")]
mod message;
#[allow(dead_code, reason = "routes and watches are the next subjects")]
mod socket;
mod tun;

pub use handle::Net;
pub use link::{
    Bridge, BridgePort, Ipvlan, IpvlanIsolation, IpvlanMode, LentLink, Link, LinkChange, LinkFlags, LinkKind, LinkRef,
    LinkStatistics, Macvlan, MacvlanMode, NewLink, OperState, PortVlan, Veth, Vlan, Vxlan,
};
pub use mac::MacAddress;
pub use tun::{Tun, TunEnd};

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The network of a namespace: links, addresses, routes, neighbours and rules, spoken of with the kernel in netlink.
//!
//! A [`Net`] is a net namespace with a socket in it; its verbs take and give values that are checked before anything is
//! touched, and whose refusals have the kernel's own words and the attribute that it points at. A [`Watch`] tells what
//! changes; a [`Pool`](subnet::Pool) keeps account of addresses. All of it blocks, no longer than the kernel takes, and
//! can be used from any thread.
//!
//! ```no_run
//! use skep_ns::net::{Address, Bridge, Net, NewLink, Route};
//! use skep_ns::Namespace;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (host, web) = (Net::here()?, Net::of(Namespace::open("/run/netns/web")?)?);
//! host.create_link(&NewLink::bridge("br0", Bridge::new()).up())?;
//! host.add_address("br0", &Address::new("10.0.3.1/24".parse()?))?;
//! host.create_veth(&NewLink::veth("web0", NewLink::peer("eth0").up()).master("br0").up(), &web)?;
//! web.loopback_up()?;
//! web.add_address("eth0", &Address::new("10.0.3.7/24".parse()?))?;
//! web.add_route(&Route::default_by([10, 0, 3, 1]))?;
//! host.enable_forwarding()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//! No wireless, no tunnels but vxlan, no traffic shaping; of a link of a kind that is not known here nothing can be told but
//! its name. What several requests take is not one step for others who look: a link is there before its other names are.
//!
//! Man: netlink(7), rtnetlink(7).

mod address;
mod cidr;
mod handle;
mod link;
mod mac;
mod message;
mod neighbour;
pub mod nft;
#[cfg(test)]
mod oracle;
mod route;
mod rule;
mod scope;
mod socket;
pub mod subnet;
mod tun;
mod watch;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzed;

use std::net::IpAddr;

pub use address::{Address, AddressFlags};
pub use cidr::Cidr;
pub use handle::Net;
pub use link::{
    Bridge, BridgeEntry, BridgeEntryKind, BridgePort, Ipvlan, IpvlanIsolation, IpvlanMode, LentLink, Link, LinkChange,
    LinkFlags, LinkKind, LinkRef, LinkStatistics, Macvlan, MacvlanMode, NewLink, OperState, PortVlan, Veth, Vlan,
    Vxlan,
};
pub use mac::MacAddress;
pub use neighbour::{Neighbour, NeighbourState};
pub use route::{Hop, Route, RouteKind};
pub use rule::{Rule, RuleAction};
pub use scope::Scope;
pub use tun::{Tun, TunEnd};
pub use watch::{Event, Subjects, Watch};

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// The family of an address.
const fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { AF_INET } else { AF_INET6 }
}

/// The bytes of an address, as they are sent.
fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

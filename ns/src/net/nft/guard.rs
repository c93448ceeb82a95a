// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guards: a port of a bridge speaks for nobody but itself.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};

use crate::net::mac::MacAddress;

/// What may come in by a port of a bridge: frames of one hardware address and of these IP addresses, and nothing else.
///
/// All of it is looked at before the bridge learns from the frame. Passed on are:
/// - ARP with that hardware address as sender and one of the IPv4 addresses, or the question whether one of them is taken;
/// - IPv4 from one of the addresses;
/// - IPv6 from one of them, where there is one also from the link-local address that belongs to the hardware address (RFC
///   4291, appendix A), neighbour advertisements for these alone, the question whether one of them is taken, and reports of
///   groups;
/// - with [`dhcp`](Self::dhcp), the requests of a DHCP client that has no address yet, for this hardware address.
///
/// Never are: what a DHCP server (of either version) or a router says, router advertisements and redirects among it; frames
/// with a VLAN tag; anything that is neither ARP nor IP; of IPv6, neighbours' words in parts, and parts whose header is
/// followed by options, since they hide what they are of.
///
/// ```
/// use skep_ns::net::{MacAddress, nft::Guard};
///
/// let guard = Guard::new("veth-web", MacAddress::derived("web", &[])).address([10, 0, 3, 7]);
/// assert!(guard.problems().is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Guard {
    /// The name of the port. A link that comes to have it later is guarded as well.
    pub port: String,
    /// The hardware address of what is behind it.
    pub mac: MacAddress,
    /// Its addresses.
    #[cfg_attr(feature = "serde", serde(default))]
    pub addresses: BTreeSet<IpAddr>,
    /// Whether it may ask for one by DHCP. The one that it gets has to be among [`addresses`](Self::addresses) all the same.
    #[cfg_attr(feature = "serde", serde(default))]
    pub dhcp: bool,
}

impl Guard {
    /// A guard of this port, behind which is this hardware address, with no IP address yet.
    #[must_use]
    pub fn new(port: impl Into<String>, mac: MacAddress) -> Self {
        Self { port: port.into(), mac, addresses: BTreeSet::new(), dhcp: false }
    }

    /// One more address.
    #[must_use]
    pub fn address(mut self, address: impl Into<IpAddr>) -> Self {
        self.addresses.insert(address.into());
        self
    }

    /// Lets it ask for its IPv4 address by DHCP. That of IPv6 needs no leave: its requests come from the link-local address.
    #[must_use]
    pub fn dhcp(mut self) -> Self {
        self.dhcp = true;
        self
    }

    /// Everything that is wrong with it, a sentence each; nothing is asked.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(crate::net::link::problem_of_name(&self.port));
        problems.extend(self.mac.problem());
        for address in &self.addresses {
            if address.is_unspecified() || address.is_multicast() || address.is_loopback() {
                problems.push(format!("{address} is no address of a link"));
            }
        }
        problems
    }

    /// Its IPv6 addresses, with that of the link, if there are any.
    pub(super) fn v6(&self) -> Vec<IpAddr> {
        let mut all: BTreeSet<IpAddr> = self.addresses.iter().copied().filter(IpAddr::is_ipv6).collect();
        if !all.is_empty() {
            all.insert(link_local(self.mac).into());
        }
        all.into_iter().collect()
    }
}

/// The link-local address that the kernel gives a link of this hardware address.
fn link_local(mac: MacAddress) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.octets();
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

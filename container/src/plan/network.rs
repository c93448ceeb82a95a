// SPDX-License-Identifier: MIT OR Apache-2.0
//! A network as it is planned on this host: every name and number settled, so that what is made is known beforehand.

use std::fmt;

use skep_ns::net::{Cidr, MacAddress, Route};

use crate::state::{Home, Removal};

/// A cable that a plan makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetworkPlan {
    /// Its name in the container.
    pub(crate) name: String,
    pub(crate) mac: Option<MacAddress>,
    /// Its longest packet; the kernel's own choice if nobody knows the bridge's.
    pub(crate) mtu: Option<u32>,
    pub(crate) bridge: String,
    /// The name of its end outside.
    pub(crate) host_name: String,
    /// The hardware address of its end outside: by this and the name it is known again.
    pub(crate) host_mac: MacAddress,
    /// Where that end will be, if it can be told.
    pub(crate) home: Option<Home>,
    pub(crate) addresses: Vec<Cidr>,
    /// The bridge's own address, if one that is free in its network is chosen when the cable is laid.
    pub(crate) automatic: Option<Cidr>,
    /// Whether the bridge passes on what is for nobody near.
    pub(crate) by_bridge: bool,
    pub(crate) routes: Vec<Route>,
}

impl NetworkPlan {
    /// What must be removed with the container.
    pub(crate) fn removal(&self) -> Removal {
        Removal::Link { name: self.host_name.clone(), mac: self.host_mac, home: self.home.clone() }
    }
}

impl fmt::Display for NetworkPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, bridge, host_name, .. } = self;
        write!(f, "lay a cable from {name:?} to {host_name:?} in the bridge {bridge:?}")?;
        let mac = self.mac.map(|mac| format!("hardware address {mac}"));
        let mtu = self.mtu.map(|mtu| format!("MTU {mtu}"));
        let automatic = self.automatic.map(|bridge| format!("a free address of {}", bridge.network()));
        let addresses = self.addresses.iter().map(ToString::to_string).chain(automatic);
        let routes = self.routes.iter().map(|route| match (route.is_default(), route.gateway) {
            (true, Some(gateway)) => format!("all else by {gateway}"),
            _ => format!("route {route}"),
        });
        let details: Vec<String> = mac.into_iter().chain(mtu).chain(addresses).chain(routes).collect();
        if details.is_empty() { Ok(()) } else { write!(f, " ({})", details.join(", ")) }
    }
}

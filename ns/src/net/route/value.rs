// SPDX-License-Identifier: MIT OR Apache-2.0
//! The value: a route, as it is wanted or was told.

use std::net::IpAddr;

use super::message::RTPROT_STATIC;
use super::way::{Hop, RouteKind};
use crate::error::Object;
use crate::net::Cidr;
use crate::net::link::LinkRef;
use crate::net::scope::Scope;

/// A route: to be added, or as the kernel told it.
///
/// ```
/// use skep_ns::net::Route;
///
/// let way_out = Route::default_by("10.0.3.1".parse::<std::net::IpAddr>().unwrap()).metric(100);
/// assert!(way_out.problems().is_empty());
/// assert_eq!(way_out.to_string(), "0.0.0.0/0 via 10.0.3.1 metric 100");
/// ```
///
/// See ip-route(8).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Route {
    /// For which network: `0.0.0.0/0` and `::/0` are for all.
    pub destination: Cidr,
    /// What is done with packets for it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub kind: RouteKind,
    /// The next machine, which may be of the other version of IP (of 6 for 4; Linux 5.2).
    #[cfg_attr(feature = "serde", serde(default))]
    pub gateway: Option<IpAddr>,
    /// The link that they leave by; told ones are told by number.
    #[cfg_attr(feature = "serde", serde(default))]
    pub link: Option<LinkRef>,
    /// Several ways, in place of one.
    #[cfg_attr(feature = "serde", serde(default))]
    pub hops: Vec<Hop>,
    /// The table that it is in: 254 is the one that is looked at without rules.
    #[cfg_attr(feature = "serde", serde(default = "main_table"))]
    pub table: u32,
    /// Of several for the same network that with the lowest is taken.
    #[cfg_attr(feature = "serde", serde(default))]
    pub metric: Option<u32>,
    /// The address that is sent from.
    #[cfg_attr(feature = "serde", serde(default))]
    pub source: Option<IpAddr>,
    /// How far the destination is; `None` is what follows from the rest.
    #[cfg_attr(feature = "serde", serde(default))]
    pub scope: Option<Scope>,
    /// The longest packet of it, in bytes.
    #[cfg_attr(feature = "serde", serde(default))]
    pub mtu: Option<u32>,
    /// Whether the gateway is taken to be on the link, whatever the addresses say.
    #[cfg_attr(feature = "serde", serde(default))]
    pub on_link: bool,
    /// Who has made it: 2 is the kernel, 4 an administrator, as whom ours are made.
    #[cfg_attr(feature = "serde", serde(default = "by_administrator"))]
    pub protocol: u8,
}

#[cfg(feature = "serde")]
const fn main_table() -> u32 {
    Route::MAIN
}

#[cfg(feature = "serde")]
const fn by_administrator() -> u8 {
    RTPROT_STATIC
}

impl Route {
    /// The number of the table that is looked at without rules.
    pub const MAIN: u32 = 254;
    /// The number of the table in which the kernel keeps the namespace's own addresses.
    pub const LOCAL: u32 = 255;

    /// A route for a network.
    #[must_use]
    pub fn to(destination: Cidr) -> Self {
        Self {
            destination,
            kind: RouteKind::Unicast,
            gateway: None,
            link: None,
            hops: Vec::new(),
            table: Self::MAIN,
            metric: None,
            source: None,
            scope: None,
            mtu: None,
            on_link: false,
            protocol: RTPROT_STATIC,
        }
    }

    /// The route for all that has no other, by this machine.
    #[must_use]
    pub fn default_by(gateway: impl Into<IpAddr>) -> Self {
        let gateway = gateway.into();
        Self::to(Cidr::everything(gateway)).gateway(gateway)
    }

    /// What is done with packets for it.
    #[must_use]
    pub fn kind(mut self, kind: RouteKind) -> Self {
        self.kind = kind;
        self
    }

    /// By this machine.
    #[must_use]
    pub fn gateway(mut self, gateway: impl Into<IpAddr>) -> Self {
        self.gateway = Some(gateway.into());
        self
    }

    /// By this link.
    #[must_use]
    #[doc(alias = "RTA_OIF")]
    pub fn link(mut self, link: impl Into<LinkRef>) -> Self {
        self.link = Some(link.into());
        self
    }

    /// One more of several ways.
    #[must_use]
    #[doc(alias = "RTA_MULTIPATH")]
    pub fn hop(mut self, hop: Hop) -> Self {
        self.hops.push(hop);
        self
    }

    /// The table that it is in.
    #[must_use]
    pub fn table(mut self, table: u32) -> Self {
        self.table = table;
        self
    }

    /// Of several the one with the lowest is taken.
    #[must_use]
    #[doc(alias = "RTA_PRIORITY")]
    pub fn metric(mut self, metric: u32) -> Self {
        self.metric = Some(metric);
        self
    }

    /// The address that is sent from.
    #[must_use]
    #[doc(alias = "RTA_PREFSRC")]
    pub fn source(mut self, source: impl Into<IpAddr>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How far the destination is.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = Some(scope);
        self
    }

    /// The longest packet of it, in bytes.
    #[must_use]
    pub fn mtu(mut self, bytes: u32) -> Self {
        self.mtu = Some(bytes);
        self
    }

    /// The gateway is on the link, whatever the addresses say.
    #[must_use]
    #[doc(alias = "RTNH_F_ONLINK")]
    pub fn on_link(mut self) -> Self {
        self.on_link = true;
        self
    }

    /// Whether it is for all that has no other.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.destination.prefix() == 0
    }

    /// Everything wrong with it that can be known beforehand.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let four = self.destination.is_ipv4();
        if !self.destination.is_network() {
            let network = self.destination.network();
            problems.push(format!("destination: {} is no network, which would be {network}", self.destination));
        }
        let gateways = self.gateway.iter().chain(self.hops.iter().filter_map(|hop| hop.gateway.as_ref()));
        for gateway in gateways.filter(|gateway| gateway.is_ipv4() && !four) {
            problems.push(format!("gateway: {gateway} cannot be asked for addresses of version 6"));
        }
        if self.source.is_some_and(|source| source.is_ipv4() != four) {
            problems.push("source: it is of the other version of IP".to_owned());
        }
        if !self.hops.is_empty() && (self.gateway.is_some() || self.link.is_some()) {
            problems.push("hops: there is a gateway or link beside them".to_owned());
        }
        let silent = self.kind.leads_nowhere();
        let leads = self.gateway.is_some() || self.link.is_some() || !self.hops.is_empty();
        if silent && leads {
            problems.push("kind: what is dropped leaves by no gateway and no link".to_owned());
        }
        if !silent && !leads {
            problems.push("gateway: neither one is given, nor a link".to_owned());
        }
        for hop in self.hops.iter().filter(|hop| hop.weight == 0 || hop.weight > 256) {
            problems.push(format!("hops: a weight is from 1 to 256, not {}", hop.weight));
        }
        let links = self.link.iter().chain(self.hops.iter().filter_map(|hop| hop.link.as_ref()));
        problems.extend(links.filter_map(LinkRef::problem).map(|problem| format!("link: {problem}")));
        problems
    }

    pub(super) fn object(&self) -> Object {
        Object::Network(format!("the route {self}"))
    }

    pub(super) fn scope_or_default(&self) -> Scope {
        let by_itself = || match (self.destination.is_ipv4(), self.kind) {
            (false, _) => Scope::Global,
            (true, RouteKind::Local) => Scope::Host,
            (true, RouteKind::Unicast | RouteKind::Multicast) if self.gateway.is_some() || !self.hops.is_empty() => {
                Scope::Global
            }
            (true, RouteKind::Unicast | RouteKind::Broadcast | RouteKind::Anycast | RouteKind::Multicast) => {
                Scope::Link
            }
            _ => Scope::Global,
        };
        self.scope.unwrap_or_else(by_itself)
    }
}

impl std::fmt::Display for Route {
    /// As ip-route(8) writes it, mostly.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.kind {
            RouteKind::Unicast => {}
            RouteKind::Other(number) => write!(f, "kind {number} ")?,
            kind => write!(f, "{} ", format!("{kind:?}").to_lowercase())?,
        }
        write!(f, "{}", self.destination)?;
        let way = |f: &mut std::fmt::Formatter<'_>, gateway: Option<IpAddr>, link: Option<&LinkRef>| {
            gateway.map_or(Ok(()), |gateway| write!(f, " via {gateway}"))?;
            link.map_or(Ok(()), |link| write!(f, " dev {link}"))
        };
        way(f, self.gateway, self.link.as_ref())?;
        for hop in &self.hops {
            f.write_str(" nexthop")?;
            way(f, hop.gateway, hop.link.as_ref())?;
        }
        if self.table != Self::MAIN {
            write!(f, " table {}", self.table)?;
        }
        self.metric.map_or(Ok(()), |metric| write!(f, " metric {metric}"))
    }
}

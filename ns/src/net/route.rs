// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes: where packets for a network go.
//!
//! Man: ip-route(8), rtnetlink(7). Kernel: include/uapi/linux/rtnetlink.h.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::io::Errno;

use super::handle::{Net, refused};
use super::link::{LinkRef, checked};
use super::message::{Attributes, Message, Received, Value, attributes, flags};
use super::scope::Scope;
use super::{AF_INET, AF_INET6, Cidr, family, octets};
use crate::error::{Error, ErrorKind, Object};

pub(super) const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const RTM_GETROUTE: u16 = 26;
const RTPROT_STATIC: u8 = 4;
const RTNH_F_ONLINK: u32 = 4;
/// What was made for one packet, and is no route that somebody has set.
const RTM_F_CLONED: u32 = 0x200;

attributes! { mod rta;
    RTA_DST = 1, RTA_OIF = 4, RTA_GATEWAY = 5, RTA_PRIORITY = 6, RTA_PREFSRC = 7, RTA_METRICS = 8, RTA_MULTIPATH = 9,
    RTA_TABLE = 15, RTA_VIA = 18,
}
attributes! { mod rtax; RTAX_MTU = 2 }

/// What is done with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum RouteKind {
    /// It is sent on.
    #[default]
    Unicast,
    /// It is for this namespace.
    Local,
    /// It is sent to all on the link.
    Broadcast,
    /// It is sent to one of several.
    Anycast,
    /// It is sent to a group.
    Multicast,
    /// It is dropped.
    Blackhole,
    /// It is dropped, and the sender told that there is no way.
    Unreachable,
    /// It is dropped, and the sender told that it is forbidden.
    Prohibit,
    /// The next rule is asked.
    Throw,
    /// Another number of the kernel's.
    Other(u8),
}

const KINDS: [(RouteKind, u8); 9] = [
    (RouteKind::Unicast, 1),
    (RouteKind::Local, 2),
    (RouteKind::Broadcast, 3),
    (RouteKind::Anycast, 4),
    (RouteKind::Multicast, 5),
    (RouteKind::Blackhole, 6),
    (RouteKind::Unreachable, 7),
    (RouteKind::Prohibit, 8),
    (RouteKind::Throw, 9),
];

impl RouteKind {
    fn number(self) -> u8 {
        let other = if let Self::Other(number) = self { number } else { 1 };
        KINDS.iter().find(|(kind, _)| *kind == self).map_or(other, |(_, number)| *number)
    }

    fn of(number: u8) -> Self {
        KINDS.iter().find(|(_, known)| *known == number).map_or(Self::Other(number), |(kind, _)| *kind)
    }
}

/// One of several ways.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Hop {
    /// The next machine.
    pub gateway: Option<IpAddr>,
    /// The link to it.
    pub link: Option<LinkRef>,
    /// How often it is taken, beside the others: 1 to 256.
    pub weight: u16,
}

impl Hop {
    /// By this machine.
    #[must_use]
    pub fn gateway(gateway: impl Into<IpAddr>) -> Self {
        Self { gateway: Some(gateway.into()), link: None, weight: 1 }
    }

    /// By this link.
    #[must_use]
    pub fn link(mut self, link: impl Into<LinkRef>) -> Self {
        self.link = Some(link.into());
        self
    }

    /// How often it is taken, beside the others.
    #[must_use]
    pub fn weight(mut self, weight: u16) -> Self {
        self.weight = weight;
        self
    }
}

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
        let silent =
            matches!(self.kind, RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit | RouteKind::Throw);
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

    fn object(&self) -> Object {
        Object::Network(format!("the route {self}"))
    }

    fn scope_or_default(&self) -> Scope {
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

    /// `struct rtmsg` and the attributes; `links` are the numbers of the link, or of the hops' links.
    pub(super) fn message(&self, kind: u16, more: u16, links: &[u32]) -> Message {
        let address = self.destination.address();
        let small_table = u8::try_from(self.table).unwrap_or(0);
        let route_flags = if self.on_link { RTNH_F_ONLINK } else { 0 };
        let [f0, f1, f2, f3] = route_flags.to_ne_bytes();
        let scope = self.scope_or_default().number();
        let (prefix, kind_number) = (self.destination.prefix(), self.kind.number());
        let header = [family(address), prefix, 0, 0, small_table, self.protocol, scope, kind_number, f0, f1, f2, f3];
        let mut message = Message::new(kind, more, &header);
        message.bytes(RTA_DST, &octets(address)).u32(RTA_TABLE, self.table);
        if let Some(gateway) = self.gateway {
            write_gateway(&mut message, address, gateway);
        }
        match (links.first(), self.hops.is_empty()) {
            (Some(link), true) => drop(message.u32(RTA_OIF, *link)),
            (None, true) => {}
            (_, false) => {
                message.within(RTA_MULTIPATH, |message| {
                    for (hop, link) in self.hops.iter().zip(links) {
                        // struct rtnexthop: length, flags, weight less one, link.
                        let [i0, i1, i2, i3] = link.to_ne_bytes();
                        let weight = u8::try_from(hop.weight.saturating_sub(1)).unwrap_or(u8::MAX);
                        let rest = [route_flags.to_ne_bytes()[0], weight, i0, i1, i2, i3];
                        message.counted("rtnexthop", &rest, |message| {
                            if let Some(gateway) = hop.gateway {
                                write_gateway(message, address, gateway);
                            }
                        });
                    }
                });
            }
        }
        if let Some(metric) = self.metric {
            message.u32(RTA_PRIORITY, metric);
        }
        if let Some(source) = self.source {
            message.bytes(RTA_PREFSRC, &octets(source));
        }
        if let Some(mtu) = self.mtu {
            message.nested(RTA_METRICS, |message| {
                message.u32(RTAX_MTU, mtu);
            });
        }
        message
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

fn write_gateway(message: &mut Message, destination: IpAddr, gateway: IpAddr) {
    if destination.is_ipv4() == gateway.is_ipv4() {
        message.bytes(RTA_GATEWAY, &octets(gateway));
    } else {
        // struct rtvia: the family, and the address.
        message.bytes(RTA_VIA, &[&u16::from(family(gateway)).to_ne_bytes(), octets(gateway).as_slice()].concat());
    }
}

/// The route that a message tells of; none of what was made for one packet.
pub(super) fn route_of(received: &Received<'_>) -> Option<Route> {
    if received.kind != RTM_NEWROUTE && received.kind != RTM_DELROUTE {
        return None;
    }
    let ([version, prefix, _, _, table, protocol, scope, kind, f0, f1, f2, f3], attributes) = received.split::<12>()?;
    let route_flags = u32::from_ne_bytes([*f0, *f1, *f2, *f3]);
    let everything: IpAddr = match *version {
        AF_INET => Ipv4Addr::UNSPECIFIED.into(),
        AF_INET6 => Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    if route_flags & RTM_F_CLONED != 0 {
        return None;
    }
    let mut told = Route::to(Cidr::new(everything, *prefix)?);
    (told.table, told.protocol, told.kind) = ((*table).into(), *protocol, RouteKind::of(*kind));
    (told.scope, told.on_link) = (Some(Scope::of(*scope)), route_flags & RTNH_F_ONLINK != 0);
    for (number, value) in attributes {
        match number {
            rta::RTA_DST => told.destination = Cidr::new(value.ip()?, *prefix)?,
            rta::RTA_OIF => told.link = value.u32().map(LinkRef::Index),
            rta::RTA_GATEWAY => told.gateway = value.ip(),
            rta::RTA_VIA => told.gateway = via(value),
            rta::RTA_PRIORITY => told.metric = value.u32(),
            rta::RTA_PREFSRC => told.source = value.ip(),
            rta::RTA_TABLE => told.table = value.u32().unwrap_or(told.table),
            rta::RTA_METRICS => {
                let mut metrics = value.nested();
                told.mtu = metrics.find(|(number, _)| *number == rtax::RTAX_MTU).and_then(|(_, value)| value.u32());
            }
            rta::RTA_MULTIPATH => told.hops = hops(value),
            _ => {}
        }
    }
    Some(told)
}

fn via(value: Value<'_>) -> Option<IpAddr> {
    Value(value.0.get(2..)?).ip()
}

/// `struct rtnexthop`, one after the other, each with attributes.
fn hops(value: Value<'_>) -> Vec<Hop> {
    let mut rest = value.0;
    std::iter::from_fn(move || {
        let [l0, l1, _, weight, i0, i1, i2, i3] = *rest.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let attributes = Attributes(rest.get(8..length)?);
        rest = rest.get(length.saturating_add(3) & !3..).unwrap_or_default();
        let mut hop = Hop {
            gateway: None,
            link: Some(LinkRef::Index(u32::from_ne_bytes([i0, i1, i2, i3]))),
            weight: u16::from(weight).saturating_add(1),
        };
        for (number, value) in attributes {
            match number {
                rta::RTA_GATEWAY => hop.gateway = value.ip(),
                rta::RTA_VIA => hop.gateway = via(value),
                _ => {}
            }
        }
        Some(hop)
    })
    .collect()
}

pub(super) fn is_gone(received: &Received<'_>) -> bool {
    received.kind == RTM_DELROUTE
}

impl Net {
    /// Every route of the namespace, in every table.
    ///
    /// # Errors
    /// `Busy` if they change each time that they are read.
    /// # Kernel
    /// `RTM_GETROUTE`. See rtnetlink(7).
    pub fn routes(&self) -> Result<Vec<Route>, Error> {
        self.list("routes", &Message::new(RTM_GETROUTE, 0, &[0; 12]), route_of)
    }

    /// The routes of one table.
    ///
    /// # Errors
    /// As [`routes`](Self::routes).
    pub fn routes_in(&self, table: u32) -> Result<Vec<Route>, Error> {
        let mut found = Vec::new();
        for version in [AF_INET, AF_INET6] {
            let header = [version, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            let mut message = Message::new(RTM_GETROUTE, 0, &header);
            message.u32(RTA_TABLE, table);
            // An older kernel does not filter.
            let decode = |received: &Received<'_>| route_of(received).filter(|route| route.table == table);
            match self.route().dump(&message, decode) {
                Ok(routes) => found.extend(routes),
                // There is no such table, or nothing of this version at all.
                Err(refusal) if refusal.is(Errno::NOENT) || refusal.is(Errno::OPNOTSUPP) => {}
                Err(refusal) => return Err(refused(refusal, "list", Object::Named("routes"))),
            }
        }
        Ok(found)
    }

    /// The route that a packet to `address` would take now.
    ///
    /// # Errors
    /// `Invalid` if there is none.
    /// # Kernel
    /// `RTM_GETROUTE` of one address. See ip-route(8), "get".
    pub fn route_to(&self, address: IpAddr) -> Result<Route, Error> {
        let prefix = Cidr::single(address).prefix();
        let mut message = Message::new(RTM_GETROUTE, 0, &[family(address), prefix, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        message.bytes(RTA_DST, &octets(address));
        let mut found = None;
        let object = || Object::Network(format!("a route to {address}"));
        let asked = self.route().ask(&message, |received| {
            // It is told as made for one packet, which it is.
            found = found.take().or_else(|| {
                let mut plain = received.body.to_vec();
                let flags = plain.get_mut(8..).and_then(<[u8]>::first_chunk_mut::<4>)?;
                *flags = (u32::from_ne_bytes(*flags) & !RTM_F_CLONED).to_ne_bytes();
                route_of(&Received { body: &plain, ..*received })
            });
        });
        asked.map_err(|refusal| refused(refusal, "find", object()))?;
        found
            .ok_or_else(|| Error::os("find", object(), Errno::NETUNREACH.raw_os_error()).into_kind(ErrorKind::NotFound))
    }

    /// Adds a route.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is changed, and for a gateway that is on no link; `WrongState` if it is
    /// there, or its link is down; `NotFound` if there is no such link; `Denied` without the right.
    /// # Kernel
    /// `RTM_NEWROUTE`. See rtnetlink(7).
    pub fn add_route(&self, route: &Route) -> Result<(), Error> {
        self.send_route("add", RTM_NEWROUTE, flags::CREATE | flags::EXCL, route)
    }

    /// The same, in place of one for the same network with the same metric, if there is one.
    ///
    /// # Errors
    /// As [`add_route`](Self::add_route).
    pub fn replace_route(&self, route: &Route) -> Result<(), Error> {
        self.send_route("replace", RTM_NEWROUTE, flags::CREATE | flags::REPLACE, route)
    }

    /// Removes a route.
    ///
    /// # Errors
    /// `NotFound` if there is none like it; `Denied` without the right.
    /// # Kernel
    /// `RTM_DELROUTE`. See rtnetlink(7).
    pub fn remove_route(&self, route: &Route) -> Result<(), Error> {
        self.send_route("remove", RTM_DELROUTE, 0, route)
    }

    /// Adds routes in one go, which takes half the time.
    ///
    /// # Errors
    /// As [`add_route`](Self::add_route), for the first that is refused; the others are added.
    pub fn add_routes(&self, routes: &[Route]) -> Result<(), Error> {
        // As many as the kernel takes in one datagram, whatever its settings.
        for part in routes.chunks(512) {
            let mut messages = Vec::with_capacity(part.len());
            for route in part {
                checked("add", route.object(), route.problems())?;
                let links = self.links_of(route)?;
                messages.push(route.message(RTM_NEWROUTE, flags::CREATE | flags::EXCL, &links));
            }
            self.route().batch(&messages).map_err(|refusal| {
                let object = part.get(refusal.place).map_or(Object::Named("routes"), Route::object);
                refused(refusal, "add", object)
            })?;
        }
        Ok(())
    }

    fn send_route(&self, op: &'static str, kind: u16, more: u16, route: &Route) -> Result<(), Error> {
        checked(op, route.object(), route.problems())?;
        let message = route.message(kind, more, &self.links_of(route)?);
        self.request(op, &|| route.object(), &message)
    }

    /// The numbers of the links of a route: of its hops, of which one without a link has 0.
    fn links_of(&self, route: &Route) -> Result<Vec<u32>, Error> {
        let number = |link: &LinkRef| self.index_of("find", link);
        if route.hops.is_empty() {
            return route.link.iter().map(number).collect();
        }
        route.hops.iter().map(|hop| hop.link.as_ref().map_or(Ok(0), number)).collect()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes in messages, written and read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::value::Route;
use super::way::{Hop, RouteKind};
use crate::net::link::LinkRef;
use crate::net::message::{Attributes, Message, Received, Value, attributes};
use crate::net::scope::Scope;
use crate::net::{AF_INET, AF_INET6, Cidr, family, octets};

pub(in crate::net) const RTM_NEWROUTE: u16 = 24;
pub(super) const RTM_DELROUTE: u16 = 25;
pub(super) const RTM_GETROUTE: u16 = 26;
pub(super) const RTPROT_STATIC: u8 = 4;
const RTNH_F_ONLINK: u32 = 4;
/// What was made for one packet, and is no route that somebody has set.
pub(super) const RTM_F_CLONED: u32 = 0x200;

attributes! { mod rta;
    RTA_DST = 1, RTA_OIF = 4, RTA_GATEWAY = 5, RTA_PRIORITY = 6, RTA_PREFSRC = 7, RTA_METRICS = 8, RTA_MULTIPATH = 9,
    RTA_TABLE = 15, RTA_VIA = 18,
}
attributes! { mod rtax; RTAX_MTU = 2 }

impl Route {
    /// `struct rtmsg` and the attributes; `links` are the numbers of the link, or of the hops' links.
    pub(in crate::net) fn message(&self, kind: u16, more: u16, links: &[u32]) -> Message {
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

fn write_gateway(message: &mut Message, destination: IpAddr, gateway: IpAddr) {
    if destination.is_ipv4() == gateway.is_ipv4() {
        message.bytes(RTA_GATEWAY, &octets(gateway));
    } else {
        // struct rtvia: the family, and the address.
        message.bytes(RTA_VIA, &[&u16::from(family(gateway)).to_ne_bytes(), octets(gateway).as_slice()].concat());
    }
}

/// The route that a message tells of; none of what was made for one packet.
pub(in crate::net) fn route_of(received: &Received<'_>) -> Option<Route> {
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
            // Of version 6, what is dropped is told with the loopback link, by which it does not leave.
            rta::RTA_OIF if told.kind.leads_nowhere() => {}
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
            rta::RTA_MULTIPATH => {
                let on_link;
                (told.hops, on_link) = hops(value);
                told.on_link |= on_link;
            }
            _ => {}
        }
    }
    Some(told)
}

fn via(value: Value<'_>) -> Option<IpAddr> {
    Value(value.0.get(2..)?).ip()
}

/// `struct rtnexthop`, one after the other, each with attributes; and whether a gateway is taken to be on its link.
fn hops(value: Value<'_>) -> (Vec<Hop>, bool) {
    let mut rest = value.0;
    let mut on_link = false;
    let hops = std::iter::from_fn(|| {
        let [l0, l1, flags, weight, i0, i1, i2, i3] = *rest.first_chunk()?;
        on_link |= u32::from(flags) & RTNH_F_ONLINK != 0;
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
    .collect();
    (hops, on_link)
}

pub(in crate::net) fn is_gone(received: &Received<'_>) -> bool {
    received.kind == RTM_DELROUTE
}

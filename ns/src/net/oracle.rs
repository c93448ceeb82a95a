// SPDX-License-Identifier: MIT OR Apache-2.0
//! Beside netlink-packet-route: what we send it understands, and what it sends of that we read as what was meant.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what the tests call fails them by a panic"
)]

use std::net::IpAddr;

use needs::seeds;
use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::link::{LinkAttribute, LinkInfo};
use netlink_packet_route::neighbour::NeighbourAttribute;
use netlink_packet_route::route::RouteAttribute;
use proptest::prelude::*;

use super::address::address_of;
use super::link::{entry_of, link_of, tests as links};
use super::message::{Message, Messages, Received};
use super::neighbour::{RTM_NEWNEIGH, neighbour_of};
use super::route::{RTM_NEWROUTE, route_of};
use super::rule::{RTM_NEWRULE, rule_of};
use super::{
    Address, AddressFlags, BridgeEntry, BridgeEntryKind, Cidr, Hop, LinkFlags, LinkRef, MacAddress, Neighbour, NewLink,
    Route, RouteKind, Rule, RuleAction, Scope, fuzzed,
};

/// What the other side understands of a message.
fn understood(message: &Message) -> RouteNetlinkMessage {
    let mut bytes = Vec::new();
    message.write_to(&mut bytes, 0, 7).unwrap();
    let parsed = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes).unwrap();
    let NetlinkPayload::InnerMessage(inner) = parsed.payload else { panic!("{parsed:?}") };
    inner
}

/// What we read of what the other side writes of what it has understood.
fn through<T>(inner: RouteNetlinkMessage, read: impl Fn(&Received<'_>) -> Option<T>) -> T {
    let mut packet = NetlinkMessage::from(inner);
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);
    read(&Messages(&bytes).next().unwrap()).unwrap()
}

fn networks(four: bool) -> BoxedStrategy<Cidr> {
    if four {
        (any::<std::net::Ipv4Addr>(), 1..=32_u8).prop_map(|(a, p)| Cidr::new(a, p).unwrap().network()).boxed()
    } else {
        (any::<std::net::Ipv6Addr>(), 1..=128_u8).prop_map(|(a, p)| Cidr::new(a, p).unwrap().network()).boxed()
    }
}

fn addresses(four: bool) -> BoxedStrategy<IpAddr> {
    networks(four).prop_map(|network| network.last()).boxed()
}

fn routes() -> impl Strategy<Value = Route> {
    any::<bool>().prop_flat_map(|four| {
        let hops = prop::collection::vec((addresses(four), 1..100_u32, 1..=256_u16), 0..4);
        let rest = (
            prop::option::of(1..u32::MAX),
            prop::option::of(addresses(four)),
            1..u32::MAX,
            prop::option::of(68..9000_u32),
        );
        (networks(four), prop::option::of(addresses(four)), hops, rest, any::<bool>()).prop_map(
            |(destination, gateway, hops, (metric, source, table, mtu), on_link)| {
                let mut route = Route::to(destination).table(table).scope(Scope::Global);
                (route.metric, route.source, route.mtu) = (metric, source, mtu);
                route.on_link = on_link;
                if hops.is_empty() {
                    (route.gateway, route.link) = (gateway, Some(LinkRef::Index(7)));
                }
                for (gateway, link, weight) in hops {
                    route = route.hop(Hop::gateway(gateway).link(link).weight(weight));
                }
                route
            },
        )
    })
}

proptest! {
    #[test]
    fn links_are_understood(kind in links::kinds(), name in "[a-z]{1,15}", mac in any::<[u8; 6]>(), mtu in any::<u32>(), up in any::<bool>()) {
        let mut link = NewLink::new(name.clone(), kind.clone()).mac(MacAddress::new(mac)).mtu(mtu);
        if up {
            link = link.up();
        }
        let inner = understood(&links::request(&link));
        let RouteNetlinkMessage::NewLink(theirs) = &inner else { panic!("{inner:?}") };
        for wanted in [LinkAttribute::IfName(name), LinkAttribute::Mtu(mtu), LinkAttribute::Address(mac.to_vec()), LinkAttribute::Link(7), LinkAttribute::Controller(8)] {
            prop_assert!(theirs.attributes.contains(&wanted), "{:?} in {:?}", wanted, theirs);
        }
        let infos: Vec<&LinkInfo> = theirs.attributes.iter().filter_map(|a| if let LinkAttribute::LinkInfo(i) = a { Some(i) } else { None }).flatten().collect();
        let named = infos.iter().any(|info| matches!(info, LinkInfo::Kind(theirs) if theirs.to_string() == kind.name()));
        prop_assert!(named, "{:?}", infos);
        let told = through(inner, link_of);
        prop_assert_eq!((told.kind, told.mtu, told.flags.contains(LinkFlags::UP)), (Some(kind), mtu, up));
    }

    #[test]
    fn addresses_are_understood(
        (own, peer) in any::<bool>().prop_flat_map(|four| ((addresses(four), 1..=32_u8), prop::option::of(addresses(four)))),
        flags in any::<u16>(), label in "[a-z]{1,15}", lives in prop::option::of((0..u32::MAX, 0..u32::MAX)), index in any::<u32>(),
    ) {
        let mut wanted = Address::new(Cidr::new(own.0, own.1).unwrap()).flags(AddressFlags::from_bits_truncate(flags.into()));
        wanted.label = own.0.is_ipv4().then_some(label);
        wanted.peer = peer.filter(|peer| *peer != own.0);
        (wanted.preferred, wanted.valid) = (lives.map(|lives| lives.0), lives.map(|lives| lives.1));
        wanted.link = index;
        let inner = understood(&wanted.new_message(0, index));
        let RouteNetlinkMessage::NewAddress(theirs) = &inner else { panic!("{inner:?}") };
        prop_assert!(theirs.attributes.contains(&AddressAttribute::Local(own.0)), "{:?}", theirs);
        prop_assert_eq!((theirs.header.prefix_len, theirs.header.index), (own.1, index));
        prop_assert_eq!(through(inner, address_of), wanted);
    }

    #[test]
    fn routes_are_understood(wanted in routes()) {
        let links: Vec<u32> = if wanted.hops.is_empty() { vec![7] } else {
            wanted.hops.iter().map(|hop| match &hop.link { Some(LinkRef::Index(index)) => *index, _ => 0 }).collect()
        };
        let inner = understood(&wanted.message(RTM_NEWROUTE, 0, &links));
        let RouteNetlinkMessage::NewRoute(theirs) = &inner else { panic!("{inner:?}") };
        prop_assert!(theirs.attributes.contains(&RouteAttribute::Table(wanted.table)), "{:?}", theirs);
        prop_assert_eq!(theirs.header.destination_prefix_length, wanted.destination.prefix());
        let hops = theirs.attributes.iter().find_map(|a| if let RouteAttribute::MultiPath(hops) = a { Some(hops.len()) } else { None });
        prop_assert_eq!(hops.unwrap_or(0), wanted.hops.len());
        prop_assert_eq!(through(inner, route_of), wanted);
    }

    #[test]
    fn neighbours_are_understood(address in any::<bool>().prop_flat_map(addresses), mac in any::<[u8; 6]>(), proxy in any::<bool>()) {
        let wanted = if proxy { Neighbour::proxy(address) } else { Neighbour::new(address, MacAddress::new(mac)) };
        let inner = understood(&wanted.message(RTM_NEWNEIGH, 0, 0));
        prop_assert_eq!(through(inner, neighbour_of), wanted);
    }

    #[test]
    fn entries_of_bridges_are_understood(mac in any::<[u8; 6]>(), vlan in prop::option::of(1..4095_u16), port in any::<u32>(), sticky in any::<bool>(), kind in 0..3_usize) {
        let kind = [BridgeEntryKind::Static, BridgeEntryKind::Learned, BridgeEntryKind::Own][kind];
        let mut wanted = BridgeEntry::new(MacAddress::new(mac)).kind(kind);
        (wanted.vlan, wanted.port, wanted.sticky) = (vlan, port, sticky);
        let inner = understood(&wanted.message(RTM_NEWNEIGH, 0, port, 4));
        let RouteNetlinkMessage::NewNeighbour(theirs) = &inner else { panic!("{inner:?}") };
        prop_assert_eq!(theirs.header.ifindex, port);
        prop_assert!(theirs.attributes.contains(&NeighbourAttribute::LinkLayerAddress(mac.to_vec())), "{:?}", theirs);
        prop_assert_eq!(theirs.attributes.iter().any(|told| matches!(told, NeighbourAttribute::Vlan(id) if Some(*id) == vlan)), vlan.is_some());
        // The kernel says whose it is; we do not.
        let RouteNetlinkMessage::NewNeighbour(mut told) = inner else { unreachable!() };
        told.attributes.push(NeighbourAttribute::Controller(77));
        prop_assert_eq!(through(RouteNetlinkMessage::NewNeighbour(told), entry_of), (77, wanted));
    }

    #[test]
    fn rules_are_understood(
        (from, to) in any::<bool>().prop_flat_map(|four| (networks(four), prop::option::of(networks(four)))),
        table in 1..u32::MAX, priority in any::<u32>(), mark in prop::option::of(any::<(u32, u32)>()), inverted in any::<bool>(),
    ) {
        let mut wanted = Rule::ipv4(RuleAction::Table(table)).priority(priority).from(from).incoming("lo");
        (wanted.ipv4, wanted.to, wanted.mark, wanted.inverted) = (from.is_ipv4(), to, mark, inverted);
        let inner = understood(&wanted.message(RTM_NEWRULE, 0));
        prop_assert_eq!(through(inner, rule_of), wanted);
    }
}

#[test]
fn every_kind_of_route_has_its_number() {
    for number in 0..=255_u8 {
        let theirs = netlink_packet_route::route::RouteType::from(number);
        let mut route = Route::to(Cidr::single(std::net::Ipv4Addr::LOCALHOST));
        route.kind = RouteKind::Other(number);
        let inner = understood(&route.message(RTM_NEWROUTE, 0, &[]));
        let RouteNetlinkMessage::NewRoute(message) = &inner else { panic!("{inner:?}") };
        assert_eq!(message.header.kind, theirs);
        let told = through(inner, route_of).kind;
        let words = format!("{theirs:?}").to_lowercase();
        assert!(matches!(told, RouteKind::Other(_)) || format!("{told:?}").to_lowercase() == words, "{told:?} {words}");
    }
}

#[test]
fn real_datagrams_are_read_whole_and_mutated_ones_without_harm() {
    let seeds = seeds!("netlink");
    assert!(seeds.len() >= 6);
    for seed in seeds {
        // Among the neighbours there are those of a bridge, which is not told.
        assert!(Messages(&seed).count() > 0 && fuzzed::read(&seed) > 0);
        for at in 0..seed.len() {
            let mut bad = seed.clone();
            for byte in [0, 1, 0x7f, 0xff, bad[at] ^ 0x10] {
                bad[at] = byte;
                let _count = fuzzed::read(&bad);
            }
            let _count = fuzzed::read(&seed[..at]);
        }
    }
}

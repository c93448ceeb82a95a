// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of a guard.
//!
//! The order is the point (CVE-2025-52889, CVE-2025-52890: what was accepted first was not looked at again): first all that is
//! never let in, then what is, then nothing else. A frame's type is taken from its own bytes, where that of one with a VLAN
//! tag is the tag's: such a frame fits none of what is let in.
//!
//! Kernel: net/bridge/br_input.c. A bridge hears a frame at its hook `prerouting` before it learns from it; one to an address
//! of the bridges themselves (01:80:c2:00:00:00 to 0f, as STP has) is heard at `input` alone.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::bits::octets;
use super::expression::{Base, Comparison, Expression, Known, Verdict};
use super::guard::Guard;
use super::piece::Piece;
use super::plan::{COUNTER, Header, Place, Plan, address_is, bytes_are, equal, named, transport};

// `NF_BR_PRE_ROUTING` and `NF_BR_LOCAL_IN`, before the first priority that others use, -300.
const HOOKS: [Place<'_>; 2] = [
    Place { name: "prerouting", hook: Some(("filter", 0, -310)) },
    Place { name: "input", hook: Some(("filter", 1, -310)) },
];

const UDP: u8 = 17;
const ICMP6: u8 = 58;

const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Of groups that somebody listens to, from RFC 3810.
const LISTENER_REPORT: u8 = 143;
/// Headers of IPv6 behind which is another one: in the first of several parts that one may be missing, and be said by the
/// second, which nobody looks at (RFC 7112, RFC 7113). They may be before the header of the part.
const BEFORE_OTHERS: [u8; 8] = [0, 43, 44, 51, 60, 135, 139, 140];
/// Router advertisements, and redirects.
const ROUTERS: [u8; 2] = [134, 137];

/// Adds the rules of `guard`.
pub(super) fn add(plan: &mut Plan, guard: &Guard) {
    let own = format!("guard-{}", guard.port);
    let advertised = format!("advertised-{}", guard.port);
    let whole = Piece::Guard { port: guard.port.clone(), mac: guard.mac, dhcp: guard.dhcp };
    let mut rules = Rules { plan, own: &own, whole: &whole };

    rules.never([
        Expression::Payload { base: Base::Link, offset: 6, length: 6 },
        Expression::Compare(Comparison::Different, guard.mac.octets().to_vec()),
    ]);
    rules.never(frame(IP4).into_iter().chain(transport(UDP)).chain(bytes_are(
        Base::Transport,
        0,
        &67_u16.to_be_bytes(),
    )));
    rules.never(frame(IP6).into_iter().chain(transport(UDP)).chain(bytes_are(
        Base::Transport,
        0,
        &547_u16.to_be_bytes(),
    )));
    for kind in ROUTERS {
        rules.never(icmp6(kind));
    }
    let parts = format!("parts-{}", guard.port);
    let is_part =
        frame(IP6).into_iter().chain([Expression::Fragment, Expression::Compare(Comparison::AtLeast, vec![0])]);
    rules.add(&own, &whole, is_part.chain([Expression::Verdict(Verdict::Jump(parts.clone()))]));
    for header in BEFORE_OTHERS {
        rules.add(&parts, &whole, [Expression::Fragment, equal([header])].into_iter().chain(DROP));
    }
    // RFC 6980 has them in one piece: what is said of them in a second one is not looked at.
    for kind in [NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT] {
        rules.add(&parts, &whole, icmp6_kind(kind).chain(DROP));
    }
    let advertisement = icmp6(NEIGHBOUR_ADVERTISEMENT);
    rules.add(&own, &whole, advertisement.into_iter().chain([Expression::Verdict(Verdict::Jump(advertised.clone()))]));

    for address in guard.addresses.iter().filter(|address| address.is_ipv4()) {
        let piece = Piece::Address { port: guard.port.clone(), address: *address };
        let claim = arp(guard, None).chain(bytes_are(Base::Network, 14, &octets(*address)));
        rules.accept(&piece, claim);
        let question = arp(guard, Some(1)).chain(bytes_are(Base::Network, 14, &[0; 4])).chain(bytes_are(
            Base::Network,
            24,
            &octets(*address),
        ));
        rules.accept(&piece, question);
        rules.accept(&piece, frame(IP4).into_iter().chain(address_is(Header::Source, *address)));
    }
    if guard.dhcp {
        let ports = [68_u16.to_be_bytes(), 67_u16.to_be_bytes()].concat();
        let request = frame(IP4)
            .into_iter()
            .chain(address_is(Header::Source, Ipv4Addr::UNSPECIFIED.into()))
            .chain(address_is(Header::Destination, Ipv4Addr::BROADCAST.into()))
            .chain(transport(UDP))
            .chain(bytes_are(Base::Transport, 0, &ports))
            // For whom: `chaddr`, behind the 8 bytes of UDP.
            .chain(bytes_are(Base::Transport, 36, &guard.mac.octets()));
        rules.accept(&whole, request);
    }
    let nobody = || frame(IP6).into_iter().chain(address_is(Header::Source, Ipv6Addr::UNSPECIFIED.into()));
    for address in guard.v6() {
        let piece = piece_of(guard, &whole, address);
        let target = bytes_are(Base::Transport, 8, &octets(address));
        let question = nobody().chain(icmp6_kind(NEIGHBOUR_SOLICITATION)).chain(target.clone());
        rules.accept(&piece, question);
        rules.accept(&piece, frame(IP6).into_iter().chain(address_is(Header::Source, address)));
        rules.add(&advertised, &piece, target.into_iter().chain([Expression::Verdict(Verdict::Return)]));
    }
    if !guard.v6().is_empty() {
        rules.accept(&whole, nobody().chain(icmp6_kind(LISTENER_REPORT)));
    }
    rules.never([]);
    rules.add(&advertised, &whole, DROP);
    for place in HOOKS {
        let jump = Expression::Verdict(Verdict::Jump(own.clone()));
        rules.plan.rule(&place, &whole, named(Known::InName, &guard.port).into_iter().chain([jump]).collect());
    }
}

/// The link's own address is no part of the description.
fn piece_of(guard: &Guard, whole: &Piece, address: IpAddr) -> Piece {
    if guard.addresses.contains(&address) {
        Piece::Address { port: guard.port.clone(), address }
    } else {
        whole.clone()
    }
}

const IP4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IP6: u16 = 0x86dd;

const DROP: [Expression; 2] = [COUNTER, Expression::Verdict(Verdict::Drop)];

/// Its type, `ETH_P_*`.
fn frame(kind: u16) -> [Expression; 2] {
    bytes_are(Base::Link, 12, &kind.to_be_bytes())
}

fn icmp6_kind(kind: u8) -> impl Iterator<Item = Expression> {
    transport(ICMP6).into_iter().chain(bytes_are(Base::Transport, 0, &[kind]))
}

fn icmp6(kind: u8) -> Vec<Expression> {
    frame(IP6).into_iter().chain(icmp6_kind(kind)).collect()
}

/// ARP of IPv4 over Ethernet, as a question if asked so, by the guarded hardware address.
fn arp(guard: &Guard, operation: Option<u16>) -> impl Iterator<Item = Expression> {
    let mut head = vec![0, 1, 8, 0, 6, 4];
    head.extend(operation.into_iter().flat_map(u16::to_be_bytes));
    let sender = bytes_are(Base::Network, 8, &guard.mac.octets());
    frame(ARP).into_iter().chain(bytes_are(Base::Network, 0, &head)).chain(sender)
}

/// Where the rules go.
struct Rules<'a> {
    plan: &'a mut Plan,
    own: &'a str,
    whole: &'a Piece,
}

impl Rules<'_> {
    fn add(&mut self, chain: &str, piece: &Piece, steps: impl IntoIterator<Item = Expression>) {
        self.plan.rule(&Place { name: chain, hook: None }, piece, steps.into_iter().collect());
    }

    fn never(&mut self, steps: impl IntoIterator<Item = Expression>) {
        let (own, whole) = (self.own, self.whole);
        self.add(own, whole, steps.into_iter().chain(DROP));
    }

    fn accept(&mut self, piece: &Piece, steps: impl IntoIterator<Item = Expression>) {
        let own = self.own;
        // It leaves this table alone: what others say of it holds too.
        self.add(own, piece, steps.into_iter().chain([Expression::Verdict(Verdict::Accept)]));
    }
}

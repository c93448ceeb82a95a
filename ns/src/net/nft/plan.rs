// SPDX-License-Identifier: MIT OR Apache-2.0
//! Plans: the tables, chains and rules that a firewall is.

use std::net::{IpAddr, Ipv6Addr};

use super::bits::{mask, octets};
use super::expression::{Base, Comparison, Expression, Known, Verdict};
use super::firewall::{Firewall, Masquerade};
use super::forward::PortForward;
use super::guarding;
use super::piece::Piece;
use super::row::{ChainRow, Hook, RuleRow, TableRow};
use super::{BRIDGE, INET, IPV4, IPV6, MARK};
use crate::net::cidr::Cidr;

/// What is to be in one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) table: TableRow,
    pub(super) chains: Vec<ChainRow>,
    pub(super) rules: Vec<RuleRow>,
}

impl Plan {
    /// The tables of a firewall.
    pub(super) fn of(firewall: &Firewall) -> Vec<Self> {
        let mut plans = vec![inet(firewall)];
        if !firewall.guards.is_empty() {
            let mut bridge = Self::new(BRIDGE, &firewall.name);
            firewall.guards.iter().for_each(|guard| guarding::add(&mut bridge, guard));
            plans.push(bridge);
        }
        plans
    }

    fn new(family: u8, name: &str) -> Self {
        let table = TableRow { family, name: name.to_owned(), comment: Some(MARK.to_owned()) };
        Self { table, chains: Vec::new(), rules: Vec::new() }
    }

    /// Adds a rule to `chain`, which is made if it is not there.
    pub(super) fn rule(&mut self, chain: &Place<'_>, piece: &Piece, steps: Vec<Expression>) {
        let (family, table) = (self.table.family, self.table.name.clone());
        if self.chains.iter().all(|known| known.name != chain.name) {
            let hook = chain.hook.map(|(kind, number, priority)| Hook {
                kind: kind.to_owned(),
                number,
                priority,
                drops: false,
            });
            self.chains.push(ChainRow { family, table: table.clone(), name: chain.name.to_owned(), hook });
        }
        let comment = Some(piece.to_string());
        self.rules.push(RuleRow { family, table, chain: chain.name.to_owned(), handle: 0, comment, steps });
    }
}

/// A chain of ours, with type, hook and priority if packets come to it by themselves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) name: &'a str,
    pub(super) hook: Option<(&'static str, u32, i32)>,
}

impl<'a> Place<'a> {
    const fn hooked(name: &'a str, kind: &'static str, hook: u32, priority: i32) -> Self {
        Self { name, hook: Some((kind, hook, priority)) }
    }
}

// The hooks of IP, `NF_INET_*`, and the priorities of `NF_IP_PRI_*`.
const PREROUTING: Place<'_> = Place::hooked("prerouting", "nat", 0, -100);
const OUTPUT: Place<'_> = Place::hooked("output", "nat", 3, -100);
const POSTROUTING: Place<'_> = Place::hooked("postrouting", "nat", 4, 100);
const INPUT: Place<'_> = Place::hooked("input", "filter", 1, 0);
const FORWARD: Place<'_> = Place::hooked("forward", "filter", 2, 0);

// `NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED)`, and `IPS_DST_NAT`.
const ANSWER: u32 = 6;
const REDIRECTED: u32 = 0x20;

/// `RTN_LOCAL`.
const LOCAL: u32 = 2;

fn inet(firewall: &Firewall) -> Plan {
    let mut plan = Plan::new(INET, &firewall.name);
    for forward in &firewall.forwards {
        redirect(&mut plan, forward);
    }
    // Before the masquerades: the first rule of a translation that fits is the one that counts, and these need no link.
    for forward in &firewall.forwards {
        hairpin(&mut plan, forward);
    }
    for masquerade in &firewall.masquerades {
        let Masquerade { subnet, out } = masquerade;
        let mut steps = version(subnet.is_ipv4());
        steps.extend(from(*subnet));
        steps.extend(to(*subnet, Comparison::Different));
        steps.extend(out.iter().flat_map(|link| named(Known::OutName, link)));
        steps.extend([COUNTER, Expression::Masquerade]);
        plan.rule(&POSTROUTING, &Piece::Masquerade(masquerade.clone()), steps);
    }
    // What is isolated is so even where it would be an answer.
    for (one, other) in &firewall.isolated {
        for place in [FORWARD, INPUT] {
            for (source, destination) in [(*one, *other), (*other, *one)] {
                let mut steps = version(source.is_ipv4());
                steps.extend(from(source));
                steps.extend(to(destination, Comparison::Equal));
                steps.extend([COUNTER, Expression::Verdict(Verdict::Drop)]);
                plan.rule(&place, &Piece::Isolate(*one, *other), steps);
            }
        }
    }
    for subnet in &firewall.protected {
        protect(&mut plan, *subnet);
    }
    plan
}

/// The rules that send connections on: those that come, and those that begin here.
fn redirect(plan: &mut Plan, forward: &PortForward) {
    let v4 = forward.to.is_ipv4();
    let piece = Piece::Forward(forward.clone());
    for place in [PREROUTING, OUTPUT] {
        let mut here = version(v4);
        match forward.on {
            Some(address) => here.extend(address_is(Header::Destination, address)),
            None => here.extend([Expression::Destination, equal(LOCAL.to_ne_bytes())]),
        }
        if place.name == OUTPUT.name && forward.on.is_none() {
            let (loopback, prefix) = if v4 { ([127, 0, 0, 0].into(), 8) } else { (Ipv6Addr::LOCALHOST.into(), 128) };
            here.extend(within(Header::Destination, loopback, prefix, Comparison::Different));
        }
        here.extend(transport(forward.transport.number()));
        let target = Expression::Address(octets(forward.to.ip()));
        if forward.keeps_ports() {
            let mut steps = here;
            steps.extend(ports(forward.first, forward.last));
            steps.extend([COUNTER, target, Expression::Redirect { v6: !v4, port: false }]);
            plan.rule(&place, &piece, steps);
            continue;
        }
        for (port, becomes) in (forward.first..=forward.last).zip(forward.to.port()..) {
            let mut steps = here.clone();
            steps.extend(ports(port, port));
            let end =
                [COUNTER, target.clone(), Expression::Port(becomes), Expression::Redirect { v6: !v4, port: true }];
            steps.extend(end);
            plan.rule(&place, &piece, steps);
        }
    }
}

/// What comes from the target's own subnet seems to come from here.
fn hairpin(plan: &mut Plan, forward: &PortForward) {
    let (Some(subnet), Some(last)) = (forward.hairpin, forward.last_target()) else { return };
    let mut steps = version(subnet.is_ipv4());
    steps.extend(from(subnet));
    steps.extend(address_is(Header::Destination, forward.to.ip()));
    steps.extend(transport(forward.transport.number()));
    steps.extend(ports(forward.to.port(), last));
    steps.extend(some_bit(Known::Status, REDIRECTED));
    steps.extend([COUNTER, Expression::Masquerade]);
    plan.rule(&POSTROUTING, &Piece::Forward(forward.clone()), steps);
}

fn protect(plan: &mut Plan, subnet: Cidr) {
    let mut towards = version(subnet.is_ipv4());
    towards.extend(to(subnet, Comparison::Equal));
    let accept = [COUNTER, Expression::Verdict(Verdict::Accept)];
    let drop = [COUNTER, Expression::Verdict(Verdict::Drop)];
    let conditions = [some_bit(Known::State, ANSWER), some_bit(Known::Status, REDIRECTED), from(subnet)];
    for condition in conditions {
        let steps = towards.iter().cloned().chain(condition).chain(accept.clone()).collect();
        plan.rule(&FORWARD, &Piece::Protect(subnet), steps);
    }
    plan.rule(&FORWARD, &Piece::Protect(subnet), towards.into_iter().chain(drop).collect());
}

/// A counter that has not counted yet.
pub(super) const COUNTER: Expression = Expression::Counter { packets: 0, bytes: 0 };

pub(super) fn equal(with: impl Into<Vec<u8>>) -> Expression {
    Expression::Compare(Comparison::Equal, with.into())
}

/// Some bytes of the packet are these.
pub(super) fn bytes_are(base: Base, offset: u32, with: &[u8]) -> [Expression; 2] {
    let length = u32::try_from(with.len()).unwrap_or_default();
    [Expression::Payload { base, offset, length }, equal(with)]
}

/// TCP, UDP, ICMPv6: `IPPROTO_*`.
pub(super) fn transport(number: u8) -> [Expression; 2] {
    [Expression::Load(Known::Transport), equal([number])]
}

/// It came in by, or goes out by, the link of this name.
pub(super) fn named(known: Known, link: &str) -> [Expression; 2] {
    let mut name = link.as_bytes().to_vec();
    name.resize(16, 0);
    [Expression::Load(known), equal(name)]
}

/// IPv4, or IPv6.
fn version(v4: bool) -> Vec<Expression> {
    vec![Expression::Load(Known::Version), equal([if v4 { IPV4 } else { IPV6 }])]
}

/// Which address of a packet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Header {
    Source,
    Destination,
}

impl Header {
    fn load(self, v4: bool) -> Expression {
        let (offset, length) = match (self, v4) {
            (Self::Source, true) => (12, 4),
            (Self::Destination, true) => (16, 4),
            (Self::Source, false) => (8, 16),
            (Self::Destination, false) => (24, 16),
        };
        Expression::Payload { base: Base::Network, offset, length }
    }
}

pub(super) fn address_is(header: Header, address: IpAddr) -> [Expression; 2] {
    [header.load(address.is_ipv4()), equal(octets(address))]
}

/// Its source is in `subnet`.
pub(super) fn from(subnet: Cidr) -> Vec<Expression> {
    within(Header::Source, subnet.address(), subnet.prefix(), Comparison::Equal)
}

/// Its destination is in `subnet`, or is not.
pub(super) fn to(subnet: Cidr, comparison: Comparison) -> Vec<Expression> {
    within(Header::Destination, subnet.address(), subnet.prefix(), comparison)
}

fn within(header: Header, address: IpAddr, prefix: u8, comparison: Comparison) -> Vec<Expression> {
    let mut steps = vec![header.load(address.is_ipv4())];
    let mask = mask(address.is_ipv4(), prefix);
    if mask.iter().any(|byte| *byte != 0xff) {
        steps.push(Expression::Mask(mask));
    }
    steps.push(Expression::Compare(comparison, octets(address)));
    steps
}

/// Its destination's port is one of these.
fn ports(first: u16, last: u16) -> Vec<Expression> {
    let load = Expression::Payload { base: Base::Transport, offset: 2, length: 2 };
    if first == last {
        return vec![load, equal(first.to_be_bytes())];
    }
    let [from, to] = [(Comparison::AtLeast, first), (Comparison::AtMost, last)];
    vec![
        load,
        Expression::Compare(from.0, from.1.to_be_bytes().to_vec()),
        Expression::Compare(to.0, to.1.to_be_bytes().to_vec()),
    ]
}

/// One of these bits is set, of a number in the machine's order.
fn some_bit(known: Known, bits: u32) -> Vec<Expression> {
    let mask = Expression::Mask(bits.to_ne_bytes().to_vec());
    vec![Expression::Load(known), mask, Expression::Compare(Comparison::Different, vec![0; 4])]
}

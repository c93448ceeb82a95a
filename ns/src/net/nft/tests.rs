// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is sent is what is read, and a firewall is read back from its own rules.
#![allow(clippy::unwrap_used, reason = "what the tests call fails them by a panic")]

use std::net::IpAddr;

use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::expression::{Base, Comparison, Expression, Known, Verdict};
use super::piece::Piece;
use super::plan::Plan;
use super::row::{ChainRow, Hook, LONGEST_COMMENT, RuleRow, TableRow};
use super::tables::told;
use super::*;
use crate::net::message::{Message, Messages, Received};
use crate::net::{Cidr, MacAddress};

fn sent<T>(message: &Message, read: impl Fn(&Received<'_>) -> Option<T>) -> T {
    let mut bytes = Vec::new();
    message.write_to(&mut bytes, 0, 1).unwrap();
    read(&Messages(&bytes).next().unwrap()).unwrap()
}

fn steps() -> impl Strategy<Value = Expression> {
    let base = prop_oneof![Just(Base::Link), Just(Base::Network), Just(Base::Transport)];
    let comparison = prop_oneof![
        Just(Comparison::Equal),
        Just(Comparison::Different),
        Just(Comparison::AtMost),
        Just(Comparison::AtLeast)
    ];
    let known = prop_oneof![
        Just(Known::InName),
        Just(Known::OutName),
        Just(Known::Version),
        Just(Known::Transport),
        Just(Known::State),
        Just(Known::Status)
    ];
    let verdict = prop_oneof![
        Just(Verdict::Drop),
        Just(Verdict::Accept),
        Just(Verdict::Return),
        "[a-z]{1,20}".prop_map(Verdict::Jump)
    ];
    prop_oneof![
        (base, any::<u32>(), any::<u32>()).prop_map(|(base, offset, length)| Expression::Payload {
            base,
            offset,
            length
        }),
        vec(any::<u8>(), 1..17).prop_map(Expression::Mask),
        (comparison, vec(any::<u8>(), 1..17)).prop_map(|(how, with)| Expression::Compare(how, with)),
        known.prop_map(Expression::Load),
        Just(Expression::Fragment),
        Just(Expression::Destination),
        any::<IpAddr>().prop_map(|address| Expression::Address(bits::octets(address))),
        any::<u16>().prop_map(Expression::Port),
        any::<[bool; 2]>().prop_map(|[v6, port]| Expression::Redirect { v6, port }),
        Just(Expression::Masquerade),
        any::<[u64; 2]>().prop_map(|[packets, bytes]| Expression::Counter { packets, bytes }),
        verdict.prop_map(Expression::Verdict),
    ]
}

fn subnet(v4: bool) -> BoxedStrategy<Cidr> {
    let cidr = |address: IpAddr, prefix| Cidr::new(address, prefix).unwrap().network();
    if v4 {
        (any::<[u8; 4]>(), 1..=32_u8).prop_map(move |(address, prefix)| cidr(address.into(), prefix)).boxed()
    } else {
        (any::<[u8; 16]>(), 1..=128_u8).prop_map(move |(address, prefix)| cidr(address.into(), prefix)).boxed()
    }
}

fn forward() -> impl Strategy<Value = PortForward> {
    let ports = (1..65_000_u16, 0..40_u16, prop_oneof![Just(None), (1..65_000_u16).prop_map(Some)]);
    (any::<[bool; 2]>(), ports, any::<[u8; 16]>(), option::of(any::<[u8; 16]>()), option::of(0..=32_u8)).prop_map(
        |([tcp, v4], (first, more, becomes), to, on, hairpin)| {
            let address = |octets: [u8; 16]| match v4 {
                true => IpAddr::from(*octets.first_chunk::<4>().unwrap()),
                false => IpAddr::from(octets),
            };
            let to = (address(to), becomes.unwrap_or(first));
            let forward = if tcp { PortForward::tcp(first, to) } else { PortForward::udp(first, to) };
            let forward = forward.up_to(first + more);
            let forward = on.map_or(forward.clone(), |on| forward.on(address(on)));
            let subnet = hairpin.map(|prefix| Cidr::new(to.0, prefix).unwrap());
            subnet.map_or(forward.clone(), |subnet| forward.hairpin(subnet))
        },
    )
}

fn guards() -> impl Strategy<Value = Guard> {
    ("[a-z@\".-]{1,15}", any::<[u8; 5]>(), btree_set(any::<IpAddr>(), 0..6), any::<bool>()).prop_map(
        |(port, [a, b, c, d, e], addresses, dhcp)| Guard {
            addresses,
            dhcp,
            ..Guard::new(port, MacAddress::new([2, a, b, c, d, e]))
        },
    )
}

fn firewalls() -> impl Strategy<Value = Firewall> {
    let masquerade = (any::<bool>().prop_flat_map(subnet), option::of("[a-z0-9@.-]{1,15}"))
        .prop_map(|(subnet, out)| Masquerade { out, ..Masquerade::new(subnet) });
    let isolated = any::<bool>().prop_flat_map(|v4| (subnet(v4), subnet(v4)));
    let all = (
        vec(masquerade, 0..3),
        vec(any::<bool>().prop_flat_map(subnet), 0..3),
        vec(isolated, 0..3),
        vec(forward(), 0..3),
        vec(guards(), 0..3),
    );
    all.prop_map(|(masquerades, protected, isolated, forwards, guards)| Firewall {
        name: "hive".to_owned(),
        masquerades,
        protected,
        isolated,
        forwards,
        guards,
    })
    .prop_filter("a firewall without problems", |firewall| firewall.problems().is_empty())
}

/// The rows of a firewall, as the kernel would tell them: chain after chain.
fn rows(firewall: &Firewall) -> (Vec<TableRow>, Vec<ChainRow>, Vec<RuleRow>) {
    let plans = Plan::of(firewall);
    let tables = plans.iter().map(|plan| sent(&plan.table.write(0), TableRow::read)).collect();
    let chains: Vec<ChainRow> =
        plans.iter().flat_map(|plan| &plan.chains).map(|chain| sent(&chain.write(), ChainRow::read)).collect();
    let all: Vec<RuleRow> =
        plans.iter().flat_map(|plan| &plan.rules).map(|rule| sent(&rule.write(0), RuleRow::read)).collect();
    let of = |chain: &ChainRow| {
        let (family, name) = (chain.family, chain.name.clone());
        all.iter().filter(move |rule| rule.family == family && rule.chain == name).cloned().collect::<Vec<_>>()
    };
    let rules = chains.iter().flat_map(of).collect();
    (tables, chains, rules)
}

proptest! {
    #[test]
    fn every_step_is_read_as_it_was_sent(step in steps()) {
        let rule = RuleRow {
            family: INET, table: "t".into(), chain: "c".into(), handle: 0, comment: Some("why".into()), steps: vec![step],
        };
        prop_assert_eq!(sent(&rule.write(0), RuleRow::read), rule);
    }

    #[test]
    fn a_firewall_is_read_back_from_its_rules(firewall in firewalls()) {
        let (tables, chains, rules) = rows(&firewall);
        let found = told("hive", &tables, &chains, &rules);
        prop_assert_eq!(&found.differences, &Vec::<String>::new());
        prop_assert_eq!(found.firewall, firewall);
        prop_assert!(rules.iter().all(|rule| rule.comment.as_ref().unwrap().len() <= LONGEST_COMMENT));
    }

    #[test]
    fn no_rule_is_missed_or_exchanged_unseen(firewall in firewalls(), at in any::<prop::sample::Index>(), step in steps()) {
        let (tables, chains, rules) = rows(&firewall);
        if rules.is_empty() {
            return Ok(());
        }
        let at = at.index(rules.len());
        let mut fewer = rules.clone();
        let gone = fewer.remove(at);
        let found = told("hive", &tables, &chains, &fewer);
        prop_assert!(!found.differences.is_empty() || found.firewall != firewall, "{gone:?}");
        let mut other = rules;
        other[at].steps.insert(0, step);
        let found = told("hive", &tables, &chains, &other);
        prop_assert!(!found.differences.is_empty());
    }

    #[test]
    fn no_comment_breaks_the_reading(text in ".{0,60}") {
        if let Some(piece) = Piece::read(&text) {
            prop_assert_eq!(piece.to_string(), text);
        }
    }
}

#[test]
fn tables_and_chains_are_read_as_they_were_sent() {
    let table = TableRow { family: BRIDGE, name: "hive".into(), comment: Some(MARK.into()) };
    assert_eq!(sent(&table.write(0), TableRow::read), table);
    for drops in [false, true] {
        let hook = Some(Hook { kind: "filter".into(), number: 2, priority: -310, drops });
        let chain = ChainRow { family: INET, table: "hive".into(), name: "forward".into(), hook };
        assert_eq!(sent(&chain.write(), ChainRow::read), chain);
    }
}

#[test]
fn all_that_is_wrong_with_a_firewall_is_said_at_once() {
    let mac = "02:00:00:00:00:01".parse().unwrap();
    let cidr = |text: &str| text.parse::<Cidr>().unwrap();
    let host_bits = Masquerade { subnet: cidr("10.0.0.1/8"), out: Some("a/b".into()) };
    let firewall = Firewall::new("7 bees")
        .masquerade(host_bits)
        .masquerade(Masquerade::new(cidr("::/0")))
        .protect(cidr("10.0.0.0/8"))
        .protect(cidr("10.1.0.0/16"))
        .isolate(cidr("10.0.0.0/8"), cidr("10.3.0.0/16"))
        .isolate(cidr("10.0.0.0/8"), cidr("fd00::/64"))
        .forward(PortForward::tcp(0, ([127, 0, 0, 1], 80)))
        .forward(PortForward::tcp(80, ([10, 0, 0, 7], 80)).up_to(70))
        .forward(PortForward::udp(65_000, ([10, 0, 0, 7], 65_535)).up_to(65_001))
        .forward(PortForward::udp(1, ([10, 0, 0, 7], 2)).up_to(257).on("fd00::1".parse::<IpAddr>().unwrap()))
        .forward(PortForward::udp(9, ([10, 0, 0, 7], 9)).hairpin(cidr("10.0.1.0/24")))
        .guard(Guard::new("", mac))
        .guard(Guard::new("veth0", MacAddress::new([1, 0, 0, 0, 0, 0])).address([127, 0, 0, 1]))
        .guard(Guard::new("veth0", mac));
    let said = firewall.problems().join("\n");
    for words in [
        "name: \"7 bees\" does not begin with a letter",
        "masquerades[0]: 10.0.0.1/8 is an address in the subnet 10.0.0.0/8",
        "masquerades[0]: \"a/b\" has a '/'",
        "masquerades[1]: ::/0 is everybody",
        "protected[1]: 10.1.0.0/16 has addresses in common with 10.0.0.0/8",
        "isolated[0]: 10.0.0.0/8 and 10.3.0.0/16 have addresses in common",
        "isolated[1]: 10.0.0.0/8 and fd00::/64 are not of one version of IP",
        "forwards[0]: no port has the number 0",
        "forwards[0]: 127.0.0.1 does not leave its machine",
        "forwards[1]: the last port, 70, is before the first, 80",
        "forwards[2]: the ports of 10.0.0.7:65535 would go beyond 65535",
        "forwards[3]: 257 ports become others, and at most 256 can",
        "forwards[3]: fd00::1 and 10.0.0.7 are not of one version of IP",
        "forwards[4]: 10.0.0.7 is not in 10.0.1.0/24",
        "guards[0]: a link's name is not empty",
        "guards[1]: 01:00:00:00:00:00 is the address of a group",
        "guards[1]: 127.0.0.1 is no address of a link",
        "guards[2]: the port \"veth0\" is guarded already",
    ] {
        assert!(said.contains(words), "{words} is not in\n{said}");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A guarded port of a bridge speaks for nobody but itself: frames are sent raw, and those that arrive are counted.

use needs::{isolated, needs};
use skep_ns::net::nft::{Firewall, Guard};

use crate::frames::{ARP, IP4, IP6, Wire, arp, dhcp, frame, icmp6, ip4, ip6, mac, udp};
use crate::support::{MAC_A, World, ask, ip, says, udp as socket};

const OTHER: &str = "02:00:00:00:00:0e";
/// The link-local address that belongs to `MAC_A`.
const LOCAL_A: &str = "fe80::ff:fe00:a";

/// Frames, and whether they may pass.
fn cases() -> Vec<(&'static str, bool, Vec<u8>)> {
    let (own, other) = (mac(MAC_A), mac(OTHER));
    let of = |kind, content: Vec<u8>| frame(own, kind, &content);
    let tagged = |content: &[u8]| frame(own, 0x8100, &[&[0, 5][..], content].concat());
    let client = |from: &str, operation, ports: (u16, u16), chaddr| {
        of(IP4, ip4(from, "255.255.255.255", 17, &udp(ports.0, ports.1, &dhcp(operation, chaddr))))
    };
    let hop_by_hop = |next: u8, content: &[u8]| [&[next, 0, 5, 2, 0, 0, 1, 0][..], content].concat();
    let part = |next: u8, at: u8, content: &[u8]| [&[next, 0, 0, at, 0, 0, 0, 1][..], content].concat();
    vec![
        ("ARP of its own address", true, of(ARP, arp(1, own, "10.0.3.7", "10.0.3.8"))),
        ("an answer of ARP of its own address", true, of(ARP, arp(2, own, "10.0.3.7", "10.0.3.8"))),
        ("the question whether its address is taken", true, of(ARP, arp(1, own, "0.0.0.0", "10.0.3.7"))),
        ("the question whether another address is taken", false, of(ARP, arp(1, own, "0.0.0.0", "10.0.3.8"))),
        ("an answer of nobody", false, of(ARP, arp(2, own, "0.0.0.0", "10.0.3.7"))),
        ("ARP of the router's address", false, of(ARP, arp(2, own, "10.0.3.1", "10.0.3.8"))),
        ("a question of ARP in the router's name", false, of(ARP, arp(1, own, "10.0.3.1", "10.0.3.8"))),
        ("ARP of another hardware address inside", false, of(ARP, arp(2, other, "10.0.3.7", "10.0.3.8"))),
        ("ARP from another hardware address", false, frame(other, ARP, &arp(2, own, "10.0.3.7", "10.0.3.8"))),
        ("RARP", false, of(0x8035, arp(3, own, "10.0.3.7", "10.0.3.8"))),
        ("IPv4 from its own address", true, of(IP4, ip4("10.0.3.7", "10.0.3.8", 17, &udp(1, 2, b"")))),
        ("IPv4 from its other address", true, of(IP4, ip4("10.0.3.70", "10.0.3.8", 6, &[0; 20]))),
        ("IPv4 from the neighbour's address", false, of(IP4, ip4("10.0.3.8", "10.0.3.1", 17, &udp(1, 2, b"")))),
        ("IPv4 from nobody", false, of(IP4, ip4("0.0.0.0", "10.0.3.1", 17, &udp(1, 2, b"")))),
        (
            "IPv4 from another hardware address",
            false,
            frame(other, IP4, &ip4("10.0.3.7", "10.0.3.8", 17, &udp(1, 2, b""))),
        ),
        ("what a client of DHCP asks", true, client("0.0.0.0", 1, (68, 67), own)),
        ("what a client of DHCP asks for another", false, client("0.0.0.0", 1, (68, 67), other)),
        ("what a server of DHCP says", false, client("10.0.3.7", 2, (67, 68), other)),
        ("what a server of DHCP says, from nobody", false, client("0.0.0.0", 2, (67, 68), own)),
        ("IPv4 in a VLAN", false, tagged(&of(IP4, ip4("10.0.3.7", "10.0.3.8", 17, &udp(1, 2, b"")))[12..])),
        ("the router's ARP in a VLAN", false, tagged(&of(ARP, arp(2, own, "10.0.3.1", "10.0.3.8"))[12..])),
        ("a VLAN in a VLAN", false, frame(own, 0x88a8, &[0, 5, 0x81, 0, 0, 5, 8, 0])),
        ("IPv6 from its own address", true, of(IP6, ip6("fd00:3::7", "fd00:3::8", 17, &udp(1, 2, b"")))),
        ("IPv6 from its address on the link", true, of(IP6, ip6(LOCAL_A, "fe80::1", 17, &udp(1, 2, b"")))),
        ("IPv6 from the neighbour's address", false, of(IP6, ip6("fd00:3::8", "fd00:3::1", 17, &udp(1, 2, b"")))),
        ("IPv6 from another address on the link", false, of(IP6, ip6("fe80::1", "ff02::1", 17, &udp(1, 2, b"")))),
        ("the question for a neighbour", true, of(IP6, ip6("fd00:3::7", "ff02::1", 58, &icmp6(135, "fd00:3::8")))),
        ("that its address is its own", true, of(IP6, ip6("fd00:3::7", "ff02::1", 58, &icmp6(136, "fd00:3::7")))),
        ("the same, by the other address", true, of(IP6, ip6("fd00:3::7", "ff02::1", 58, &icmp6(136, LOCAL_A)))),
        ("that the router's is its own", false, of(IP6, ip6("fd00:3::7", "ff02::1", 58, &icmp6(136, "fd00:3::1")))),
        (
            "the same behind another header",
            false,
            of(IP6, ip6("fd00:3::7", "ff02::1", 0, &hop_by_hop(58, &icmp6(136, "fd00:3::1")))),
        ),
        ("whether its address is taken", true, of(IP6, ip6("::", "ff02::1", 58, &icmp6(135, "fd00:3::7")))),
        ("whether another address is taken", false, of(IP6, ip6("::", "ff02::1", 58, &icmp6(135, "fd00:3::8")))),
        ("who listens to which group", true, of(IP6, ip6("::", "ff02::16", 0, &hop_by_hop(58, &icmp6(143, "::"))))),
        ("what a router says", false, of(IP6, ip6(LOCAL_A, "ff02::1", 58, &icmp6(134, "::")))),
        (
            "what a router says behind another header",
            false,
            of(IP6, ip6(LOCAL_A, "ff02::1", 60, &[&[58, 0, 1, 4, 0, 0, 0, 0][..], &icmp6(134, "::")].concat())),
        ),
        ("a redirect", false, of(IP6, ip6(LOCAL_A, "ff02::1", 58, &icmp6(137, "::")))),
        ("what a server of DHCPv6 says", false, of(IP6, ip6(LOCAL_A, "ff02::1", 17, &udp(547, 546, b"")))),
        ("what a client of DHCPv6 asks", true, of(IP6, ip6(LOCAL_A, "ff02::1:2", 17, &udp(546, 547, b"")))),
        ("the first part of IPv6", true, of(IP6, ip6("fd00:3::7", "fd00:3::8", 44, &part(17, 1, &udp(1, 2, b""))))),
        ("the second part", true, of(IP6, ip6("fd00:3::7", "fd00:3::8", 44, &part(17, 8, b"12345678")))),
        ("a second part of another", false, of(IP6, ip6("fd00:3::8", "fd00:3::1", 44, &part(17, 8, b"12345678")))),
        (
            "what a server of DHCPv6 says, in a first part",
            false,
            of(IP6, ip6(LOCAL_A, "ff02::1", 44, &part(17, 1, &udp(547, 546, b"")))),
        ),
        // What it is of is told by the second, which is read behind the options of the first.
        (
            "a first part without the header behind its options",
            false,
            of(IP6, ip6(LOCAL_A, "ff02::1", 44, &part(60, 1, &[17, 0, 1, 4, 0, 0, 0, 0]))),
        ),
        (
            "a neighbour's words in a first part",
            false,
            of(IP6, ip6("fd00:3::7", "ff02::1", 44, &part(58, 1, &icmp6(136, "fd00:3::7")))),
        ),
        ("PPPoE", false, of(0x8863, vec![0x11, 9, 0, 0, 0, 0])),
        ("802.2", false, of(38, vec![0x42; 38])),
        ("STP of another", false, [&[1, 0x80, 0xc2, 0, 0, 0][..], &other, &[0, 38], &[0x42; 38]].concat()),
        ("a last frame", true, of(IP4, ip4("10.0.3.7", "10.0.3.8", 17, &udp(1, 2, b"")))),
    ]
}

/// The names of those that arrive at `b`.
fn arriving(world: &World, cases: &[(&'static str, bool, Vec<u8>)]) -> Vec<&'static str> {
    let (mut from, mut to) = (Wire::open(&world.a), Wire::open(&world.b));
    for (number, (_, _, frame)) in (0..).zip(cases) {
        from.send(frame, number);
    }
    let last = u16::try_from(cases.len() - 1).unwrap();
    to.numbers_up_to(last).into_iter().map(|number| cases[usize::from(number)].0).collect()
}

fn guard() -> Guard {
    let mac = MAC_A.parse().unwrap();
    Guard::new("port-a", mac).address([10, 0, 3, 7]).address([10, 0, 3, 70]).address(ip("fd00:3::7")).dhcp()
}

#[test]
fn of_all_frames_those_alone_pass_that_speak_for_their_sender() {
    needs!(root, nf_tables, program("ip"));
    isolated(|| {
        let world = World::new();
        let cases = cases();
        // All of them are frames that a bridge passes on, but the one that is for bridges.
        let free = arriving(&world, &cases);
        assert!(free.len() + 1 >= cases.len(), "{free:?}");
        world.tables.apply(&Firewall::new("hive").guard(guard())).unwrap();
        let expected: Vec<&str> = cases.iter().filter(|case| case.1).map(|case| case.0).collect();
        assert_eq!(arriving(&world, &cases), expected);
        let found = world.tables.read("hive").unwrap().unwrap();
        assert_eq!(found.differences, Vec::<String>::new());
        let dropped: u64 = found.counts.iter().filter(|count| count.dropped).map(|count| count.packets).sum();
        let wrong = u64::try_from(cases.len() - expected.len()).unwrap();
        assert_eq!(dropped, wrong, "{:?}", found.counts);
        // Without DHCP not even the question is let through, and with one address less that one is not.
        let less = Guard::new("port-a", MAC_A.parse().unwrap()).address([10, 0, 3, 7]);
        world.tables.apply(&Firewall::new("hive").guard(less)).unwrap();
        let passed: Vec<&str> = arriving(&world, &cases);
        assert_eq!(
            passed,
            [
                "ARP of its own address",
                "an answer of ARP of its own address",
                "the question whether its address is taken",
                "IPv4 from its own address",
                "a last frame",
            ]
        );
        world.tables.remove("hive").unwrap();
        assert_eq!(arriving(&world, &cases), free);
    });
}

#[test]
fn a_guarded_port_speaks_as_before_and_the_bridge_learns_nothing_false() {
    needs!(root, nf_tables, program("ip"), program("bridge"));
    isolated(|| {
        let world = World::new();
        world.tables.apply(&Firewall::new("hive").guard(guard())).unwrap();
        let learned = || says(&world.router, "bridge fdb show br br0").lines().any(|line| line.starts_with(OTHER));
        let cases = cases();
        arriving(&world, &cases);
        assert!(!learned());
        for (any, neighbour, gate) in
            [("0.0.0.0:5000", "10.0.3.8:5000", "10.0.3.1:5000"), ("[::]:5000", "[fd00:3::8]:5000", "[fd00:3::1]:5000")]
        {
            let (a, b, router) = (socket(&world.a, any), socket(&world.b, any), socket(&world.router, any));
            ask(&a, neighbour, &b);
            ask(&b, &neighbour.replace('8', "7"), &a);
            ask(&a, gate, &router);
        }
        world.tables.remove("hive").unwrap();
        arriving(&world, &cases);
        assert!(learned());
    });
}

#[test]
fn a_guard_is_of_the_name_whatever_link_has_it() {
    needs!(root, nf_tables, program("ip"));
    isolated(|| {
        let world = World::new();
        world.tables.apply(&Firewall::new("hive").guard(guard())).unwrap();
        // Another link of the name, later.
        world.router.remove_link("port-a").unwrap();
        let inside = skep_ns::net::NewLink::peer("eth0").mac(MAC_A.parse().unwrap()).up();
        let cable = skep_ns::net::NewLink::veth("port-a", inside).master("br0").up();
        world.router.create_veth(&cable, &world.a).unwrap();
        let expected = cases().iter().filter(|case| case.1).count();
        assert_eq!(arriving(&world, &cases()).len(), expected);
    });
}

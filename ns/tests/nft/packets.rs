// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets are translated, sent on, and held back.

use needs::{isolated, needs};
use skep_ns::net::nft::{Firewall, Masquerade, PortForward};

use crate::support::{World, ask, cidr, connect, ip, listen, nothing, says, send, udp, until};

#[test]
fn what_a_subnet_sends_comes_from_the_router_and_answers_find_back() {
    needs!(root, nf_tables, program("ip"));
    isolated(|| {
        let world = World::new();
        let firewall = Firewall::new("hive")
            .masquerade(Masquerade::new(cidr("10.0.3.0/24")))
            .masquerade(Masquerade::new(cidr("fd00:3::/64")).out("out0"));
        for (inside, outside, target, own, translated) in [
            ("0.0.0.0:4000", "0.0.0.0:5000", "192.0.2.9:5000", "10.0.3.7", "192.0.2.1"),
            ("[::]:4000", "[::]:5000", "[fd00:9::9]:5000", "fd00:3::7", "fd00:9::1"),
        ] {
            let there = udp(&world.c, outside);
            // Without it the packet arrives as it was sent, and nobody knows the way back.
            assert_eq!(send(&udp(&world.a, inside), target, &there).ip(), ip(own));
            world.tables.apply(&firewall).unwrap();
            // Ports of their own: what was seen before is a connection that stays as it is.
            let client = udp(&world.a, inside.replace("4000", "4001").as_str());
            assert_eq!(ask(&client, target, &there).ip(), ip(translated));
            // Within the subnet nobody is somebody else.
            let neighbour = udp(&world.b, outside);
            let near = if own.contains(':') { "[fd00:3::8]:5000" } else { "10.0.3.8:5000" };
            assert_eq!(ask(&client, near, &neighbour).ip(), ip(own));
            let found = world.tables.read("hive").unwrap().unwrap();
            let subnet = if own.contains(':') { "masquerade fd00" } else { "masquerade 10." };
            assert_eq!(found.packets(subnet), 1, "{:?}", found.counts);
            assert!(world.tables.remove("hive").unwrap());
            let client = udp(&world.a, inside.replace("4000", "4002").as_str());
            assert_eq!(send(&client, target, &there).ip(), ip(own));
        }
    });
}

#[test]
fn forwarded_ports_reach_who_is_behind_from_everywhere() {
    needs!(root, nf_tables, program("ip"));
    isolated(|| {
        let world = World::new();
        let firewall = Firewall::new("hive")
            .forward(PortForward::tcp(8080, (ip("10.0.3.7"), 80)).hairpin(cidr("10.0.3.0/24")))
            .forward(PortForward::tcp(8080, (ip("fd00:3::7"), 80)).hairpin(cidr("fd00:3::/64")))
            .forward(PortForward::tcp(7000, (ip("10.0.3.7"), 7000)).up_to(7001).on(ip("192.0.2.1")))
            .forward(PortForward::udp(5000, (ip("10.0.3.7"), 6000)).up_to(5255));
        world.tables.apply(&firewall).unwrap();
        assert_eq!(world.tables.read("hive").unwrap().unwrap().firewall, firewall);
        for (address, router, own, gate, far) in [
            ("0.0.0.0:80", "192.0.2.1:8080", "192.0.2.9", "10.0.3.1", "192.0.2.9:8080"),
            ("[::]:80", "[fd00:9::1]:8080", "fd00:9::9", "fd00:3::1", "[fd00:9::9]:8080"),
        ] {
            let web = listen(&world.a, address);
            assert_eq!(connect(&world.c, router, &web), ip(own));
            // From the machine itself, and from the same subnet, for which the answers go by the router too.
            assert_eq!(
                connect(&world.router, router, &web),
                ip(router.rsplit_once(':').unwrap().0.trim_matches(['[', ']']))
            );
            assert_eq!(connect(&world.b, router, &web), ip(gate));
            assert_eq!(connect(&world.a, router, &web), ip(gate));
            // What only passes by is for whom it is.
            let other = listen(&world.c, far);
            world
                .tables
                .apply(
                    &firewall
                        .clone()
                        .masquerade(Masquerade::new(cidr("10.0.3.0/24")))
                        .masquerade(Masquerade::new(cidr("fd00:3::/64"))),
                )
                .unwrap();
            connect(&world.b, far, &other);
            world.tables.apply(&firewall).unwrap();
        }
        // A range that keeps its numbers, at one address of the router.
        let second = listen(&world.a, "0.0.0.0:7001");
        assert_eq!(connect(&world.c, "192.0.2.1:7001", &second), ip("192.0.2.9"));
        let here = listen(&world.router, "10.0.3.1:7001");
        assert_eq!(connect(&world.b, "10.0.3.1:7001", &here), ip("10.0.3.8"));
        // One that becomes another: first, some, and last.
        for port in [5000, 5003, 5255] {
            let there = udp(&world.a, &format!("0.0.0.0:{}", port + 1000));
            assert_eq!(ask(&udp(&world.c, "0.0.0.0:0"), &format!("192.0.2.1:{port}"), &there).ip(), ip("192.0.2.9"));
        }
        let found = world.tables.read("hive").unwrap().unwrap();
        assert_eq!(found.packets("forward udp 5000-5255"), 3);
        world.tables.remove("hive").unwrap();
    });
}

#[test]
fn nobody_begins_to_speak_with_a_protected_subnet_but_by_forwarded_ports() {
    needs!(root, nf_tables, program("ip"));
    isolated(|| {
        let world = World::new();
        world.tell_c();
        let firewall = Firewall::new("hive")
            .protect(cidr("10.0.3.0/24"))
            .protect(cidr("fd00:3::/64"))
            .forward(PortForward::udp(9, (ip("10.0.3.7"), 5000)));
        for (any, behind, before, part) in [
            ("0.0.0.0:5000", "10.0.3.7:5000", "192.0.2.9:5000", "protect 10.0.3.0/24"),
            ("[::]:5000", "[fd00:3::7]:5000", "[fd00:9::9]:5000", "protect fd00:3::/64"),
        ] {
            let (inside, outside) = (udp(&world.a, any), udp(&world.c, any));
            ask(&outside, behind, &inside);
            let outside = udp(&world.c, any.replace("5000", "5001").as_str());
            world.tables.apply(&firewall).unwrap();
            let dropped = || {
                let found = world.tables.read("hive").unwrap().unwrap();
                let ours = found.counts.into_iter().filter(|count| count.part == part && count.dropped);
                ours.map(|count| count.packets).sum::<u64>()
            };
            assert_eq!(dropped(), 0);
            outside.send_to(b"x", behind).unwrap();
            until("a packet is dropped", || dropped() == 1);
            nothing(&inside);
            // The other way all is open, and answers come back; and so it is for the router.
            let far = udp(&world.c, any.replace("5000", "5002").as_str());
            ask(&inside, &before.replace("5000", "5002"), &far);
            ask(&udp(&world.router, any), behind, &inside);
            if behind.starts_with("10.") {
                ask(&udp(&world.c, "0.0.0.0:5003"), "192.0.2.1:9", &inside);
            }
            assert_eq!(dropped(), 1);
            world.tables.remove("hive").unwrap();
            send(&outside, behind, &inside);
        }
    });
}

#[test]
fn nothing_goes_between_isolated_subnets() {
    needs!(root, nf_tables, program("ip"));
    isolated(|| {
        let world = World::new();
        world.tell_c();
        let one = udp(&world.a, "0.0.0.0:5000");
        let other = udp(&world.c, "0.0.0.0:5000");
        let [gate, near] = ["192.0.2.1:5000", "10.0.3.1:5000"].map(|address| udp(&world.router, address));
        ask(&one, "192.0.2.9:5000", &other);
        ask(&one, "192.0.2.1:5000", &gate);
        world.tables.apply(&Firewall::new("hive").isolate(cidr("10.0.3.0/24"), cidr("192.0.2.0/24"))).unwrap();
        let dropped = || world.tables.read("hive").unwrap().unwrap().packets("isolate 10.0.3.0/24 192.0.2.0/24");
        // Not even what was begun before goes on, nor is the router reached at its address there.
        for (number, (from, to)) in
            [(&one, "192.0.2.9:5000"), (&other, "10.0.3.7:5000"), (&one, "192.0.2.1:5000"), (&other, "10.0.3.1:5000")]
                .into_iter()
                .enumerate()
        {
            from.send_to(b"x", to).unwrap();
            until("a packet is dropped", || dropped() == u64::try_from(number).unwrap() + 1);
        }
        [&one, &other, &gate, &near].into_iter().for_each(nothing);
        ask(&one, "10.0.3.1:5000", &near);
        assert!(says(&world.a, "ip route get 192.0.2.9").contains("10.0.3.1"));
        world.tables.remove("hive").unwrap();
        ask(&one, "192.0.2.9:5000", &other);
    });
}

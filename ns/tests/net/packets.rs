// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets that really go: over bridges, by a router, past isolated ports, to who is answered for.

use needs::{isolated, needs};
use skep_ns::net::{
    Bridge, BridgePort, Ipvlan, IpvlanIsolation, IpvlanMode, LinkChange, Macvlan, MacvlanMode, Neighbour, Net, NewLink,
    PortVlan, Route, Vlan,
};

use crate::support::{address, cable, cidr, is_cut_off, namespace, reaches, settle, switched};

#[test]
fn a_bridge_joins_its_ports_and_keeps_isolated_ones_apart() {
    needs!(root);
    isolated(|| {
        let (host, one, two) = switched(Bridge::new());
        assert!(reaches(&one, &two, "10.0.3.2") && reaches(&two, &one, "fd00::1"));
        assert!(host.link("p1").unwrap().statistics.received_packets > 0);
        host.change_link("p1", &LinkChange::new().port(BridgePort::new().isolated(true))).unwrap();
        assert!(reaches(&one, &two, "10.0.3.2"));
        host.change_link("p2", &LinkChange::new().port(BridgePort::new().isolated(true))).unwrap();
        assert!(is_cut_off(&one, &two, "10.0.3.2"));
        host.add_address("br0", &address("10.0.3.9/24")).unwrap();
        assert!(reaches(&one, &host, "10.0.3.9"));
    });
}

#[test]
fn vlans_of_ports_keep_them_apart() {
    needs!(root, link_kind("bridge vlan_filtering 1"));
    isolated(|| {
        let (host, one, two) = switched(Bridge::new().vlan_filtering(true).vlan_default(0));
        assert!(is_cut_off(&one, &two, "10.0.3.2"));
        host.add_port_vlans("p1", &[PortVlan::untagged(7)]).unwrap();
        host.add_port_vlans("p2", &[PortVlan::untagged(8)]).unwrap();
        assert!(is_cut_off(&one, &two, "10.0.3.2"));
        host.remove_port_vlans("p2", &[PortVlan::untagged(8)]).unwrap();
        host.add_port_vlans("p2", &[PortVlan::untagged(7)]).unwrap();
        assert!(reaches(&one, &two, "10.0.3.2"));
    });
}

#[test]
fn a_router_joins_two_networks_of_both_versions() {
    needs!(root);
    isolated(|| {
        let (one, router, two) = (namespace(), namespace(), namespace());
        for (host, number) in [(&one, 1), (&two, 2)] {
            let near = format!("to{number}");
            router.create_veth(&NewLink::veth(near.clone(), NewLink::peer("eth0").up()).up(), host).unwrap();
            for (own, theirs) in [
                (format!("10.0.{number}.1"), format!("10.0.{number}.7")),
                (format!("fd0{number}::1"), format!("fd0{number}::7")),
            ] {
                let prefix = if own.contains(':') { 64 } else { 24 };
                router.add_address(near.as_str(), &address(&format!("{own}/{prefix}"))).unwrap();
                host.add_address("eth0", &address(&format!("{theirs}/{prefix}"))).unwrap();
                host.add_route(&Route::default_by(own.parse::<std::net::IpAddr>().unwrap())).unwrap();
            }
        }
        assert!(is_cut_off(&one, &two, "10.0.2.7"));
        router.enable_forwarding().unwrap();
        // A router asks for neighbours by its own address of the link, which it has when that is known to be its own.
        settle(&router);
        assert!(reaches(&one, &two, "10.0.2.7") && reaches(&two, &one, "10.0.1.7"));
        assert!(reaches(&one, &two, "fd02::7") && reaches(&two, &one, "fd01::7"));
        router.add_route(&Route::to(cidr("10.0.2.7/32")).kind(skep_ns::net::RouteKind::Blackhole)).unwrap();
        assert!(is_cut_off(&one, &two, "10.0.2.7"));
    });
}

#[test]
fn who_is_answered_for_is_reached_by_the_one_who_answers() {
    needs!(root);
    isolated(|| {
        // 10.0.0.9 is behind `other`, on a cable of its own, and asked for on the cable to `one`.
        let (one, other) = cable();
        let hidden = namespace();
        one.add_address("a", &address("10.0.0.1/24")).unwrap();
        other.create_veth(&NewLink::veth("c", NewLink::peer("eth0").up()).up(), &hidden).unwrap();
        other.add_address("b", &address("10.0.0.2/24")).unwrap();
        other.add_address("c", &address("192.0.2.1/24")).unwrap();
        hidden.add_address("eth0", &address("10.0.0.9/32")).unwrap();
        hidden.add_route(&Route::default_by([192, 0, 2, 1]).link("eth0").on_link()).unwrap();
        other.add_route(&Route::to(cidr("10.0.0.9/32")).link("c")).unwrap();
        other.enable_proxy("b").unwrap();
        other.enable_proxy("c").unwrap();
        assert!(is_cut_off(&one, &hidden, "10.0.0.9"));
        other.add_neighbour("b", &Neighbour::proxy([10, 0, 0, 9])).unwrap();
        assert!(reaches(&one, &hidden, "10.0.0.9"));
    });
}

#[test]
fn who_answers_for_others_needs_no_address_of_its_own_but_a_loopback_link_that_was_up() {
    needs!(root);
    isolated(|| {
        // 10.0.0.1 and 10.0.0.9 take each other for neighbours. The one between them has no address but 127.0.0.1, and
        // answers each for the other.
        let (one, between) = cable();
        let other = namespace();
        between.create_veth(&NewLink::veth("c", NewLink::peer("eth0").up()).up(), &other).unwrap();
        one.add_address("a", &address("10.0.0.1/24")).unwrap();
        other.add_address("eth0", &address("10.0.0.9/24")).unwrap();
        for (asked_on, behind, number) in [("b", "c", 9), ("c", "b", 1)] {
            between.add_route(&Route::to(cidr(&format!("10.0.0.{number}/32"))).link(behind)).unwrap();
            between.add_neighbour(asked_on, &Neighbour::proxy([10, 0, 0, number])).unwrap();
            between.enable_proxy(asked_on).unwrap();
        }
        assert!(reaches(&one, &other, "10.0.0.9") && reaches(&other, &one, "10.0.0.1"));
    });
}

/// Two namespaces, each with a link on the same cable, made by `link`.
fn on_one_link(link: impl Fn(&str) -> NewLink) -> (Net, Net, Net) {
    let (host, one, two) = (namespace(), namespace(), namespace());
    host.create_link(&NewLink::veth("p", NewLink::peer("q").up()).up()).unwrap();
    for (guest, own) in [(&one, "10.0.3.1/24"), (&two, "10.0.3.2/24")] {
        host.create_link_in(guest, &link("eth0").up()).unwrap();
        guest.add_address("eth0", &address(own)).unwrap();
    }
    (host, one, two)
}

#[test]
fn macvlan_links_in_bridge_mode_see_each_other_and_private_ones_do_not() {
    needs!(root, link_kind("macvlan"));
    isolated(|| {
        for (mode, together) in [(MacvlanMode::Bridge, true), (MacvlanMode::Private, false)] {
            let (_host, one, two) = on_one_link(|name| NewLink::macvlan(name, "p", Macvlan::new(mode)));
            let right = if together { reaches(&one, &two, "10.0.3.2") } else { is_cut_off(&one, &two, "10.0.3.2") };
            assert!(right, "{mode:?}");
        }
    });
}

#[test]
fn ipvlan_links_see_each_other_unless_they_are_private() {
    needs!(root, link_kind("ipvlan"));
    isolated(|| {
        for (isolation, together) in [(IpvlanIsolation::Bridge, true), (IpvlanIsolation::Private, false)] {
            for mode in [IpvlanMode::L2, IpvlanMode::L3, IpvlanMode::L3s] {
                let (_host, one, two) = on_one_link(|name| NewLink::ipvlan(name, "p", Ipvlan::new(mode, isolation)));
                let right = if together { reaches(&one, &two, "10.0.3.2") } else { is_cut_off(&one, &two, "10.0.3.2") };
                assert!(right, "{mode:?} {isolation:?}");
            }
        }
    });
}

#[test]
fn vlan_links_of_one_tag_meet_over_a_cable() {
    needs!(root, link_kind("vlan"));
    isolated(|| {
        let (one, other) = cable();
        for (net, link, own, tag) in
            [(&one, "a", "10.0.3.1/24", 7), (&other, "b", "10.0.3.2/24", 7), (&other, "b", "10.0.4.2/24", 8)]
        {
            let name = format!("{link}.{tag}");
            net.create_link(&NewLink::vlan(name.as_str(), link, Vlan::new(tag)).up()).unwrap();
            net.add_address(name, &address(own)).unwrap();
        }
        assert!(reaches(&one, &other, "10.0.3.2"));
        one.add_address("a.7", &address("10.0.4.1/24")).unwrap();
        assert!(reaches(&other, &one, "10.0.3.1"));
    });
}

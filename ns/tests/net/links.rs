// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links are made, found, changed, moved and removed.

use std::panic;

use needs::{isolated, needs};
use skep_ns::ErrorKind;
use skep_ns::net::{
    Bridge, BridgePort, LentLink, LinkChange, LinkKind, MacAddress, NewLink, OperState, PortVlan, Vxlan,
};

use crate::support::{ip, names, namespace};

#[test]
fn a_cable_is_laid_into_another_namespace_with_all_that_was_said_of_its_ends() {
    needs!(root);
    isolated(|| {
        let (host, web) = (namespace(), namespace());
        host.create_link(&NewLink::bridge("br0", Bridge::new().forward_delay(0)).up()).unwrap();
        let mac = MacAddress::derived("web", &[]);
        let inside = NewLink::peer("eth0").mac(mac).mtu(1300).alias("inner").queues(2, 3).up();
        let cable = NewLink::veth("web-host", inside)
            .mtu(1400)
            .master("br0")
            .port(BridgePort::new().isolated(true).hairpin(true))
            .alternative_name("the-cable-of-the-web-server")
            .up();
        let index = host.create_veth(&cable, &web).unwrap();
        assert_eq!(
            (names(&host), names(&web)),
            (vec!["br0".into(), "lo".into(), "web-host".into()], vec!["eth0".into(), "lo".into()])
        );
        let eth0 = web.link("eth0").unwrap();
        assert_eq!((eth0.mac, eth0.mtu, eth0.alias.as_deref()), (Some(mac), 1300, Some("inner")));
        assert_eq!((eth0.receive_queues, eth0.send_queues), (2, 3));
        assert!(eth0.is_up() && eth0.state == OperState::Up);
        assert_eq!((eth0.parent, eth0.parent_namespace.is_some()), (Some(index), true));
        let here = host.link("the-cable-of-the-web-server").unwrap();
        assert_eq!((here.index, here.mtu, here.name.as_str()), (index, 1400, "web-host"));
        assert_eq!(here.master, Some(host.link("br0").unwrap().index));
        assert_eq!(here.kind.as_ref().map(LinkKind::name), Some("veth"));
        let port = here.port.unwrap();
        assert_eq!((port.isolated, port.hairpin, port.learning), (Some(true), Some(true), Some(true)));
        // What ip says of it.
        let said = ip(&host, "-d link show web-host");
        for words in ["mtu 1400", "master br0", "isolated on", "hairpin on", "altname the-cable-of-the-web-server"] {
            assert!(said.contains(words), "{words}: {said}");
        }
        host.remove_link("web-host").unwrap();
        assert_eq!(names(&web), ["lo"]);
    });
}

#[test]
fn a_link_is_changed_and_found_by_every_name() {
    needs!(root);
    isolated(|| {
        let net = namespace();
        let index = net.create_link(&NewLink::bridge("br0", Bridge::new())).unwrap();
        let mac: MacAddress = "02:00:00:00:00:07".parse().unwrap();
        let change = LinkChange::new()
            .name("hive")
            .mtu(1234)
            .mac(mac)
            .alias("where bees live")
            .queue_length(77)
            .alternative_name("a-name-of-more-than-fifteen-bytes")
            .alternative_name("short")
            .bridge(Bridge::new().stp(true).ageing_time(1000).priority(7))
            .up();
        net.change_link("br0", &change).unwrap();
        for name in ["hive", "a-name-of-more-than-fifteen-bytes", "short"] {
            assert_eq!(net.link(name).unwrap().index, index);
        }
        let hive = net.link(index).unwrap();
        assert_eq!((hive.mtu, hive.mac, hive.queue_length), (1234, Some(mac), 77));
        assert_eq!(hive.alias.as_deref(), Some("where bees live"));
        assert_eq!(hive.alternative_names, ["a-name-of-more-than-fifteen-bytes", "short"]);
        let Some(LinkKind::Bridge(bridge)) = &hive.kind else { panic!("{hive:?}") };
        assert_eq!((bridge.stp, bridge.ageing_time, bridge.priority), (Some(true), Some(1000), Some(7)));
        assert!(hive.is_up());
        net.change_link("short", &LinkChange::new().without_alternative_name("short").alias("").down()).unwrap();
        assert_eq!(net.link("short").unwrap_err().kind(), ErrorKind::NotFound);
        let hive = net.link("hive").unwrap();
        assert!(!hive.is_up() && hive.alias.is_none(), "{hive:?}");
        let is_bridge = |link: &skep_ns::net::Link| matches!(link.kind, Some(LinkKind::Bridge(_)));
        assert_eq!(net.links_where(is_bridge).unwrap(), [hive]);
        net.remove_link(index).unwrap();
        assert_eq!(names(&net), ["lo"]);
    });
}

#[test]
fn ports_have_vlans_with_tags_and_without() {
    needs!(root, link_kind("bridge vlan_filtering 1"));
    isolated(|| {
        let net = namespace();
        net.create_link(&NewLink::bridge("br0", Bridge::new().vlan_filtering(true).vlan_default(0)).up()).unwrap();
        net.create_link(&NewLink::veth("p1", NewLink::peer("q1")).master("br0").up()).unwrap();
        assert!(net.port_vlans("p1").unwrap().is_empty());
        let wanted = [PortVlan::untagged(7), PortVlan::tagged(100), PortVlan::tagged(101)];
        net.add_port_vlans("p1", &wanted).unwrap();
        net.add_port_vlans("br0", &[PortVlan::tagged(100)]).unwrap();
        assert_eq!(net.port_vlans("p1").unwrap(), wanted);
        assert_eq!(net.port_vlans("br0").unwrap(), [PortVlan::tagged(100)]);
        net.remove_port_vlans("p1", &[PortVlan::tagged(100)]).unwrap();
        assert_eq!(net.port_vlans("p1").unwrap(), [PortVlan::untagged(7), PortVlan::tagged(101)]);
        net.change_link("p1", &LinkChange::new().no_master()).unwrap();
        assert_eq!(net.link("p1").unwrap().master, None);
    });
}

#[test]
fn a_link_that_is_lent_comes_back_whatever_happens_there() {
    needs!(root, link_kind("vxlan"));
    isolated(|| {
        let (home, lab) = (namespace(), namespace());
        home.create_link(&NewLink::vxlan("card0", Vxlan::new(7)).up()).unwrap();
        let lent = LentLink::lend(&home, "card0", &lab, Some("eth0")).unwrap();
        assert_eq!((names(&home), names(&lab)), (vec!["lo".to_owned()], vec!["eth0".into(), "lo".into()]));
        assert_eq!(lab.link(lent.index()).unwrap().name, "eth0");
        // Somebody there gives it another name.
        lab.change_link("eth0", &LinkChange::new().name("mine")).unwrap();
        lent.give_back().unwrap();
        let back = home.link("card0").unwrap();
        assert!(back.is_up() && names(&lab) == ["lo"]);
        // And from a thread that fails in the middle.
        let failed = panic::catch_unwind(panic::AssertUnwindSafe(|| {
            let _lent = LentLink::lend(&home, "card0", &lab, None).unwrap();
            assert_eq!(names(&lab), ["card0", "lo"]);
            panic!("on purpose");
        }));
        assert!(failed.is_err());
        assert_eq!((names(&home), names(&lab)), (vec!["card0".into(), "lo".into()], vec!["lo".to_owned()]));
        // Its namespace lives as long as it is held, though nobody else does.
        let lent = LentLink::lend(&home, "card0", &lab, None).unwrap();
        drop(lab);
        drop(lent);
        assert_eq!(names(&home), ["card0", "lo"]);
    });
}

#[test]
fn of_a_link_that_cannot_be_finished_nothing_is_left() {
    needs!(root);
    isolated(|| {
        let (here, there) = (namespace(), namespace());
        here.create_link(&NewLink::bridge("br0", Bridge::new()).alternative_name("taken")).unwrap();
        // The link is made, and then its other name is another's.
        let cable = NewLink::veth("a", NewLink::peer("b")).alternative_name("taken");
        let error = here.create_veth(&cable, &there).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{error:?}");
        // The peer is made, and then its master is not there.
        let cable = NewLink::veth("a", NewLink::peer("b").master("nobody"));
        let error = here.create_veth(&cable, &there).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
        assert_eq!((names(&here), names(&there)), (vec!["br0".into(), "lo".into()], vec!["lo".to_owned()]));
    });
}

#[test]
fn a_link_s_counters_are_of_64_bits_and_count() {
    needs!(root);
    isolated(|| {
        let net = namespace();
        let before = net.link("lo").unwrap().statistics;
        net.run(|| {
            let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.send_to(&[7; 1000], socket.local_addr().unwrap()).unwrap();
        })
        .unwrap();
        let after = net.link("lo").unwrap().statistics;
        assert_eq!(after.sent_packets - before.sent_packets, 1);
        assert_eq!(after.received_bytes - before.received_bytes, 1028);
    });
}

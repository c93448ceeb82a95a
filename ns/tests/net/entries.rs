// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a bridge knows of who is behind its ports.

use needs::{isolated, needs};
use skep_ns::ErrorKind;
use skep_ns::net::{Bridge, BridgeEntry, BridgeEntryKind, BridgePort, LinkChange, MacAddress, Net, NewLink, PortVlan};

use crate::support::{check, is_cut_off, mac, namespace, reaches, switched};

fn known(host: &Net, last: u8) -> Vec<BridgeEntry> {
    let mut all = host.bridge_entries("br0").unwrap();
    all.retain(|entry| entry.mac == mac(last));
    all
}

/// Without those of the VLANs that a port has by itself, where the kernel has VLANs.
fn untagged(host: &Net, last: u8) -> Vec<BridgeEntry> {
    known(host, last).into_iter().filter(|entry| entry.vlan.is_none()).collect()
}

#[test]
fn entries_are_told_as_they_were_set_and_the_bridges_own_and_learned_ones_too() {
    needs!(root);
    isolated(|| {
        let (host, one, two) = switched(Bridge::new());
        let (port, other) = (host.link("p1").unwrap(), host.link("p2").unwrap());
        for (last, entry) in [
            (7, BridgeEntry::new(mac(7))),
            (8, BridgeEntry::new(mac(8)).sticky()),
            (9, BridgeEntry::new(mac(9)).kind(BridgeEntryKind::Own)),
        ] {
            host.add_bridge_entry("p1", &entry).unwrap();
            let mut wanted = entry;
            wanted.port = port.index;
            assert_eq!(untagged(&host, last), [wanted]);
        }
        // In place of what was known.
        host.add_bridge_entry("p2", &BridgeEntry::new(mac(7))).unwrap();
        assert!(known(&host, 7).iter().all(|entry| entry.port == other.index));
        host.add_bridge_entry("br0", &BridgeEntry::new(mac(10)).kind(BridgeEntryKind::Own)).unwrap();
        assert_eq!(untagged(&host, 10)[0].kind, BridgeEntryKind::Own);
        assert!(reaches(&one, &two, "10.0.3.2"));
        let learned = untagged(&host, 1)[0];
        assert_eq!((learned.kind, learned.port, learned.sticky), (BridgeEntryKind::Learned, port.index, false));
        let own = host.bridge_entries("br0").unwrap().into_iter().find(|entry| Some(entry.mac) == port.mac).unwrap();
        assert_eq!((own.kind, own.port), (BridgeEntryKind::Own, port.index));
        for (link, last) in [("p2", 7), ("p1", 8), ("p1", 9), ("br0", 10), ("p1", 1)] {
            let entry = untagged(&host, last)[0];
            host.remove_bridge_entry(link, &entry).unwrap();
            assert_eq!(known(&host, last), []);
        }
        // Of a second bridge nothing is told.
        host.create_link(&NewLink::bridge("br1", Bridge::new())).unwrap();
        assert!(host.bridge_entries("br1").unwrap().iter().all(|entry| entry.port != port.index));
    });
}

#[test]
fn frames_go_where_the_entries_say() {
    needs!(root);
    isolated(|| {
        let (host, one, two) = switched(Bridge::new());
        // Nobody is learned, and frames for strangers go nowhere: without an entry only what is for all arrives.
        let deaf = BridgePort::new().learning(false).flood(false, true, true);
        for port in ["p1", "p2"] {
            host.change_link(port, &LinkChange::new().port(deaf)).unwrap();
            let at = if port == "p1" { 1 } else { 2 };
            for entry in known(&host, at) {
                host.remove_bridge_entry(port, &entry).unwrap();
            }
        }
        assert!(is_cut_off(&one, &two, "10.0.3.2"));
        host.add_bridge_entry("p1", &BridgeEntry::new(mac(1))).unwrap();
        host.add_bridge_entry("p2", &BridgeEntry::new(mac(2))).unwrap();
        assert!(reaches(&one, &two, "10.0.3.2"));
        host.remove_bridge_entry("p2", &BridgeEntry::new(mac(2))).unwrap();
        assert!(is_cut_off(&one, &two, "10.0.3.2"));
    });
}

#[test]
fn an_entry_without_a_vlan_is_in_each_of_the_port_s() {
    needs!(root, link_kind("bridge vlan_filtering 1"));
    isolated(|| {
        let (host, _one, _two) = switched(Bridge::new().vlan_filtering(true).vlan_default(0));
        host.add_port_vlans("p1", &[PortVlan::untagged(7), PortVlan::tagged(8)]).unwrap();
        host.add_bridge_entry("p1", &BridgeEntry::new(mac(9)).vlan(8)).unwrap();
        assert_eq!(known(&host, 9).iter().map(|entry| entry.vlan).collect::<Vec<_>>(), [Some(8)]);
        host.add_bridge_entry("p1", &BridgeEntry::new(mac(9))).unwrap();
        let vlans = known(&host, 9).into_iter().map(|entry| entry.vlan).collect::<std::collections::BTreeSet<_>>();
        assert!(vlans.contains(&Some(7)) && vlans.contains(&Some(8)), "{vlans:?}");
        let error = host.add_bridge_entry("p1", &BridgeEntry::new(mac(9)).vlan(9)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        host.remove_bridge_entry("p1", &BridgeEntry::new(mac(9))).unwrap();
        assert_eq!(known(&host, 9), []);
    });
}

#[test]
fn bad_entries_are_refused() {
    needs!(root);
    isolated(|| {
        let net = namespace();
        net.create_link(&NewLink::bridge("br0", Bridge::new())).unwrap();
        net.create_link(&NewLink::veth("a", NewLink::peer("b"))).unwrap();
        let entry = BridgeEntry::new(mac(1));
        check("no port", &net.add_bridge_entry("a", &entry).unwrap_err());
        check("no such port", &net.add_bridge_entry("eth9", &entry).unwrap_err());
        net.change_link("a", &LinkChange::new().master("br0")).unwrap();
        check("no such entry", &net.remove_bridge_entry("a", &entry).unwrap_err());
        let learned = entry.kind(BridgeEntryKind::Learned);
        check("a port that learns nothing", &net.add_bridge_entry("a", &learned).unwrap_err());
        let group = BridgeEntry::new(MacAddress::new([1, 0, 0x5e, 0, 0, 1])).vlan(4095);
        let all = group.kind(BridgeEntryKind::Own).sticky();
        check("everything about an entry", &net.add_bridge_entry("a", &all).unwrap_err());
    });
}

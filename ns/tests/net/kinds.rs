// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every kind of link is made as described, and told as it was described.

use std::net::{Ipv4Addr, UdpSocket};

use needs::{isolated, needs};
use skep_ns::net::{
    Bridge, Ipvlan, IpvlanIsolation, IpvlanMode, LinkChange, LinkKind, Macvlan, MacvlanMode, Net, NewLink, Tun, Vlan,
    Vxlan,
};

use crate::support::{check, ip, names, namespace};

/// Makes the link, compares what is told of it, and removes it.
fn made(net: &Net, link: NewLink, words: &[&str]) {
    let index = net.create_link(&link).unwrap();
    let told = net.link(index).unwrap();
    assert_eq!(told.kind.as_ref(), Some(link.kind()));
    let said = ip(net, &format!("-d link show {}", link.name()));
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    net.remove_link(index).unwrap();
}

#[test]
fn macvlan_links_have_modes() {
    needs!(root, link_kind("macvlan"));
    isolated(|| {
        let net = namespace();
        net.create_link(&NewLink::veth("p", NewLink::peer("q"))).unwrap();
        for (mode, name) in [
            (MacvlanMode::Private, "private"),
            (MacvlanMode::Vepa, "vepa"),
            (MacvlanMode::Bridge, "bridge"),
            (MacvlanMode::Passthru, "passthru"),
            (MacvlanMode::Source, "source"),
        ] {
            made(&net, NewLink::macvlan("m", "p", Macvlan::new(mode)), &[&format!("macvlan mode {name}")]);
        }
        let mut alone = Macvlan::new(MacvlanMode::Passthru);
        alone.no_promiscuous = true;
        made(&net, NewLink::macvlan("m", "p", alone), &["nopromisc"]);
        // Straight into another namespace.
        let other = namespace();
        let index = net.create_link_in(&other, &NewLink::macvlan("m", "p", Macvlan::new(MacvlanMode::Bridge)).up());
        assert_eq!(other.link(index.unwrap()).unwrap().parent, Some(net.link("p").unwrap().index));
    });
}

#[test]
fn macvtap_links_are_made() {
    needs!(root, link_kind("macvtap"));
    isolated(|| {
        let net = namespace();
        net.create_link(&NewLink::veth("p", NewLink::peer("q"))).unwrap();
        let kind = LinkKind::Macvtap(Macvlan::new(MacvlanMode::Bridge));
        made(&net, NewLink::new("m", kind).parent("p"), &["macvtap mode bridge"]);
    });
}

#[test]
fn ipvlan_links_have_modes_and_isolation() {
    needs!(root, link_kind("ipvlan"));
    isolated(|| {
        let net = namespace();
        net.create_link(&NewLink::veth("p", NewLink::peer("q"))).unwrap();
        for (mode, name) in [(IpvlanMode::L2, "l2"), (IpvlanMode::L3, "l3"), (IpvlanMode::L3s, "l3s")] {
            for (isolation, flag) in [
                (IpvlanIsolation::Bridge, "bridge"),
                (IpvlanIsolation::Private, "private"),
                (IpvlanIsolation::Vepa, "vepa"),
            ] {
                let words = format!("ipvlan  mode {name} {flag}");
                made(&net, NewLink::ipvlan("i", "p", Ipvlan::new(mode, isolation)), &[&words]);
            }
        }
    });
}

#[test]
fn vlan_links_have_tags() {
    needs!(root, link_kind("vlan"));
    isolated(|| {
        let net = namespace();
        net.create_link(&NewLink::veth("p", NewLink::peer("q"))).unwrap();
        made(&net, NewLink::vlan("v", "p", Vlan::new(4094)), &["802.1Q", "id 4094"]);
        made(&net, NewLink::vlan("v", "p", Vlan::new(7).provider()), &["802.1ad", "id 7"]);
    });
}

#[test]
fn dummy_links_are_made() {
    needs!(root, link_kind("dummy"));
    isolated(|| made(&namespace(), NewLink::dummy("d"), &["dummy"]));
}

#[test]
fn ifb_links_are_made() {
    needs!(root, link_kind("ifb"));
    isolated(|| made(&namespace(), NewLink::new("i", LinkKind::Ifb), &["ifb"]));
}

#[test]
fn vxlan_links_are_made() {
    needs!(root, link_kind("vxlan"));
    isolated(|| {
        let net = namespace();
        let vxlan =
            Vxlan::new(1234).local(Ipv4Addr::new(127, 0, 0, 1)).remote(Ipv4Addr::new(127, 0, 0, 2)).learning(false);
        made(&net, NewLink::vxlan("x", vxlan), &["vxlan id 1234", "remote 127.0.0.2", "dstport 4789", "nolearning"]);
        let six = Vxlan::new(7).local("::1".parse::<std::net::Ipv6Addr>().unwrap()).port(99).learning(true);
        made(&net, NewLink::vxlan("x", six), &["local ::1", "dstport 99"]);
    });
}

#[test]
fn bridges_are_made_as_described() {
    needs!(root, link_kind("bridge vlan_filtering 1"));
    isolated(|| {
        let bridge = Bridge::new()
            .stp(true)
            .ageing_time(12_300)
            .forward_delay(400)
            .vlan_filtering(true)
            .vlan_default(9)
            .multicast_snooping(false)
            .priority(4096);
        let words =
            ["stp_state 1", "ageing_time 12300", "forward_delay 400", "vlan_default_pvid 9", "mcast_snooping 0"];
        made(&namespace(), NewLink::bridge("b", bridge), &words);
    });
}

#[test]
fn the_end_of_a_tun_link_is_a_program_which_reads_what_is_sent_to_it() {
    needs!(root, file("/dev/net/tun"));
    isolated(|| {
        let net = namespace();
        let tun = Tun::packets("tun0");
        let end = net.open_tun(&tun).unwrap();
        net.change_link("tun0", &LinkChange::new().up()).unwrap();
        ip(&net, "addr add 10.9.0.1/24 dev tun0");
        net.run(|| UdpSocket::bind("10.9.0.1:0").unwrap().send_to(b"hive", "10.9.0.2:7").unwrap()).unwrap();
        let mut packet = [0; 2000];
        // Before it the kernel may have sent something of its own, of version 6.
        let length = loop {
            let length = rustix::io::read(&end, &mut packet).unwrap();
            if packet[0] >> 4 == 4 {
                break length;
            }
        };
        assert_eq!((packet[12..20].to_vec(), &packet[28..length]), (vec![10, 9, 0, 1, 10, 9, 0, 2], &b"hive"[..]));
        assert_eq!(net.tun_link(&tun).unwrap().mac, None);
        drop(end);
        assert_eq!(names(&net), ["lo"]);
        // One that stays, and is taken up again.
        let tap = Tun::frames("tap0").persistent();
        drop(net.open_tun(&tap).unwrap());
        assert!(net.tun_link(&tap).unwrap().mac.is_some());
        drop(net.open_tun(&tap).unwrap());
        net.remove_link("tap0").unwrap();
        check("a tun of a name that cannot be", &net.open_tun(&Tun::packets("a/b")).unwrap_err());
        check("a tun of another's name", &net.open_tun(&Tun::packets("lo")).unwrap_err());
    });
}

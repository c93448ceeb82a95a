// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is refused, by us before anything is touched, and by the kernel in its own words.

use std::fs::File;

use needs::{isolated, needs};
use skep_ns::ErrorKind;
use skep_ns::net::{
    Bridge, LinkChange, LinkKind, MacAddress, Macvlan, MacvlanMode, Net, NewLink, PortVlan, Vlan, Vxlan,
};

use crate::support::{check, names, namespace};

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_touched() {
    needs!(root);
    isolated(|| {
        let net = namespace();
        check("a name of 16 bytes", &net.create_link(&NewLink::dummy("a234567890123456")).unwrap_err());
        check("a bad address", &"02:00:5e:10:00".parse::<MacAddress>().unwrap_err());
        let group = MacAddress::new([1, 0, 0x5e, 0, 0, 1]);
        let all = NewLink::veth("a/b", NewLink::peer("").mac(group)).alias("a\0b").index(0).queues(0, 1);
        check("everything at once", &net.create_link(&all).unwrap_err());
        let nowhere = NewLink::new("m", LinkKind::Macvlan(Macvlan::new(MacvlanMode::Bridge)));
        check("on no link", &net.create_link(&nowhere).unwrap_err());
        check("a tag that is none", &net.create_link(&NewLink::vlan("v", "lo", Vlan::new(4095))).unwrap_err());
        check("a network that is none", &net.create_link(&NewLink::vxlan("v", Vxlan::new(1 << 24))).unwrap_err());
        check("a VLAN that is none", &net.add_port_vlans("lo", &[PortVlan::tagged(0)]).unwrap_err());
        let other = namespace();
        check("no cable", &net.create_veth(&NewLink::dummy("d"), &other).unwrap_err());
        check("a pattern", &net.change_link("lo", &LinkChange::new().name("eth%d")).unwrap_err());
        assert_eq!(names(&net), ["lo"]);
    });
}

#[test]
fn what_the_kernel_refuses_is_told_in_its_words() {
    needs!(root);
    isolated(|| {
        let net = namespace();
        let bridge = NewLink::bridge("br0", Bridge::new());
        net.create_link(&bridge).unwrap();
        check("a name that exists", &net.create_link(&bridge).unwrap_err());
        check("no such kind", &net.create_link(&NewLink::new("x", LinkKind::Other("chaos".into()))).unwrap_err());
        check("no such parent", &net.create_link(&NewLink::vlan("v", "eth9", Vlan::new(1))).unwrap_err());
        check("no such master", &net.create_link(&NewLink::veth("a", NewLink::peer("b")).master("eth9")).unwrap_err());
        check("no such link", &net.link("eth9").unwrap_err());
        check("no such number", &net.remove_link(4711).unwrap_err());
        check("a packet too short", &net.change_link("br0", &LinkChange::new().mtu(1)).unwrap_err());
        check("no bridge", &net.create_link(&NewLink::veth("a", NewLink::peer("b")).master("lo")).unwrap_err());
        check("no device to remove", &net.remove_link("lo").unwrap_err());
        assert_eq!(names(&net), ["br0", "lo"]);
    });
}

#[test]
fn a_link_that_stays_where_it_is_is_not_moved() {
    needs!(root);
    isolated(|| {
        let (net, other) = (namespace(), namespace());
        net.create_link(&NewLink::bridge("br0", Bridge::new())).unwrap();
        for link in ["lo", "br0"] {
            let error = net.move_link(link, &other, Some("new")).unwrap_err();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::Invalid, Some(22)));
            assert!(error.to_string().starts_with(&format!("cannot move the link {link:?}")), "{error}");
        }
        assert_eq!((names(&net), names(&other)), (vec!["br0".to_owned(), "lo".to_owned()], vec!["lo".to_owned()]));
    });
}

#[test]
fn why_a_link_is_not_moved_is_told_in_the_kernels_words() {
    // Before, the kernel said EINVAL and nothing else.
    needs!(root, kernel(6, 15));
    isolated(|| {
        check("not to be moved", &namespace().move_link("lo", &namespace(), None).unwrap_err());
    });
}

#[test]
fn a_user_may_look_and_not_touch() {
    needs!(user);
    isolated(|| {
        let net = Net::here().unwrap();
        assert!(net.links().unwrap().iter().any(|link| link.name == "lo"));
        check("not a user's to make", &net.create_link(&NewLink::bridge("br0", Bridge::new())).unwrap_err());
        check("not a user's to change", &net.change_link("lo", &LinkChange::new().down()).unwrap_err());
    });
}

#[test]
fn what_is_no_net_namespace_is_not_taken_for_one() {
    isolated(|| {
        let uts = File::open("/proc/self/ns/uts").unwrap();
        assert_eq!(Net::of(&uts).unwrap_err().problems(), ["it is a uts namespace, not a net namespace"]);
        let file = File::open("/proc/self/status").unwrap();
        assert_eq!(Net::of(&file).unwrap_err().problems().len(), 1);
    });
}

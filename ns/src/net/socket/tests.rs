// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests are answered with the kernel's words, wherever the socket was opened.
#![allow(clippy::unwrap_used, reason = "what the tests call fails them by a panic")]

use std::os::fd::AsFd;
use std::thread;

use needs::{isolated, needs};

use super::*;
use crate::net::message::attributes;
use crate::{Namespace, NamespaceKind};

attributes! { IFLA_ADDRESS = 1, IFLA_IFNAME = 3, IFLA_MTU = 4, IFLA_LINKINFO = 18, IFLA_INFO_KIND = 1 }
attributes! { NFTA_TABLE_NAME = 1, NFNL_BATCH_GENID = 1 }

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;

/// `struct ifinfomsg` of any link.
const ANY: [u8; 16] = [0; 16];

fn link(name: &str, kind: &str) -> Message {
    let mut message = Message::new(RTM_NEWLINK, flags::CREATE | flags::EXCL, &ANY);
    message.text(IFLA_IFNAME, name).nested(IFLA_LINKINFO, |message| {
        message.text(IFLA_INFO_KIND, kind);
    });
    message
}

fn names(socket: &Socket) -> Vec<String> {
    let all = Message::new(RTM_GETLINK, 0, &ANY);
    let name = |received: &Received<'_>| {
        let (_, mut attributes) = received.split::<16>()?;
        attributes.find_map(|(number, value)| (number == IFLA_IFNAME.number).then(|| value.text()))
    };
    socket.dump(&all, name).unwrap()
}

#[test]
fn a_list_is_read_and_a_refusal_has_the_attribute_that_the_kernel_points_at() {
    needs!(root);
    isolated(|| {
        let socket = Socket::open(Family::Route).unwrap();
        assert!(names(&socket).contains(&"lo".to_owned()));
        let mut bad = link("br0", "bridge");
        bad.bytes(IFLA_MTU, &[1]);
        let refusal = socket.request(&bad).unwrap_err();
        assert_eq!(refusal.attribute, Some("IFLA_MTU"), "{refusal:?}");
        let words = refusal.clone().error("create", Object::Link("br0".to_owned()));
        let source = std::error::Error::source(&words).unwrap().to_string();
        assert!(source.starts_with("the kernel says \"") && source.contains("of IFLA_MTU: "), "{source}");
        let absent = socket.request(&link("br0", "nosuchkind")).unwrap_err();
        assert!(absent.is(Errno::OPNOTSUPP), "{absent:?}");
        // The next request is not answered with the late answer of another one.
        socket.request(&link("br0", "bridge")).unwrap();
        assert!(socket.request(&link("br0", "bridge")).unwrap_err().is(Errno::EXIST));
        let mut gone = Message::new(RTM_DELLINK, 0, &ANY);
        gone.text(IFLA_IFNAME, "br0");
        socket.request(&gone).unwrap();
        assert_eq!(names(&socket).len(), names(&socket).len());
        assert!(!names(&socket).contains(&"br0".to_owned()));
    });
}

#[test]
fn of_a_batch_all_is_done_but_what_is_refused_whose_place_is_told() {
    needs!(root);
    isolated(|| {
        let socket = Socket::open(Family::Route).unwrap();
        let all = [link("a", "bridge"), link("a", "bridge"), link("b", "nosuchkind"), link("b", "bridge")];
        let refusal = socket.batch(&all).unwrap_err();
        assert_eq!(refusal.place, 1, "{refusal:?}");
        assert!(refusal.is(Errno::EXIST));
        let gone = ["a", "b"].map(|name| {
            let mut gone = Message::new(RTM_DELLINK, 0, &ANY);
            gone.text(IFLA_IFNAME, name);
            gone
        });
        socket.batch(&gone).unwrap();
        assert_eq!(socket.batch(&gone).unwrap_err().place, 0);
    });
}

#[test]
fn a_transaction_of_netfilter_is_done_whole_or_not_at_all() {
    needs!(root);
    isolated(|| {
        let socket = Socket::open(Family::Netfilter).unwrap();
        // struct nfgenmsg: family, version, the subsystem in network order. nf_tables is 10.
        let frame = |kind| Message::new(kind, 0, &[0, 0, 0, 10]);
        let table = |kind: u16, flags, name: &str| {
            let mut message = Message::new(10 << 8 | kind, flags, &[2, 0, 0, 0]);
            message.text(NFTA_TABLE_NAME, name);
            message
        };
        let (begin, end) = (frame(16), frame(17));
        let (new, deleted) = (0, 2);
        let refusal =
            socket.transaction(&begin, &[table(new, flags::CREATE, "hive"), table(deleted, 0, "absent")], &end);
        let refusal = refusal.unwrap_err();
        assert!(refusal.is(Errno::NOENT) && refusal.place == 1, "{refusal:?}");
        assert_eq!(refusal.attribute, Some("NFTA_TABLE_NAME"), "{refusal:?}");
        // Nothing was done of it.
        assert!(socket.transaction(&begin, &[table(deleted, 0, "hive")], &end).unwrap_err().is(Errno::NOENT));
        let both = [table(new, flags::CREATE, "hive"), table(deleted, 0, "hive")];
        socket.transaction(&begin, &both, &end).unwrap();
        // One without anything in it is taken, or is late; none leaves an answer for the next.
        let mut late = frame(16);
        late.bytes(NFNL_BATCH_GENID, &u32::MAX.to_be_bytes());
        for _ in 0..3 {
            assert!(socket.empty_transaction(&late, &end).unwrap_err().is_late());
            socket.empty_transaction(&begin, &end).unwrap();
        }
        socket.transaction(&begin, &both, &end).unwrap();
    });
}

#[test]
fn a_whole_transaction_without_the_right_is_refused_and_not_waited_for() {
    needs!(user);
    isolated(|| {
        let socket = Socket::open(Family::Netfilter).unwrap();
        let frame = |kind| Message::new(kind, 0, &[0, 0, 0, 10]);
        let refusal =
            socket.transaction(&frame(16), &[Message::new(10 << 8, 0, &[2, 0, 0, 0])], &frame(17)).unwrap_err();
        assert!(refusal.is(Errno::PERM), "{refusal:?}");
        assert!(socket.empty_transaction(&frame(16), &frame(17)).unwrap_err().is(Errno::PERM));
    });
}

#[test]
fn a_socket_stays_in_the_namespace_that_it_was_opened_in() {
    needs!(root);
    isolated(|| {
        let there = thread::scope(|scope| {
            let made = scope.spawn(|| {
                Join::new().make([NamespaceKind::Net]).enter_namespaces().unwrap();
                Socket::open(Family::Route).unwrap().request(&link("only-there", "bridge")).unwrap();
                Namespace::of_this_thread(NamespaceKind::Net).unwrap()
            });
            made.join().unwrap()
        });
        let socket = Socket::open_in(Family::Route, there.as_fd()).unwrap();
        let here = Socket::open(Family::Route).unwrap();
        assert!(names(&socket).contains(&"only-there".to_owned()));
        assert!(!names(&here).contains(&"only-there".to_owned()));
        // From another thread too, and while others ask.
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| assert!(names(&socket).contains(&"only-there".to_owned()))));
            }
        });
    });
}

#[test]
fn what_is_not_the_kernel_s_is_not_believed() {
    needs!(root);
    isolated(|| {
        let socket = Socket::open(Family::Route).unwrap();
        names(&socket);
        let address = rustix::net::getsockname(&socket.fd).unwrap();
        let own = SocketAddrNetlink::try_from(address).unwrap();
        let liar = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None).unwrap();
        // The answer to the next request, before it was made: it is done.
        let mut lie = Vec::new();
        let mut done = Message::new(2, 0, &0_i32.to_ne_bytes());
        done.raw(&[0; 16]);
        let next = socket.locked().sequence.wrapping_add(1);
        done.write_to(&mut lie, 0, next).unwrap();
        sendto(&liar, &lie, SendFlags::empty(), &SocketAddrNetlink::new(own.pid(), 0)).unwrap();
        assert!(socket.request(&link("x", "nosuchkind")).unwrap_err().is(Errno::OPNOTSUPP));
    });
}

#[test]
fn a_datagram_of_any_length_is_received_whole() {
    needs!(root);
    isolated(|| {
        let socket = Socket::open(Family::Route).unwrap();
        let mut small = Vec::with_capacity(1);
        let mut message = Message::new(RTM_GETLINK, 0, &ANY);
        message.text(IFLA_IFNAME, "lo");
        socket.locked().sent(socket.as_fd(), &[(&message, 0)]).unwrap();
        receive(socket.as_fd(), &mut small, RecvFlags::empty()).unwrap();
        assert_eq!(Messages(&small).count(), 1);
        assert_eq!(receive(socket.as_fd(), &mut small, RecvFlags::DONTWAIT), Err(Errno::AGAIN));
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Namespaces of their own, and what the tests say of errors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use needs::{Messages, in_words};
use skep_ns::net::{Address, Bridge, Cidr, MacAddress, Net, NewLink};
use skep_ns::{Error, Join, NamespaceKind};

const MESSAGES: Messages =
    Messages::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/net/messages.txt"), include_str!("messages.txt"));

/// Compares all that an error says with what is kept.
#[track_caller]
pub(crate) fn check(name: &str, error: &Error) {
    MESSAGES.check(name, &in_words(error, &error.kind(), error.errno(), error.hint()));
}

/// A new net namespace with nothing but its loopback link, gone when the handle is.
pub(crate) fn namespace() -> Net {
    let net = Join::new().make([NamespaceKind::Net]).run(Net::here).unwrap().unwrap().unwrap();
    net.loopback_up().unwrap();
    net
}

/// What ip(8) says in a namespace.
pub(crate) fn ip(net: &Net, arguments: &str) -> String {
    let out = net.run(|| Command::new("ip").args(arguments.split(' ')).output().unwrap()).unwrap();
    assert!(out.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// The names of the links of a namespace, sorted.
pub(crate) fn names(net: &Net) -> Vec<String> {
    let mut names: Vec<String> = net.links().unwrap().into_iter().map(|link| link.name).collect();
    names.sort();
    names
}

/// What is written as an address with a prefix.
pub(crate) fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

/// An address with a prefix, that can be used at once.
pub(crate) fn address(text: &str) -> Address {
    Address::new(cidr(text)).at_once()
}

/// Two namespaces with a cable between them, whose ends `a` and `b` are up.
pub(crate) fn cable() -> (Net, Net) {
    let (one, other) = (namespace(), namespace());
    one.create_veth(&NewLink::veth("a", NewLink::peer("b").up()).up(), &other).unwrap();
    (one, other)
}

/// The hardware address of number `last`.
pub(crate) fn mac(last: u8) -> MacAddress {
    MacAddress::new([2, 0, 0, 0, 0, last])
}

/// A bridge with two ports, and behind each a namespace with 10.0.3.N, fd00::N and the hardware address of number N.
pub(crate) fn switched(bridge: Bridge) -> (Net, Net, Net) {
    let (host, one, two) = (namespace(), namespace(), namespace());
    host.create_link(&NewLink::bridge("br0", bridge.forward_delay(0)).up()).unwrap();
    for (at, guest) in [(1, &one), (2, &two)] {
        let cable = NewLink::veth(format!("p{at}"), NewLink::peer("eth0").mac(mac(at)).up()).master("br0").up();
        host.create_veth(&cable, guest).unwrap();
        guest.add_address("eth0", &address(&format!("10.0.3.{at}/24"))).unwrap();
        guest.add_address("eth0", &address(&format!("fd00::{at}/64"))).unwrap();
    }
    (host, one, two)
}

/// Whether a datagram from `from` is answered by `address` in `to`, each way over the links there are. An answer for another
/// takes up to a second.
pub(crate) fn reaches(from: &Net, to: &Net, address: &str) -> bool {
    answered(from, to, address, Duration::from_secs(20))
}

/// Whether no datagram gets through for as long as it would take one.
pub(crate) fn is_cut_off(from: &Net, to: &Net, address: &str) -> bool {
    !answered(from, to, address, Duration::from_millis(700))
}

/// Waits until every address of every link can be used.
pub(crate) fn settle(net: &Net) {
    for told in net.addresses().unwrap() {
        net.wait_for_address(told.link, told.cidr.address(), Duration::from_secs(60)).unwrap();
    }
}

fn answered(from: &Net, to: &Net, address: &str, patience: Duration) -> bool {
    let address: IpAddr = address.parse().unwrap();
    let server = to.run(|| UdpSocket::bind((address, 4711)).unwrap()).unwrap();
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let client = from.run(|| UdpSocket::bind((any, 0)).unwrap()).unwrap();
    let until = Instant::now() + patience;
    // What was sent before may have found no neighbour, which is told to who sends next.
    while client.connect((address, 4711)).is_err() || client.send(b"ping").is_err() {
        if Instant::now() > until {
            return false;
        }
        thread::sleep(Duration::from_millis(50));
    }
    server.set_read_timeout(Some(patience)).unwrap();
    client.set_read_timeout(Some(patience)).unwrap();
    let mut room = [0; 16];
    let port = client.local_addr().unwrap().port();
    // What an earlier client has sent may have waited for its neighbour, and come now.
    let sender = loop {
        match server.recv_from(&mut room) {
            Ok((4, sender)) if sender.port() == port => break sender,
            Ok(_) => {}
            Err(_) => return false,
        }
    };
    server.send_to(b"pong", sender).unwrap();
    client.recv(&mut room).is_ok_and(|length| &room[..length] == b"pong")
}

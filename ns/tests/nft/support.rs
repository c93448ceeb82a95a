// SPDX-License-Identifier: MIT OR Apache-2.0
//! A router with a bridge behind it and somebody before it.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use needs::{Messages, in_words};
use skep_ns::net::nft::NfTables;
use skep_ns::net::{Bridge, Cidr, MacAddress, Net, NewLink};
use skep_ns::{Error, Join, NamespaceKind};

const MESSAGES: Messages =
    Messages::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/nft/messages.txt"), include_str!("messages.txt"));

/// Compares all that an error says with what is kept.
#[track_caller]
pub(crate) fn check(name: &str, error: &Error) {
    MESSAGES.check(name, &in_words(error, &error.kind(), error.errno(), error.hint()));
}

/// What is waited for at most; nothing is waited for as long if all is well.
const LONG: Duration = Duration::from_secs(20);

/// A net namespace of its own, gone when the handle is.
pub(crate) fn namespace() -> Net {
    let net = Join::new().make([NamespaceKind::Net]).run(Net::here).unwrap().unwrap().unwrap();
    net.run(|| {
        for what in ["all", "default"] {
            fs::write(format!("/proc/sys/net/ipv6/conf/{what}/accept_dad"), "0").unwrap();
        }
    })
    .unwrap();
    net.loopback_up().unwrap();
    net
}

/// What a program says in a namespace.
pub(crate) fn says(net: &Net, command: &str) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    let out = net.run(|| Command::new(words[0]).args(&words[1..]).output().unwrap()).unwrap();
    assert!(out.status.success(), "{command}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

pub(crate) fn cidr(text: &str) -> Cidr {
    text.parse().unwrap()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// ```text
/// a 10.0.3.7 fd00:3::7 ─port-a─┐
///                             br0 10.0.3.1 fd00:3::1   router   out0 192.0.2.1 fd00:9::1 ─── c 192.0.2.9 fd00:9::9
/// b 10.0.3.8 fd00:3::8 ─port-b─┘
/// ```
/// Those behind go by the router; the one before it does not know of them.
pub(crate) struct World {
    pub(crate) router: Net,
    pub(crate) a: Net,
    pub(crate) b: Net,
    pub(crate) c: Net,
    pub(crate) tables: NfTables,
}

pub(crate) const MAC_A: &str = "02:00:00:00:00:0a";
pub(crate) const MAC_B: &str = "02:00:00:00:00:0b";

impl World {
    pub(crate) fn new() -> Self {
        let [router, a, b, c] = [(); 4].map(|()| namespace());
        router
            .run(|| {
                fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
                fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
                for version in ["ip", "ip6", "arp"] {
                    // What crosses the bridge is no packet of IP here, where that can be said.
                    let _absent = fs::write(format!("/proc/sys/net/bridge/bridge-nf-call-{version}tables"), "0");
                }
            })
            .unwrap();
        let bridge = Bridge::new().forward_delay(0).multicast_snooping(false);
        router.create_link(&NewLink::bridge("br0", bridge).up()).unwrap();
        for (name, mac, there) in [("port-a", MAC_A, &a), ("port-b", MAC_B, &b)] {
            let inside = NewLink::peer("eth0").mac(mac.parse::<MacAddress>().unwrap()).up();
            router.create_veth(&NewLink::veth(name, inside).master("br0").up(), there).unwrap();
        }
        router.create_veth(&NewLink::veth("out0", NewLink::peer("eth0").up()).up(), &c).unwrap();
        let all = [
            (&router, "br0", "10.0.3.1/24", "fd00:3::1/64"),
            (&router, "out0", "192.0.2.1/24", "fd00:9::1/64"),
            (&a, "eth0", "10.0.3.7/24", "fd00:3::7/64"),
            (&b, "eth0", "10.0.3.8/24", "fd00:3::8/64"),
            (&c, "eth0", "192.0.2.9/24", "fd00:9::9/64"),
        ];
        for (net, link, v4, v6) in all {
            says(net, &format!("ip address add {v4} dev {link}"));
            says(net, &format!("ip address add {v6} dev {link} nodad"));
        }
        for net in [&a, &b] {
            says(net, "ip route add default via 10.0.3.1");
            says(net, "ip route add default via fd00:3::1");
        }
        let tables = NfTables::of(router.namespace()).unwrap();
        Self { router, a, b, c, tables }
    }

    /// Lets the one before the router know of those behind it.
    pub(crate) fn tell_c(&self) {
        says(&self.c, "ip route add 10.0.3.0/24 via 192.0.2.1");
        says(&self.c, "ip route add fd00:3::/64 via fd00:9::1");
    }
}

pub(crate) fn udp(net: &Net, address: &str) -> UdpSocket {
    let socket = net.run(|| UdpSocket::bind(address).unwrap()).unwrap();
    socket.set_read_timeout(Some(LONG)).unwrap();
    socket
}

/// Sends a packet, which `there` receives. Answers by whom it was sent as `there` sees it.
#[track_caller]
pub(crate) fn send(from: &UdpSocket, to: &str, there: &UdpSocket) -> SocketAddr {
    from.send_to(to.as_bytes(), to).unwrap();
    let mut text = [0; 100];
    let (length, by) = there.recv_from(&mut text).unwrap_or_else(|error| panic!("nothing came to {to}: {error}"));
    assert_eq!(&text[..length], to.as_bytes());
    by
}

/// The same, and the answer comes back from where it was sent to.
#[track_caller]
pub(crate) fn ask(from: &UdpSocket, to: &str, there: &UdpSocket) -> SocketAddr {
    let by = send(from, to, there);
    there.send_to(b"answer", by).unwrap();
    let (_, answered) = from.recv_from(&mut [0; 100]).unwrap_or_else(|error| panic!("no answer from {to}: {error}"));
    assert_eq!(answered, to.parse().unwrap());
    by
}

#[track_caller]
pub(crate) fn nothing(there: &UdpSocket) {
    there.set_nonblocking(true).unwrap();
    assert_eq!(there.recv_from(&mut [0; 100]).unwrap_err().kind(), ErrorKind::WouldBlock);
    there.set_nonblocking(false).unwrap();
}

pub(crate) fn listen(net: &Net, address: &str) -> TcpListener {
    net.run(|| TcpListener::bind(address).unwrap()).unwrap()
}

/// Connects to where `there` listens. Answers by whom it was done as `there` sees it.
#[track_caller]
pub(crate) fn connect(net: &Net, to: &str, there: &TcpListener) -> IpAddr {
    let stream = net.run(|| TcpStream::connect_timeout(&to.parse().unwrap(), LONG)).unwrap();
    let _stream = stream.unwrap_or_else(|error| panic!("cannot connect to {to}: {error}"));
    there.accept().unwrap().1.ip()
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < end, "{what}: not within {LONG:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

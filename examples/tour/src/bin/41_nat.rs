// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bridge with NAT: a guest behind it speaks to the outside by the router's address, and is reached by a port of it.
//!
//! ```sh
//! sudo 41_nat
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;
use std::net::UdpSocket;
use std::time::Duration;

use skep::ns::net::nft::{Firewall, Guard, Masquerade, NfTables, PortForward};
use skep::ns::net::{Address, Bridge, Cidr, MacAddress, Net, NewLink, Route};
use skep::ns::{Join, NamespaceKind};

fn main() -> Result<(), Box<dyn Error>> {
    let (router, guest, outside) = (namespace()?, namespace()?, namespace()?);
    let subnet: Cidr = "10.0.3.0/24".parse()?;
    let mac = MacAddress::derived("guest", &[]);
    router.create_link(&NewLink::bridge("br0", Bridge::new().forward_delay(0)).up())?;
    router.create_veth(&NewLink::veth("guest", NewLink::peer("eth0").mac(mac).up()).master("br0").up(), &guest)?;
    router.create_veth(&NewLink::veth("wan", NewLink::peer("eth0").up()).up(), &outside)?;
    let all = [(&router, "br0", "10.0.3.1"), (&guest, "eth0", "10.0.3.7"), (&router, "wan", "192.0.2.1")];
    for (net, link, address) in all.into_iter().chain([(&outside, "eth0", "192.0.2.9")]) {
        net.add_address(link, &Address::new(format!("{address}/24").parse()?))?;
    }
    guest.add_route(&Route::default_by([10, 0, 3, 1]))?;
    router.enable_forwarding()?;

    // All rules are one value: applied at once, and told back as the same.
    let firewall = Firewall::new("hive")
        .masquerade(Masquerade::new(subnet))
        .protect(subnet)
        .forward(PortForward::udp(8053, ([10, 0, 3, 7], 53)).hairpin(subnet))
        .guard(Guard::new("guest", mac).address([10, 0, 3, 7]));
    let tables = NfTables::of(router.namespace())?;
    tables.apply(&firewall)?;
    tables.forward_drops()?.iter().for_each(|drop| println!("in the way: {drop}"));

    let (inner, outer) = (socket(&guest, "10.0.3.7:53")?, socket(&outside, "192.0.2.9:4711")?);
    inner.send_to(b"out", "192.0.2.9:4711")?;
    println!("the outside sees {}", outer.recv_from(&mut [0; 9])?.1.ip());
    socket(&outside, "192.0.2.9:4712")?.send_to(b"in", "192.0.2.1:8053")?;
    println!("the guest sees {}", inner.recv_from(&mut [0; 9])?.1.ip());
    let found = tables.read("hive")?.ok_or("the firewall is gone")?;
    println!("as applied: {}", found.firewall == firewall && found.differences.is_empty());
    found.counts.iter().filter(|count| count.packets > 0).for_each(|count| println!("{count}"));
    Ok(())
}

fn namespace() -> Result<Net, Box<dyn Error>> {
    Ok(Join::new().make([NamespaceKind::Net]).run(Net::here)?.map_err(|_| "a thread has panicked")??)
}

fn socket(net: &Net, address: &str) -> Result<UdpSocket, Box<dyn Error>> {
    let socket = net.run(|| UdpSocket::bind(address))??;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(socket)
}

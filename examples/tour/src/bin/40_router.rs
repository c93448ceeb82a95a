// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two hosts and a router, each a net namespace of its own, and a datagram that goes from one host to the other and back.
//!
//! ```sh
//! sudo 40_router
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;
use std::net::UdpSocket;
use std::time::Duration;

use skep::ns::net::{Address, MacAddress, Net, NewLink, Route};
use skep::ns::{Join, NamespaceKind};

fn main() -> Result<(), Box<dyn Error>> {
    let (router, one, two) = (namespace()?, namespace()?, namespace()?);
    for (number, host) in [(1, &one), (2, &two)] {
        // A cable whose one end is the router's, and whose other is the host's from its first moment on.
        let name = format!("host{number}");
        let inside = NewLink::peer("eth0").mac(MacAddress::derived(&name, &[])).up();
        router.create_veth(&NewLink::veth(&*name, inside).up(), host)?;
        router.add_address(&*name, &Address::new(format!("10.0.{number}.1/24").parse()?))?;
        host.add_address("eth0", &Address::new(format!("10.0.{number}.7/24").parse()?))?;
        host.add_route(&Route::default_by([10, 0, number, 1]))?;
    }
    router.enable_forwarding()?;

    // A socket stays in the namespace in which it was opened, whoever uses it.
    let server = two.run(|| UdpSocket::bind("10.0.2.7:4711"))??;
    let client = one.run(|| UdpSocket::bind("10.0.1.7:0"))??;
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    server.set_read_timeout(Some(Duration::from_secs(10)))?;
    client.send_to(b"ping", "10.0.2.7:4711")?;
    let mut room = [0; 16];
    let (_, sender) = server.recv_from(&mut room)?;
    server.send_to(b"pong", sender)?;
    let (length, answerer) = client.recv_from(&mut room)?;
    println!(
        "{sender} was answered by {answerer}: {}",
        String::from_utf8_lossy(room.get(..length).unwrap_or_default())
    );
    for link in router.links_where(|link| !link.is_loopback())? {
        let counted = link.statistics;
        println!("{}: {} packets in, {} out", link.name, counted.received_packets, counted.sent_packets);
    }
    Ok(())
}

/// A new net namespace, gone when the handle is.
fn namespace() -> Result<Net, Box<dyn Error>> {
    let net = Join::new().make([NamespaceKind::Net]).run(Net::here)?.map_err(|_| "a thread has panicked")??;
    net.loopback_up()?;
    Ok(net)
}

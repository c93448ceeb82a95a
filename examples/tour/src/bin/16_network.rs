// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two containers on a bridge that is made for them, each with an address that was free, and a datagram from one to the
//! other.
//!
//! ```sh
//! sudo 16_network
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;
use std::net::UdpSocket;
use std::time::Duration;

use skep::ns::NamespaceKind::{Net as NetKind, Pid, Uts};
use skep::ns::Namespaces;
use skep::ns::net::{Address, Bridge, MacAddress, Net, NewLink};
use skep::{Container, Network};

const BRIDGE: &str = "skep-tour";

fn main() -> Result<(), Box<dyn Error>> {
    let here = Net::here()?;
    let bridge = NewLink::bridge(BRIDGE, Bridge::default()).mac(MacAddress::derived(BRIDGE, &[])).up();
    here.create_link(&bridge)?;
    let done =
        here.add_address(BRIDGE, &Address::new("10.88.7.1/24".parse()?)).map_err(Into::into).and_then(|()| talk());
    // The containers have gone by now, and their cables with them.
    here.remove_link(BRIDGE)?;
    done
}

fn talk() -> Result<(), Box<dyn Error>> {
    let start = || {
        Container::anonymous()
            .namespaces(Namespaces::new().make([NetKind, Pid, Uts]))
            .network(Network::veth(BRIDGE).automatic_address())
            .command("/bin/sleep", ["1000"])
            .kill_on_drop()
            .start()
    };
    let (one, two) = (start()?, start()?);
    // A socket stays in the namespace in which it was opened, whoever uses it.
    let socket = |container: &Container, port: u16| -> Result<UdpSocket, Box<dyn Error>> {
        let networks = container.spec().map(|spec| spec.networks.as_slice()).unwrap_or_default();
        let address = networks.first().and_then(|network| network.addresses.first()).ok_or("it has no address")?;
        let address = address.address();
        Ok(Net::of(container.namespace(NetKind)?)?.run(move || UdpSocket::bind((address, port)))??)
    };
    let (client, server) = (socket(&one, 0)?, socket(&two, 4711)?);
    server.set_read_timeout(Some(Duration::from_secs(10)))?;
    client.send_to(b"hello", server.local_addr()?)?;
    let mut room = [0; 16];
    let (length, sender) = server.recv_from(&mut room)?;
    let said = String::from_utf8_lossy(room.get(..length).unwrap_or_default());
    println!("{sender} says to {}: {said}", server.local_addr()?);
    Ok(())
}

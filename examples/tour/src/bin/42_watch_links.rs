// SPDX-License-Identifier: MIT OR Apache-2.0
//! What changes in the network of this namespace, or of another: links, addresses and routes, as it happens.
//!
//! ```sh
//! 42_watch_links                       # until it is ended
//! 42_watch_links 10 /run/netns/lab     # ten events, there
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::env;
use std::error::Error;

use skep::ns::Namespace;
use skep::ns::net::{Event, Net, Subjects};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let count = words.next().map_or(Ok(usize::MAX), |word| word.parse())?;
    let net = words.next().map_or_else(Net::here, |path| Net::of(Namespace::open(path)?))?;
    // First watched, then listed: nothing can happen in between that is not told.
    let mut watch = net.watch(Subjects::LINKS | Subjects::ADDRESSES | Subjects::ROUTES)?;
    for link in net.links()? {
        let kind = link.kind.as_ref().map_or("device", |kind| kind.name());
        println!("{} {}: {kind}, mtu {}, {:?}", link.index, link.name, link.mtu, link.state);
    }
    for _ in 0..count {
        match watch.next(None)? {
            Some(Event::LinkChanged(link)) => {
                println!("link {} is {:?}, {}", link.name, link.state, if link.is_up() { "on" } else { "off" });
            }
            Some(Event::LinkRemoved(link)) => println!("link {} is gone", link.name),
            Some(Event::AddressAdded(told)) => println!("address {} on link {}", told.cidr, told.link),
            Some(Event::AddressRemoved(told)) => println!("address {} is gone from link {}", told.cidr, told.link),
            Some(Event::RouteAdded(route)) => println!("route {route}"),
            Some(Event::RouteRemoved(route)) => println!("route {route} is gone"),
            Some(Event::Lost) => println!("something was lost: {} links now", net.links()?.len()),
            Some(other) => println!("{other:?}"),
            None => break,
        }
    }
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pieces: what the comment of a rule says which part of a firewall it is of.
//!
//! They are what a firewall is read back from; that the rules are still those of it is then seen by making them again.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::firewall::{Firewall, Masquerade};
use super::forward::{PortForward, Transport};
use super::guard::Guard;
use crate::net::cidr::Cidr;
use crate::net::mac::MacAddress;

/// A part of a firewall, or of a guard, whose text would be too long for one comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Masquerade(Masquerade),
    Protect(Cidr),
    Isolate(Cidr, Cidr),
    Forward(PortForward),
    Guard { port: String, mac: MacAddress, dhcp: bool },
    Address { port: String, address: IpAddr },
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masquerade(Masquerade { subnet, out: None }) => write!(f, "masquerade {subnet}"),
            Self::Masquerade(Masquerade { subnet, out: Some(out) }) => write!(f, "masquerade {subnet} out {out}"),
            Self::Protect(subnet) => write!(f, "protect {subnet}"),
            Self::Isolate(one, other) => write!(f, "isolate {one} {other}"),
            Self::Forward(forward) => write!(f, "forward {forward}"),
            Self::Guard { port, mac, dhcp } => {
                write!(f, "guard {port} mac {mac}{}", if *dhcp { " dhcp" } else { "" })
            }
            Self::Address { port, address } => write!(f, "guard {port} address {address}"),
        }
    }
}

impl Piece {
    /// Reads what is displayed, and nothing else.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let piece = match words[..] {
            ["masquerade", subnet] => Self::Masquerade(Masquerade::new(subnet.parse().ok()?)),
            ["masquerade", subnet, "out", out] => Self::Masquerade(Masquerade::new(subnet.parse().ok()?).out(out)),
            ["protect", subnet] => Self::Protect(subnet.parse().ok()?),
            ["isolate", one, other] => Self::Isolate(one.parse().ok()?, other.parse().ok()?),
            ["forward", transport, ports, ref rest @ ..] => Self::Forward(forward(transport, ports, rest)?),
            ["guard", port, "mac", mac] => Self::Guard { port: port.to_owned(), mac: mac.parse().ok()?, dhcp: false },
            ["guard", port, "mac", mac, "dhcp"] => {
                Self::Guard { port: port.to_owned(), mac: mac.parse().ok()?, dhcp: true }
            }
            ["guard", port, "address", address] => {
                Self::Address { port: port.to_owned(), address: address.parse().ok()? }
            }
            _ => return None,
        };
        (piece.to_string() == text).then_some(piece)
    }

    /// Adds it to what is read, once.
    pub(super) fn add_to(self, firewall: &mut Firewall) {
        match self {
            Self::Masquerade(masquerade) => once(&mut firewall.masquerades, masquerade),
            Self::Protect(subnet) => once(&mut firewall.protected, subnet),
            Self::Isolate(one, other) => once(&mut firewall.isolated, (one, other)),
            Self::Forward(forward) => once(&mut firewall.forwards, forward),
            Self::Guard { port, mac, dhcp } => {
                if firewall.guards.iter().all(|guard| guard.port != port) {
                    firewall.guards.push(Guard { dhcp, ..Guard::new(port, mac) });
                }
            }
            Self::Address { port, address } => {
                if let Some(guard) = firewall.guards.iter_mut().find(|guard| guard.port == port) {
                    guard.addresses.insert(address);
                }
            }
        }
    }
}

fn once<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}

fn forward(transport: &str, ports: &str, rest: &[&str]) -> Option<PortForward> {
    let transport = Transport::ALL.into_iter().find(|known| known.to_string() == transport)?;
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (on, rest) = match rest {
        ["on", on, rest @ ..] => (Some(on.parse().ok()?), rest),
        rest => (None, rest),
    };
    let (to, hairpin): (SocketAddr, _) = match rest {
        ["to", to] => (to.parse().ok()?, None),
        ["to", to, "hairpin", subnet] => (to.parse().ok()?, Some(subnet.parse().ok()?)),
        _ => return None,
    };
    Some(PortForward { transport, first: first.parse().ok()?, last: last.parse().ok()?, on, to, hairpin })
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Neighbours: the hardware addresses behind addresses, and those that are answered for.
//!
//! Man: ip-neighbour(8), arp(7), rtnetlink(7). Kernel: include/uapi/linux/neighbour.h.

use std::net::IpAddr;

use super::handle::Net;
use super::link::{LinkRef, checked};
use super::message::{Message, Received, attributes, flags};
use super::{AF_INET, AF_INET6, MacAddress, family, octets};
use crate::error::{Error, Object};
use crate::sysctl::{SysctlKey, Sysctls};

pub(super) const RTM_NEWNEIGH: u16 = 28;
pub(super) const RTM_DELNEIGH: u16 = 29;
pub(super) const RTM_GETNEIGH: u16 = 30;
const NTF_PROXY: u8 = 8;

attributes! { mod nda; NDA_DST = 1, NDA_LLADDR = 2 }

/// What is known of a neighbour, `NUD_*`. See rtnetlink(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum NeighbourState {
    /// Nothing.
    #[default]
    None,
    /// It is being asked for.
    Incomplete,
    /// It was heard of lately.
    Reachable,
    /// It was heard of once.
    Stale,
    /// It is used, and will be asked for.
    Delay,
    /// It is being asked again.
    Probe,
    /// It does not answer.
    Failed,
    /// Nobody is asked on this link.
    NoArp,
    /// It was set, and stays.
    Permanent,
}

const STATES: [(NeighbourState, u16); 9] = [
    (NeighbourState::None, 0),
    (NeighbourState::Incomplete, 1),
    (NeighbourState::Reachable, 2),
    (NeighbourState::Stale, 4),
    (NeighbourState::Delay, 8),
    (NeighbourState::Probe, 0x10),
    (NeighbourState::Failed, 0x20),
    (NeighbourState::NoArp, 0x40),
    (NeighbourState::Permanent, 0x80),
];

/// A neighbour on a link, or an address that is answered for there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Neighbour {
    /// Its address.
    pub address: IpAddr,
    /// Its hardware address, if that is known and of six bytes.
    pub mac: Option<MacAddress>,
    /// The number of the link, as told.
    #[cfg_attr(feature = "serde", serde(default))]
    pub link: u32,
    /// What is known of it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub state: NeighbourState,
    /// Whether it is none, but answered for: who asks for it on the link is told our hardware address.
    #[cfg_attr(feature = "serde", serde(default))]
    pub proxy: bool,
}

impl Neighbour {
    /// A neighbour that is known for ever.
    #[must_use]
    pub fn new(address: impl Into<IpAddr>, mac: MacAddress) -> Self {
        let state = NeighbourState::Permanent;
        Self { address: address.into(), mac: Some(mac), link: 0, state, proxy: false }
    }

    /// An address that is answered for, on the link that it is added to; see [`Net::enable_proxy`].
    #[must_use]
    #[doc(alias = "NTF_PROXY")]
    pub fn proxy(address: impl Into<IpAddr>) -> Self {
        let state = NeighbourState::Permanent;
        Self { address: address.into(), mac: None, link: 0, state, proxy: true }
    }

    /// Everything wrong with it that can be known beforehand.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.address.is_unspecified() || self.address.is_multicast() {
            problems.push(format!("address: {} is no neighbour's", self.address));
        }
        problems.extend(self.mac.and_then(MacAddress::problem).map(|problem| format!("mac: {problem}")));
        if self.proxy == self.mac.is_some() {
            let problem = if self.proxy { "who is answered for has none" } else { "a neighbour has one" };
            problems.push(format!("mac: {problem}"));
        }
        problems
    }

    fn object(&self) -> Object {
        let what = if self.proxy { "proxy" } else { "neighbour" };
        Object::Network(format!("the {what} {}", self.address))
    }

    /// `struct ndmsg` and the attributes.
    pub(super) fn message(&self, kind: u16, more: u16, index: u32) -> Message {
        let [i0, i1, i2, i3] = index.to_ne_bytes();
        let state = STATES.iter().find(|(state, _)| *state == self.state).map_or(0, |(_, number)| *number);
        let [s0, s1] = state.to_ne_bytes();
        let flags = if self.proxy { NTF_PROXY } else { 0 };
        let mut message = Message::new(kind, more, &[family(self.address), 0, 0, 0, i0, i1, i2, i3, s0, s1, flags, 0]);
        message.bytes(NDA_DST, &octets(self.address));
        if let Some(mac) = self.mac {
            message.bytes(NDA_LLADDR, &mac.octets());
        }
        message
    }
}

/// The neighbour that a message tells of.
pub(super) fn neighbour_of(received: &Received<'_>) -> Option<Neighbour> {
    if received.kind != RTM_NEWNEIGH && received.kind != RTM_DELNEIGH {
        return None;
    }
    let ([version, _, _, _, i0, i1, i2, i3, s0, s1, flags, _], attributes) = received.split::<12>()?;
    // A bridge tells of the hardware addresses behind its ports in the same words.
    if *version != AF_INET && *version != AF_INET6 {
        return None;
    }
    let (mut address, mut mac) = (None, None);
    for (number, value) in attributes {
        match number {
            nda::NDA_DST => address = value.ip(),
            nda::NDA_LLADDR => mac = MacAddress::from_bytes(value.0),
            _ => {}
        }
    }
    let number = u16::from_ne_bytes([*s0, *s1]);
    let state = STATES.iter().find(|(_, known)| *known == number).map_or(NeighbourState::None, |(state, _)| *state);
    let link = u32::from_ne_bytes([*i0, *i1, *i2, *i3]);
    Some(Neighbour { address: address?, mac, link, state, proxy: flags & NTF_PROXY != 0 })
}

pub(super) fn is_gone(received: &Received<'_>) -> bool {
    received.kind == RTM_DELNEIGH
}

impl Net {
    /// Every neighbour of the namespace, on every link.
    ///
    /// # Errors
    /// `Busy` if they change each time that they are read.
    /// # Kernel
    /// `RTM_GETNEIGH`. See rtnetlink(7).
    pub fn neighbours(&self) -> Result<Vec<Neighbour>, Error> {
        self.list("neighbours", &Message::new(RTM_GETNEIGH, 0, &[0; 12]), neighbour_of)
    }

    /// Every address that is answered for, on every link.
    ///
    /// # Errors
    /// As [`neighbours`](Self::neighbours).
    pub fn proxies(&self) -> Result<Vec<Neighbour>, Error> {
        let message = Message::new(RTM_GETNEIGH, 0, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NTF_PROXY, 0]);
        self.list("proxies", &message, |received| neighbour_of(received).filter(|told| told.proxy))
    }

    /// Adds a neighbour to a link, or an address that is answered for there, in place of what was known of it.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is changed; `NotFound` if there is no such link; `Denied` without the
    /// right.
    /// # Kernel
    /// `RTM_NEWNEIGH`. See rtnetlink(7).
    pub fn add_neighbour(&self, link: impl Into<LinkRef>, neighbour: &Neighbour) -> Result<(), Error> {
        checked("add", neighbour.object(), neighbour.problems())?;
        let index = self.index_of("add", &link.into())?;
        let message = neighbour.message(RTM_NEWNEIGH, flags::CREATE | flags::REPLACE, index);
        self.request("add", &|| neighbour.object(), &message)
    }

    /// Removes a neighbour from a link, or an address that was answered for.
    ///
    /// # Errors
    /// `NotFound` if it is not there; `Denied` without the right.
    /// # Kernel
    /// `RTM_DELNEIGH`. See rtnetlink(7).
    pub fn remove_neighbour(&self, link: impl Into<LinkRef>, neighbour: &Neighbour) -> Result<(), Error> {
        let index = self.index_of("remove", &link.into())?;
        self.request("remove", &|| neighbour.object(), &neighbour.message(RTM_DELNEIGH, 0, index))
    }

    /// Lets packets go from link to link, of both versions of IP.
    ///
    /// # Errors
    /// As [`set_sysctls`](Self::set_sysctls).
    #[doc(alias = "ip_forward")]
    pub fn enable_forwarding(&self) -> Result<(), Error> {
        self.set_sysctls(&on(["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"])?)
    }

    /// Lets a link forward, and answer for addresses that were added as [`Neighbour::proxy`].
    ///
    /// Who asks is answered if there is a route to the address by another link, up to 0.8 s later
    /// (`net.ipv4.neigh.LINK.proxy_delay`); where `rp_filter` is on, if there is a route back to who asks, too. No address
    /// of one's own is needed on the links, but of version 4 there has to have been one in the namespace, be it 127.0.0.1
    /// of a loopback link that was up: before, the kernel takes every address for one of all, and what it forwards it sends
    /// to `ff:ff:ff:ff:ff:ff`. [`loopback_up`](Self::loopback_up) is enough.
    ///
    /// # Errors
    /// `NotFound` if there is no such link; else as [`set_sysctls`](Self::set_sysctls).
    #[doc(alias = "proxy_ndp")]
    pub fn enable_proxy(&self, link: impl Into<LinkRef>) -> Result<(), Error> {
        let name = self.link(link)?.name;
        let forward = SysctlKey::of_interface("ipv4", &name, "forwarding")?;
        let forward_six = SysctlKey::of_interface("ipv6", &name, "forwarding")?;
        let proxy_six = SysctlKey::of_interface("ipv6", &name, "proxy_ndp")?;
        self.set_sysctls(&Sysctls::new().value(forward, 1).value(forward_six, 1).value(proxy_six, 1))
    }
}

fn on<const N: usize>(keys: [&str; N]) -> Result<Sysctls, Error> {
    keys.into_iter().try_fold(Sysctls::new(), |all, key| Ok(all.value(key.parse::<SysctlKey>()?, 1)))
}

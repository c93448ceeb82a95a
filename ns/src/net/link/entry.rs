// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a bridge knows: behind which port a hardware address is.

use rustix::io::Errno;

use super::verbs::checked;
use super::{LinkKind, LinkRef};
use crate::error::{Error, ErrorKind, Object};
use crate::net::MacAddress;
use crate::net::handle::{Net, refused};
use crate::net::message::{Message, Received, attributes, flags};
use crate::net::neighbour::{RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH};

const AF_BRIDGE: u8 = 7;
/// It is about what the link itself keeps.
const NTF_SELF: u8 = 2;
/// It is about what the bridge keeps of the link.
const NTF_MASTER: u8 = 4;
const NTF_STICKY: u8 = 0x40;
const NUD_REACHABLE: u16 = 2;
const NUD_NOARP: u16 = 0x40;
const NUD_PERMANENT: u16 = 0x80;

attributes! { mod nda; NDA_LLADDR = 2, NDA_VLAN = 5, NDA_MASTER = 9 }

/// How a bridge came to know an address, and how long it will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum BridgeEntryKind {
    /// It was set, and is not forgotten: frames for it leave by its port. If a frame comes from it by another port, it is
    /// behind that from then on, unless it is [sticky](BridgeEntry::sticky).
    #[default]
    #[doc(alias = "NUD_NOARP")]
    Static,
    /// A frame has come from it, and it is forgotten when none comes any more, within [`Bridge::ageing`](super::Bridge).
    #[doc(alias = "NUD_REACHABLE")]
    Learned,
    /// It is the bridge's own, or its port's: frames for it are for this namespace.
    #[doc(alias = "NUD_PERMANENT")]
    Own,
}

/// A hardware address behind a port of a bridge. See bridge(8), "bridge fdb".
///
/// ```
/// use skep_ns::net::BridgeEntry;
///
/// let web = BridgeEntry::new("02:00:5e:10:00:07".parse()?).vlan(7).sticky();
/// assert!(web.problems().is_empty());
/// # Ok::<(), skep_ns::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
#[doc(alias = "fdb")]
pub struct BridgeEntry {
    /// The address.
    pub mac: MacAddress,
    /// The VLAN that it is in. What is added without one is added to every VLAN of the port besides,
    /// which are told one by one; a port has VLAN 1 unless [`Bridge::vlan_default`](super::Bridge) says otherwise.
    #[cfg_attr(feature = "serde", serde(default))]
    pub vlan: Option<u16>,
    /// The number of the port that it is behind, or of the bridge itself, as told.
    #[cfg_attr(feature = "serde", serde(default))]
    pub port: u32,
    /// How the bridge came to know it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub kind: BridgeEntryKind,
    /// Whether it stays behind its port, whatever comes by others.
    #[cfg_attr(feature = "serde", serde(default))]
    pub sticky: bool,
}

impl BridgeEntry {
    /// An address that is known until it is removed.
    #[must_use]
    pub fn new(mac: MacAddress) -> Self {
        Self { mac, vlan: None, port: 0, kind: BridgeEntryKind::Static, sticky: false }
    }

    /// The VLAN that it is in.
    #[must_use]
    pub fn vlan(mut self, id: u16) -> Self {
        self.vlan = Some(id);
        self
    }

    /// As what the bridge is to know it.
    #[must_use]
    pub fn kind(mut self, kind: BridgeEntryKind) -> Self {
        self.kind = kind;
        self
    }

    /// It stays behind its port, whatever comes by others. Linux 4.20.
    #[must_use]
    #[doc(alias = "NTF_STICKY")]
    pub fn sticky(mut self) -> Self {
        self.sticky = true;
        self
    }

    /// Everything wrong with it that can be known beforehand.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> =
            self.mac.problem().map(|problem| format!("mac: {problem}")).into_iter().collect();
        if let Some(id) = self.vlan.filter(|id| !(1..=4094).contains(id)) {
            problems.push(format!("vlan: {id} is not from 1 to 4094"));
        }
        if self.sticky && self.kind == BridgeEntryKind::Own {
            problems.push("sticky: the bridge's own address is behind no port".to_owned());
        }
        problems
    }

    fn object(&self) -> Object {
        Object::Network(format!("the entry {} of a bridge", self.mac))
    }

    /// `struct ndmsg` and the attributes.
    pub(in crate::net) fn message(&self, kind: u16, more: u16, index: u32, whose: u8) -> Message {
        let [i0, i1, i2, i3] = index.to_ne_bytes();
        let state = match self.kind {
            BridgeEntryKind::Static => NUD_NOARP,
            BridgeEntryKind::Learned => NUD_REACHABLE,
            BridgeEntryKind::Own => NUD_PERMANENT,
        };
        let [s0, s1] = state.to_ne_bytes();
        let flags = whose | if self.sticky { NTF_STICKY } else { 0 };
        let mut message = Message::new(kind, more, &[AF_BRIDGE, 0, 0, 0, i0, i1, i2, i3, s0, s1, flags, 0]);
        message.bytes(NDA_LLADDR, &self.mac.octets());
        if let Some(vlan) = self.vlan {
            message.u16(NDA_VLAN, vlan);
        }
        message
    }
}

/// The number of the bridge that a message tells of, and what that knows.
pub(crate) fn entry_of(received: &Received<'_>) -> Option<(u32, BridgeEntry)> {
    if received.kind != RTM_NEWNEIGH && received.kind != RTM_DELNEIGH {
        return None;
    }
    let ([AF_BRIDGE, _, _, _, i0, i1, i2, i3, s0, s1, flags, _], attributes) = received.split::<12>()? else {
        return None;
    };
    let (mut mac, mut vlan, mut bridge) = (None, None, None);
    for (number, value) in attributes {
        match number {
            nda::NDA_LLADDR => mac = MacAddress::from_bytes(value.0),
            nda::NDA_VLAN => vlan = value.u16(),
            // What a link takes in by itself has none.
            nda::NDA_MASTER => bridge = value.u32(),
            _ => {}
        }
    }
    let kind = match u16::from_ne_bytes([*s0, *s1]) {
        state if state & NUD_PERMANENT != 0 => BridgeEntryKind::Own,
        state if state & NUD_NOARP != 0 => BridgeEntryKind::Static,
        _ => BridgeEntryKind::Learned,
    };
    let port = u32::from_ne_bytes([*i0, *i1, *i2, *i3]);
    Some((bridge?, BridgeEntry { mac: mac?, vlan, port, kind, sticky: flags & NTF_STICKY != 0 }))
}

impl Net {
    /// The hardware addresses that a bridge knows, its own among them.
    ///
    /// # Errors
    /// `NotFound` if there is no such link; `Busy` if they change each time that they are read.
    /// # Kernel
    /// `RTM_GETNEIGH` of `AF_BRIDGE`. See bridge(8), "bridge fdb show".
    pub fn bridge_entries(&self, bridge: impl Into<LinkRef>) -> Result<Vec<BridgeEntry>, Error> {
        let index = self.link(bridge)?.index;
        let mut message = Message::new(RTM_GETNEIGH, 0, &[AF_BRIDGE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        message.u32(NDA_MASTER, index);
        let of_it = |received: &Received<'_>| entry_of(received).filter(|(bridge, _)| *bridge == index);
        self.list("entries of a bridge", &message, |received| of_it(received).map(|(_, entry)| entry))
    }

    /// Adds a hardware address behind a port of a bridge, or to the bridge itself, in place of what was known of it.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is changed, and for a VLAN that the port does not have; `NotFound` if
    /// there is no such link; `Unsupported` for what is no port; `Denied` without the right, and for a
    /// [learned](BridgeEntryKind::Learned) one where the port does not learn.
    /// # Kernel
    /// `RTM_NEWNEIGH` of `AF_BRIDGE`. See bridge(8), "bridge fdb replace".
    pub fn add_bridge_entry(&self, port: impl Into<LinkRef>, entry: &BridgeEntry) -> Result<(), Error> {
        checked("add", entry.object(), entry.problems())?;
        let (index, whose) = self.port_of("add", &port.into(), entry)?;
        let message = entry.message(RTM_NEWNEIGH, flags::CREATE | flags::REPLACE, index, whose);
        self.route().request(&message).map_err(|refusal| {
            if refusal.is(Errno::PERM) && entry.kind == BridgeEntryKind::Learned {
                let hint = "a port learns while it is up and not blocked; else this takes CAP_NET_ADMIN";
                return refusal.error("add", entry.object()).with_hint(hint);
            }
            refused(refusal, "add", entry.object())
        })
    }

    /// Removes a hardware address from behind a port of a bridge, or from the bridge itself; without a VLAN from all of them.
    ///
    /// # Errors
    /// `NotFound` if it is not there; `Unsupported` for what is no port; `Denied` without the right.
    /// # Kernel
    /// `RTM_DELNEIGH` of `AF_BRIDGE`. See bridge(8), "bridge fdb delete".
    pub fn remove_bridge_entry(&self, port: impl Into<LinkRef>, entry: &BridgeEntry) -> Result<(), Error> {
        checked("remove", entry.object(), entry.problems())?;
        let (index, whose) = self.port_of("remove", &port.into(), entry)?;
        self.request("remove", &|| entry.object(), &entry.message(RTM_DELNEIGH, 0, index, whose))
    }

    /// The number of a port, and who keeps what is known of it.
    fn port_of(&self, op: &'static str, port: &LinkRef, entry: &BridgeEntry) -> Result<(u32, u8), Error> {
        let found = self.link(port)?;
        match (found.master, &found.kind) {
            (Some(_), _) => Ok((found.index, NTF_MASTER)),
            (None, Some(LinkKind::Bridge(_))) => Ok((found.index, NTF_SELF)),
            // The kernel would have the link itself take in frames for the address, which is something else.
            (None, _) => {
                let why = format!("the link {} is no port of a bridge, and no bridge", found.name);
                Err(Error::because(op, entry.object(), ErrorKind::Unsupported, why))
            }
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links: what packets go through, real and virtual.
//!
//! A [`Link`] is what the kernel tells of one that is there, a [`NewLink`] describes one to be made, and a [`LinkChange`]
//! what is to become of one. The verbs are [`Net`](super::Net)'s.
//!
//! Man: ip-link(8), bridge(8), veth(4). Kernel: include/uapi/linux/if_link.h.

mod attributes;
mod entry;
mod kind;
mod lent;
mod name;
mod new;
mod port;
mod read;
#[cfg(test)]
pub(super) mod tests;
mod verbs;
mod vlans;
mod write;

use crate::net::MacAddress;

#[cfg(test)]
pub(crate) use entry::entry_of;
pub use entry::{BridgeEntry, BridgeEntryKind};
pub use kind::{Bridge, Ipvlan, IpvlanIsolation, IpvlanMode, LinkKind, Macvlan, MacvlanMode, Veth, Vlan, Vxlan};
pub use lent::LentLink;
pub use name::LinkRef;
pub(crate) use name::problem_of_name;
pub use new::{LinkChange, NewLink};
pub use port::{BridgePort, PortVlan};
pub(crate) use read::{is_gone, link_of};
pub(crate) use verbs::checked;
#[cfg(any(test, fuzzing))]
pub(crate) use vlans::vlans_in;

bitflags::bitflags! {
    /// What a link is and does, `IFF_*`. See netdevice(7).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
    pub struct LinkFlags: u32 {
        /// Switched on.
        #[doc(alias = "IFF_UP")]
        const UP = 1;
        /// Sends to all.
        #[doc(alias = "IFF_BROADCAST")]
        const BROADCAST = 1 << 1;
        /// Leads back to the machine itself.
        #[doc(alias = "IFF_LOOPBACK")]
        const LOOPBACK = 1 << 3;
        /// Leads to one other.
        #[doc(alias = "IFF_POINTOPOINT")]
        const POINT_TO_POINT = 1 << 4;
        /// Packets get through.
        #[doc(alias = "IFF_RUNNING")]
        const RUNNING = 1 << 6;
        /// Has no neighbours to ask for.
        #[doc(alias = "IFF_NOARP")]
        const NO_ARP = 1 << 7;
        /// Takes what is for others too.
        #[doc(alias = "IFF_PROMISC")]
        const PROMISCUOUS = 1 << 8;
        /// Sends to groups.
        #[doc(alias = "IFF_MULTICAST")]
        const MULTICAST = 1 << 12;
        /// There is somebody at the other end.
        #[doc(alias = "IFF_LOWER_UP")]
        const LOWER_UP = 1 << 16;
    }
}

/// Whether packets get through a link (RFC 2863).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum OperState {
    /// Its driver does not tell: that of the loopback link does not.
    #[default]
    Unknown,
    /// Something of it is not there.
    NotPresent,
    /// No.
    Down,
    /// The link that it lies on is down.
    LowerLayerDown,
    /// It is being tested.
    Testing,
    /// It waits for something outside, such as who is at the other end.
    Dormant,
    /// Yes.
    Up,
}

/// What went through a link since it is there, in packets and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
#[doc(alias = "rtnl_link_stats64")]
pub struct LinkStatistics {
    /// Packets that came in.
    pub received_packets: u64,
    /// Packets that went out.
    pub sent_packets: u64,
    /// Bytes that came in.
    pub received_bytes: u64,
    /// Bytes that went out.
    pub sent_bytes: u64,
    /// Bad packets that came in.
    pub receive_errors: u64,
    /// Packets that could not be sent.
    pub send_errors: u64,
    /// Good packets that came in and were dropped.
    pub receive_dropped: u64,
    /// Packets to be sent that were dropped.
    pub send_dropped: u64,
    /// Packets to groups that came in.
    pub multicast: u64,
}

/// A link that is there, as the kernel told it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
#[non_exhaustive]
pub struct Link {
    /// Its number in its net namespace.
    #[doc(alias = "ifindex")]
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its other names.
    pub alternative_names: Vec<String>,
    /// A word on it for people.
    pub alias: Option<String>,
    /// Its kind; `None` for a device, and for the loopback link.
    pub kind: Option<LinkKind>,
    /// What it is and does.
    pub flags: LinkFlags,
    /// Whether packets get through.
    pub state: OperState,
    /// The longest packet, in bytes.
    pub mtu: u32,
    /// Its hardware address, if that is one of six bytes.
    pub mac: Option<MacAddress>,
    /// The hardware address that its maker gave it.
    pub permanent_mac: Option<MacAddress>,
    /// The number of the bridge that it is a port of.
    pub master: Option<u32>,
    /// The number of the link that it lies on, or of the other end of a cable: in this namespace if
    /// [`parent_namespace`](Self::parent_namespace) is `None`, else in that.
    pub parent: Option<u32>,
    /// This namespace's number for the one that the parent is in. See ip-netns(8), "set".
    pub parent_namespace: Option<i32>,
    /// How many packets wait to be sent at most.
    pub queue_length: u32,
    /// How many queues it has to receive by.
    pub receive_queues: u32,
    /// How many queues it has to send by.
    pub send_queues: u32,
    /// What went through it.
    pub statistics: LinkStatistics,
    /// How its bridge treats it.
    pub port: Option<BridgePort>,
}

impl Link {
    /// Whether it is switched on.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.flags.contains(LinkFlags::UP)
    }

    /// Whether it is the loopback link.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.flags.contains(LinkFlags::LOOPBACK)
    }
}

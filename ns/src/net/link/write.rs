// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links as the kernel is asked for them.

use std::net::IpAddr;

use super::attributes::*;
use super::kind::*;
use super::new::{LinkChange, NewLink};
use super::{BridgePort, LinkFlags, LinkRef};
use crate::net::message::{Attribute, Message, flags};

/// `struct ifinfomsg`: the number, and the switch for those flags that are said.
pub(super) fn header(family: u8, index: u32, up: Option<bool>) -> [u8; 16] {
    let mut header = [0; 16];
    let flag = LinkFlags::UP.bits();
    let (value, mask) = up.map_or((0, 0), |up| (if up { flag } else { 0 }, flag));
    let fields = [index, value, mask].map(u32::to_ne_bytes);
    for (place, byte) in header.iter_mut().zip([family, 0, 0, 0].iter().chain(fields.as_flattened())) {
        *place = *byte;
    }
    header
}

/// A request about one link, which the kernel finds by its number or by any of its names.
pub(super) fn about(kind: u16, link: &LinkRef, up: Option<bool>) -> Message {
    match link {
        LinkRef::Index(index) => Message::new(kind, 0, &header(0, *index, up)),
        LinkRef::Name(name) => {
            let mut message = Message::new(kind, 0, &header(0, 0, up));
            let attribute = if name.len() > 15 { IFLA_ALT_IFNAME } else { IFLA_IFNAME };
            message.text(attribute, name);
            message
        }
    }
}

/// What has been found beforehand: numbers and descriptors in place of names.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) parent: Option<u32>,
    pub(super) master: Option<u32>,
    /// The namespace that it is made in, if that is not the socket's.
    pub(super) namespace: Option<u32>,
    /// That of the other end of a cable.
    pub(super) peer_namespace: Option<u32>,
}

/// A link to be made.
pub(super) fn create(link: &NewLink, found: Found) -> Message {
    let header = header(0, link.index.unwrap_or_default(), link.change.up.filter(|up| *up));
    let mut message = Message::new(RTM_NEWLINK, flags::CREATE | flags::EXCL, &header);
    basics(&mut message, link);
    number(&mut message, IFLA_LINK, found.parent);
    number(&mut message, IFLA_MASTER, found.master);
    number(&mut message, IFLA_NET_NS_FD, found.namespace);
    message.nested(IFLA_LINKINFO, |message| {
        message.text(IFLA_INFO_KIND, link.kind.name());
        kind(message, &link.kind, found.peer_namespace);
    });
    message
}

fn number(message: &mut Message, attribute: Attribute, value: Option<u32>) {
    if let Some(value) = value {
        message.u32(attribute, value);
    }
}

fn switch(message: &mut Message, attribute: Attribute, value: Option<bool>) {
    if let Some(value) = value {
        message.u8(attribute, value.into());
    }
}

/// What both ends of a cable are told in the same way.
fn basics(message: &mut Message, link: &NewLink) {
    message.text(IFLA_IFNAME, &link.name);
    number(message, IFLA_MTU, link.change.mtu);
    number(message, IFLA_TXQLEN, link.change.queue_length);
    if let Some(mac) = link.change.mac {
        message.bytes(IFLA_ADDRESS, &mac.octets());
    }
    let (receive, send) = link.queues;
    number(message, IFLA_NUM_RX_QUEUES, receive);
    number(message, IFLA_NUM_TX_QUEUES, send);
}

fn kind(message: &mut Message, kind: &LinkKind, peer_namespace: Option<u32>) {
    match kind {
        LinkKind::Veth(Veth { peer: Some(peer) }) => {
            message.nested(IFLA_INFO_DATA, |message| {
                message.within(VETH_INFO_PEER, |message| {
                    // Not up: the kernel would open it before its other end is there, which is ENOTCONN.
                    message.raw(&header(0, peer.index.unwrap_or_default(), None));
                    basics(message, peer);
                    number(message, IFLA_NET_NS_FD, peer_namespace);
                });
            });
        }
        LinkKind::Bridge(bridge) => {
            message.nested(IFLA_INFO_DATA, |message| bridge_data(message, bridge));
        }
        LinkKind::Macvlan(macvlan) | LinkKind::Macvtap(macvlan) => {
            let mode = match macvlan.mode {
                MacvlanMode::Private => 1,
                MacvlanMode::Vepa => 2,
                MacvlanMode::Bridge => 4,
                MacvlanMode::Passthru => 8,
                MacvlanMode::Source => 16,
            };
            message.nested(IFLA_INFO_DATA, |message| {
                message.u32(IFLA_MACVLAN_MODE, mode);
                if macvlan.no_promiscuous {
                    message.u16(IFLA_MACVLAN_FLAGS, 1);
                }
            });
        }
        LinkKind::Ipvlan(ipvlan) => {
            let mode = match ipvlan.mode {
                IpvlanMode::L2 => 0,
                IpvlanMode::L3 => 1,
                IpvlanMode::L3s => 2,
            };
            let isolation = match ipvlan.isolation {
                IpvlanIsolation::Bridge => 0,
                IpvlanIsolation::Private => 1,
                IpvlanIsolation::Vepa => 2,
            };
            message.nested(IFLA_INFO_DATA, |message| {
                message.u16(IFLA_IPVLAN_MODE, mode).u16(IFLA_IPVLAN_FLAGS, isolation);
            });
        }
        LinkKind::Vlan(vlan) => {
            let protocol: u16 = if vlan.provider { 0x88a8 } else { 0x8100 };
            message.nested(IFLA_INFO_DATA, |message| {
                message.u16(IFLA_VLAN_ID, vlan.id).bytes(IFLA_VLAN_PROTOCOL, &protocol.to_be_bytes());
            });
        }
        LinkKind::Vxlan(vxlan) => {
            message.nested(IFLA_INFO_DATA, |message| vxlan_data(message, vxlan));
        }
        LinkKind::Dummy | LinkKind::Ifb | LinkKind::Veth(_) | LinkKind::Other(_) => {}
    }
}

fn vxlan_data(message: &mut Message, vxlan: &Vxlan) {
    message.u32(IFLA_VXLAN_ID, vxlan.id);
    match vxlan.remote {
        Some(IpAddr::V4(remote)) => drop(message.bytes(IFLA_VXLAN_GROUP, &remote.octets())),
        Some(IpAddr::V6(remote)) => drop(message.bytes(IFLA_VXLAN_GROUP6, &remote.octets())),
        None => {}
    }
    match vxlan.local {
        Some(IpAddr::V4(local)) => drop(message.bytes(IFLA_VXLAN_LOCAL, &local.octets())),
        Some(IpAddr::V6(local)) => drop(message.bytes(IFLA_VXLAN_LOCAL6, &local.octets())),
        None => {}
    }
    if let Some(port) = vxlan.port {
        message.bytes(IFLA_VXLAN_PORT, &port.to_be_bytes());
    }
    switch(message, IFLA_VXLAN_LEARNING, vxlan.learning);
}

fn bridge_data(message: &mut Message, bridge: &Bridge) {
    number(message, IFLA_BR_FORWARD_DELAY, bridge.forward_delay);
    number(message, IFLA_BR_AGEING_TIME, bridge.ageing_time);
    number(message, IFLA_BR_STP_STATE, bridge.stp.map(u32::from));
    if let Some(priority) = bridge.priority {
        message.u16(IFLA_BR_PRIORITY, priority);
    }
    // The default is of no effect before VLANs are on, and is not to be seen in between.
    if let Some(id) = bridge.vlan_default {
        message.u16(IFLA_BR_VLAN_DEFAULT_PVID, id);
    }
    switch(message, IFLA_BR_VLAN_FILTERING, bridge.vlan_filtering);
    switch(message, IFLA_BR_MCAST_SNOOPING, bridge.multicast_snooping);
}

fn port_data(message: &mut Message, port: &BridgePort) {
    switch(message, IFLA_BRPORT_MODE, port.hairpin);
    switch(message, IFLA_BRPORT_GUARD, port.bpdu_guard);
    switch(message, IFLA_BRPORT_LEARNING, port.learning);
    switch(message, IFLA_BRPORT_UNICAST_FLOOD, port.unicast_flood);
    switch(message, IFLA_BRPORT_MCAST_FLOOD, port.multicast_flood);
    switch(message, IFLA_BRPORT_BCAST_FLOOD, port.broadcast_flood);
    switch(message, IFLA_BRPORT_NEIGH_SUPPRESS, port.neighbour_suppression);
    switch(message, IFLA_BRPORT_ISOLATED, port.isolated);
    switch(message, IFLA_BRPORT_LOCKED, port.locked);
}

/// The requests that a change takes, in order: `master` is the number that its master was found to have, 0 for none.
pub(super) fn change(index: u32, change: &LinkChange, master: Option<u32>) -> Vec<Message> {
    let mut all = Vec::new();
    let bare = Message::new(RTM_NEWLINK, 0, &header(0, index, None));
    // A link that goes up is up at the end, and one that goes down is so before its name and address are changed.
    if change.up == Some(false) {
        all.push(Message::new(RTM_NEWLINK, 0, &header(0, index, Some(false))));
    }
    let mut first = bare.clone();
    if let Some(name) = &change.name {
        first.text(IFLA_IFNAME, name);
    }
    number(&mut first, IFLA_MTU, change.mtu);
    number(&mut first, IFLA_TXQLEN, change.queue_length);
    if let Some(mac) = change.mac {
        first.bytes(IFLA_ADDRESS, &mac.octets());
    }
    if let Some(alias) = &change.alias {
        // Without the NUL, which an empty one would have too.
        first.bytes(IFLA_IFALIAS, if alias.is_empty() { &[0] } else { alias.as_bytes() });
    }
    number(&mut first, IFLA_MASTER, master);
    if let Some(bridge) = &change.bridge {
        first.nested(IFLA_LINKINFO, |message| {
            message.text(IFLA_INFO_KIND, "bridge");
            message.nested(IFLA_INFO_DATA, |message| bridge_data(message, bridge));
        });
    }
    if !first.is_bare() {
        all.push(first);
    }
    if let Some(port) = &change.port {
        let mut message = bare.clone();
        message.nested(IFLA_LINKINFO, |message| {
            message.text(IFLA_INFO_SLAVE_KIND, "bridge");
            message.nested(IFLA_INFO_SLAVE_DATA, |message| port_data(message, port));
        });
        all.push(message);
    }
    for (kind, flags, names) in [
        (RTM_DELLINKPROP, 0, &change.remove_names),
        (RTM_NEWLINKPROP, flags::CREATE | flags::EXCL | flags::APPEND, &change.add_names),
    ] {
        if !names.is_empty() {
            let mut message = Message::new(kind, flags, &header(0, index, None));
            message.nested(IFLA_PROP_LIST, |message| {
                for name in names {
                    message.text(IFLA_ALT_IFNAME, name);
                }
            });
            all.push(message);
        }
    }
    if change.up == Some(true) {
        all.push(Message::new(RTM_NEWLINK, 0, &header(0, index, Some(true))));
    }
    all
}

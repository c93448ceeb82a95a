// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links as the kernel tells them.

use super::attributes::*;
use super::kind::*;
use super::{BridgePort, Link, LinkFlags, LinkStatistics, OperState};
use crate::net::MacAddress;
use crate::net::message::{Attributes, Received, Value};

/// The link that a message tells of.
pub(crate) fn link_of(received: &Received<'_>) -> Option<Link> {
    if received.kind != RTM_NEWLINK && received.kind != RTM_DELLINK {
        return None;
    }
    let ([_, _, _, _, i0, i1, i2, i3, f0, f1, f2, f3, ..], attributes) = received.split::<16>()?;
    let flags = LinkFlags::from_bits_truncate(u32::from_ne_bytes([*f0, *f1, *f2, *f3]));
    let mut link = Link { index: u32::from_ne_bytes([*i0, *i1, *i2, *i3]), flags, ..Link::default() };
    for (number, value) in attributes {
        match number {
            ifla::IFLA_IFNAME => link.name = value.text(),
            ifla::IFLA_ADDRESS => link.mac = MacAddress::from_bytes(value.0),
            ifla::IFLA_PERM_ADDRESS => link.permanent_mac = MacAddress::from_bytes(value.0),
            ifla::IFLA_MTU => link.mtu = value.u32().unwrap_or_default(),
            ifla::IFLA_LINK => link.parent = value.u32().filter(|parent| *parent != 0),
            ifla::IFLA_LINK_NETNSID => link.parent_namespace = value.i32(),
            ifla::IFLA_MASTER => link.master = value.u32().filter(|master| *master != 0),
            ifla::IFLA_TXQLEN => link.queue_length = value.u32().unwrap_or_default(),
            ifla::IFLA_OPERSTATE => link.state = state(value),
            ifla::IFLA_IFALIAS => link.alias = Some(value.text()),
            ifla::IFLA_NUM_RX_QUEUES => link.receive_queues = value.u32().unwrap_or_default(),
            ifla::IFLA_NUM_TX_QUEUES => link.send_queues = value.u32().unwrap_or_default(),
            ifla::IFLA_STATS64 => link.statistics = statistics(value),
            ifla::IFLA_PROP_LIST => {
                let names = value.nested().filter(|(number, _)| *number == ifla::IFLA_ALT_IFNAME);
                link.alternative_names = names.map(|(_, value)| value.text()).collect();
            }
            ifla::IFLA_LINKINFO => (link.kind, link.port) = details(value.nested()),
            _ => {}
        }
    }
    Some(link)
}

/// Whether a message tells that the link is gone; `None` of a bridge's word on one of its ports, in which little is said.
pub(crate) fn is_gone(received: &Received<'_>) -> Option<bool> {
    const AF_BRIDGE: u8 = 7;
    (received.body.first() != Some(&AF_BRIDGE)).then_some(received.kind == RTM_DELLINK)
}

fn state(value: Value<'_>) -> OperState {
    match value.u8() {
        Some(1) => OperState::NotPresent,
        Some(2) => OperState::Down,
        Some(3) => OperState::LowerLayerDown,
        Some(4) => OperState::Testing,
        Some(5) => OperState::Dormant,
        Some(6) => OperState::Up,
        _ => OperState::Unknown,
    }
}

/// `struct rtnl_link_stats64`, of which newer kernels have more.
fn statistics(value: Value<'_>) -> LinkStatistics {
    let (fields, _) = value.0.as_chunks::<8>();
    let mut fields = fields.iter().map(|field| u64::from_ne_bytes(*field));
    let mut next = || fields.next().unwrap_or_default();
    LinkStatistics {
        received_packets: next(),
        sent_packets: next(),
        received_bytes: next(),
        sent_bytes: next(),
        receive_errors: next(),
        send_errors: next(),
        receive_dropped: next(),
        send_dropped: next(),
        multicast: next(),
    }
}

/// `IFLA_LINKINFO`: the kind, with what is particular to it, and what it is to its bridge.
fn details(attributes: Attributes<'_>) -> (Option<LinkKind>, Option<BridgePort>) {
    let (mut name, mut data, mut slave, mut slave_data) = (None, Attributes::default(), None, Attributes::default());
    for (number, value) in attributes {
        match number {
            info::IFLA_INFO_KIND => name = Some(value.text()),
            info::IFLA_INFO_DATA => data = value.nested(),
            info::IFLA_INFO_SLAVE_KIND => slave = Some(value.text()),
            info::IFLA_INFO_SLAVE_DATA => slave_data = value.nested(),
            _ => {}
        }
    }
    let port = (slave.as_deref() == Some("bridge")).then(|| port_of(slave_data));
    (name.map(|name| kind_of(name, data)), port)
}

fn kind_of(name: String, data: Attributes<'_>) -> LinkKind {
    match name.as_str() {
        "dummy" => LinkKind::Dummy,
        "ifb" => LinkKind::Ifb,
        "veth" => LinkKind::Veth(Veth::default()),
        "bridge" => LinkKind::Bridge(bridge_of(data)),
        "macvlan" => LinkKind::Macvlan(macvlan_of(data)),
        "macvtap" => LinkKind::Macvtap(macvlan_of(data)),
        "ipvlan" => LinkKind::Ipvlan(ipvlan_of(data)),
        "vlan" => LinkKind::Vlan(vlan_of(data)),
        "vxlan" => LinkKind::Vxlan(vxlan_of(data)),
        _ => LinkKind::Other(name),
    }
}

fn is_on(value: Value<'_>) -> Option<bool> {
    value.u8().map(|value| value != 0)
}

fn bridge_of(data: Attributes<'_>) -> Bridge {
    let mut told = Bridge::default();
    for (number, value) in data {
        match number {
            bridge::IFLA_BR_STP_STATE => told.stp = value.u32().map(|state| state != 0),
            bridge::IFLA_BR_AGEING_TIME => told.ageing_time = value.u32(),
            bridge::IFLA_BR_FORWARD_DELAY => told.forward_delay = value.u32(),
            bridge::IFLA_BR_VLAN_FILTERING => told.vlan_filtering = is_on(value),
            bridge::IFLA_BR_VLAN_DEFAULT_PVID => told.vlan_default = value.u16(),
            bridge::IFLA_BR_MCAST_SNOOPING => told.multicast_snooping = is_on(value),
            bridge::IFLA_BR_PRIORITY => told.priority = value.u16(),
            _ => {}
        }
    }
    told
}

fn macvlan_of(data: Attributes<'_>) -> Macvlan {
    let mut told = Macvlan::default();
    for (number, value) in data {
        match (number, value.u32()) {
            (macvlan::IFLA_MACVLAN_MODE, Some(1)) => told.mode = MacvlanMode::Private,
            (macvlan::IFLA_MACVLAN_MODE, Some(4)) => told.mode = MacvlanMode::Bridge,
            (macvlan::IFLA_MACVLAN_MODE, Some(8)) => told.mode = MacvlanMode::Passthru,
            (macvlan::IFLA_MACVLAN_MODE, Some(16)) => told.mode = MacvlanMode::Source,
            (macvlan::IFLA_MACVLAN_FLAGS, _) => told.no_promiscuous = value.u16().is_some_and(|flags| flags & 1 != 0),
            _ => {}
        }
    }
    told
}

fn ipvlan_of(data: Attributes<'_>) -> Ipvlan {
    let mut told = Ipvlan::default();
    for (number, value) in data {
        match (number, value.u16()) {
            (ipvlan::IFLA_IPVLAN_MODE, Some(0)) => told.mode = IpvlanMode::L2,
            (ipvlan::IFLA_IPVLAN_MODE, Some(2)) => told.mode = IpvlanMode::L3s,
            (ipvlan::IFLA_IPVLAN_FLAGS, Some(1)) => told.isolation = IpvlanIsolation::Private,
            (ipvlan::IFLA_IPVLAN_FLAGS, Some(2)) => told.isolation = IpvlanIsolation::Vepa,
            _ => {}
        }
    }
    told
}

fn vlan_of(data: Attributes<'_>) -> Vlan {
    let mut told = Vlan::default();
    for (number, value) in data {
        match number {
            vlan::IFLA_VLAN_ID => told.id = value.u16().unwrap_or_default(),
            vlan::IFLA_VLAN_PROTOCOL => told.provider = value.be16() == Some(0x88a8),
            _ => {}
        }
    }
    told
}

fn vxlan_of(data: Attributes<'_>) -> Vxlan {
    let mut told = Vxlan::default();
    for (number, value) in data {
        match number {
            vxlan::IFLA_VXLAN_ID => told.id = value.u32().unwrap_or_default(),
            vxlan::IFLA_VXLAN_GROUP | vxlan::IFLA_VXLAN_GROUP6 => told.remote = value.ip(),
            vxlan::IFLA_VXLAN_LOCAL | vxlan::IFLA_VXLAN_LOCAL6 => told.local = value.ip(),
            vxlan::IFLA_VXLAN_PORT => told.port = value.be16(),
            vxlan::IFLA_VXLAN_LEARNING => told.learning = is_on(value),
            _ => {}
        }
    }
    told
}

fn port_of(data: Attributes<'_>) -> BridgePort {
    let mut told = BridgePort::default();
    for (number, value) in data {
        let field = match number {
            port::IFLA_BRPORT_MODE => &mut told.hairpin,
            port::IFLA_BRPORT_GUARD => &mut told.bpdu_guard,
            port::IFLA_BRPORT_LEARNING => &mut told.learning,
            port::IFLA_BRPORT_UNICAST_FLOOD => &mut told.unicast_flood,
            port::IFLA_BRPORT_MCAST_FLOOD => &mut told.multicast_flood,
            port::IFLA_BRPORT_BCAST_FLOOD => &mut told.broadcast_flood,
            port::IFLA_BRPORT_NEIGH_SUPPRESS => &mut told.neighbour_suppression,
            port::IFLA_BRPORT_ISOLATED => &mut told.isolated,
            port::IFLA_BRPORT_LOCKED => &mut told.locked,
            _ => continue,
        };
        *field = is_on(value);
    }
    told
}

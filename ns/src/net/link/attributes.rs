// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attributes of links. Kernel: include/uapi/linux/if_link.h, veth.h, if_bridge.h.

use crate::net::message::attributes;

pub(super) const RTM_NEWLINK: u16 = 16;
pub(super) const RTM_DELLINK: u16 = 17;
pub(super) const RTM_GETLINK: u16 = 18;
pub(super) const RTM_SETLINK: u16 = 19;
pub(super) const RTM_NEWLINKPROP: u16 = 108;
pub(super) const RTM_DELLINKPROP: u16 = 109;

/// No statistics in the answer.
pub(super) const RTEXT_FILTER_SKIP_STATS: u32 = 8;
/// The VLANs of ports in the answer.
pub(super) const RTEXT_FILTER_BRVLAN: u32 = 2;
/// The VLAN of frames without a tag.
pub(super) const BRIDGE_VLAN_INFO_PVID: u16 = 2;
/// Frames leave without a tag.
pub(super) const BRIDGE_VLAN_INFO_UNTAGGED: u16 = 4;
/// It is about the bridge itself, not about the port.
pub(super) const BRIDGE_FLAGS_SELF: u16 = 2;

attributes! { mod ifla;
    IFLA_ADDRESS = 1, IFLA_IFNAME = 3, IFLA_MTU = 4, IFLA_LINK = 5, IFLA_MASTER = 10, IFLA_PROTINFO = 12, IFLA_TXQLEN = 13,
    IFLA_OPERSTATE = 16, IFLA_LINKINFO = 18, IFLA_IFALIAS = 20, IFLA_STATS64 = 23, IFLA_AF_SPEC = 26, IFLA_NET_NS_FD = 28,
    IFLA_EXT_MASK = 29, IFLA_NUM_TX_QUEUES = 31, IFLA_NUM_RX_QUEUES = 32, IFLA_LINK_NETNSID = 37, IFLA_PROP_LIST = 52,
    IFLA_ALT_IFNAME = 53, IFLA_PERM_ADDRESS = 54,
}

attributes! { mod info;
    IFLA_INFO_KIND = 1, IFLA_INFO_DATA = 2, IFLA_INFO_SLAVE_KIND = 4, IFLA_INFO_SLAVE_DATA = 5,
}

attributes! { VETH_INFO_PEER = 1 }

attributes! { mod bridge;
    IFLA_BR_FORWARD_DELAY = 1, IFLA_BR_AGEING_TIME = 4, IFLA_BR_STP_STATE = 5, IFLA_BR_PRIORITY = 6,
    IFLA_BR_VLAN_FILTERING = 7, IFLA_BR_MCAST_SNOOPING = 23, IFLA_BR_VLAN_DEFAULT_PVID = 39,
}

attributes! { mod port;
    IFLA_BRPORT_MODE = 4, IFLA_BRPORT_GUARD = 5, IFLA_BRPORT_LEARNING = 8, IFLA_BRPORT_UNICAST_FLOOD = 9,
    IFLA_BRPORT_MCAST_FLOOD = 27, IFLA_BRPORT_BCAST_FLOOD = 30, IFLA_BRPORT_NEIGH_SUPPRESS = 32,
    IFLA_BRPORT_ISOLATED = 33, IFLA_BRPORT_LOCKED = 40,
}

attributes! { mod spec; IFLA_BRIDGE_FLAGS = 0, IFLA_BRIDGE_VLAN_INFO = 2 }

attributes! { mod macvlan; IFLA_MACVLAN_MODE = 1, IFLA_MACVLAN_FLAGS = 2 }

attributes! { mod ipvlan; IFLA_IPVLAN_MODE = 1, IFLA_IPVLAN_FLAGS = 2 }

attributes! { mod vlan; IFLA_VLAN_ID = 1, IFLA_VLAN_PROTOCOL = 5 }

attributes! { mod vxlan;
    IFLA_VXLAN_ID = 1, IFLA_VXLAN_GROUP = 2, IFLA_VXLAN_LOCAL = 4, IFLA_VXLAN_LEARNING = 7, IFLA_VXLAN_PORT = 15,
    IFLA_VXLAN_GROUP6 = 16, IFLA_VXLAN_LOCAL6 = 17,
}

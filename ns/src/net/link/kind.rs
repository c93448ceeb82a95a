// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kinds of link, and what each can be told.
//!
//! A field that is `None` is left to the kernel, of a link to be made, and was not told, of one that is there.

use std::net::IpAddr;

use super::new::NewLink;

/// The kind of a link, with what is particular to it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum LinkKind {
    /// A link that swallows what it is sent.
    Dummy,
    /// A link to shape what comes in on others.
    Ifb,
    /// One end of a cable in the machine. See veth(4).
    Veth(Veth),
    /// A switch of links.
    Bridge(Bridge),
    /// A link with a hardware address of its own on another link.
    Macvlan(Macvlan),
    /// The same, as a character device.
    Macvtap(Macvlan),
    /// A link with addresses of its own and the hardware address of another link.
    Ipvlan(Ipvlan),
    /// What has a tag on another link.
    Vlan(Vlan),
    /// Ethernet in UDP, between machines.
    Vxlan(Vxlan),
    /// Any other, by the kernel's name of it; of what is particular to it nothing is known here.
    Other(String),
}

impl LinkKind {
    /// The kernel's name of it, as ip-link(8) takes after `type`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Dummy => "dummy",
            Self::Ifb => "ifb",
            Self::Veth(_) => "veth",
            Self::Bridge(_) => "bridge",
            Self::Macvlan(_) => "macvlan",
            Self::Macvtap(_) => "macvtap",
            Self::Ipvlan(_) => "ipvlan",
            Self::Vlan(_) => "vlan",
            Self::Vxlan(_) => "vxlan",
            Self::Other(name) => name,
        }
    }

    /// Whether it lies on another link.
    pub(crate) fn needs_parent(&self) -> bool {
        matches!(self, Self::Macvlan(_) | Self::Macvtap(_) | Self::Ipvlan(_) | Self::Vlan(_))
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match self {
            Self::Veth(Veth { peer: Some(peer) }) => {
                problems.extend(peer.problems().into_iter().map(|problem| format!("peer: {problem}")));
            }
            Self::Vlan(vlan) if vlan.id > 4094 => {
                problems.push(format!("vlan.id: {} is above 4094", vlan.id));
            }
            Self::Vxlan(vxlan) => problems.extend(vxlan.problems()),
            Self::Bridge(bridge) => problems.extend(bridge.problems()),
            Self::Other(name) if name.is_empty() || name.len() > 55 || name.contains('\0') => {
                problems.push(format!("kind: {} is no kind of link", crate::words::shown(name)));
            }
            _ => {}
        }
        problems
    }
}

/// One end of a cable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Veth {
    /// The other end of one to be made; the kernel names it if nobody does. Of one that is there [`Link::parent`] tells it.
    ///
    /// [`Link::parent`]: super::Link::parent
    pub peer: Option<Box<NewLink>>,
}

/// What a bridge does. See ip-link(8), "BRIDGE Type Support".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Bridge {
    /// Whether it speaks the spanning tree protocol with others.
    pub stp: Option<bool>,
    /// How long a hardware address is remembered that is not heard of, in hundredths of a second.
    pub ageing_time: Option<u32>,
    /// How long a port listens, and then learns, before it forwards, in hundredths of a second: 200 to 3000 with `stp`.
    pub forward_delay: Option<u32>,
    /// Whether ports have VLANs.
    pub vlan_filtering: Option<bool>,
    /// The VLAN of what comes in without a tag on a port that says nothing else; 0 is none.
    pub vlan_default: Option<u16>,
    /// Whether multicast goes only where somebody wants it.
    pub multicast_snooping: Option<bool>,
    /// The bridge's priority in the spanning tree: the lowest is the root.
    pub priority: Option<u16>,
}

impl Bridge {
    /// As the kernel makes it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it speaks the spanning tree protocol.
    #[must_use]
    pub fn stp(mut self, on: bool) -> Self {
        self.stp = Some(on);
        self
    }

    /// How long an address is remembered, in hundredths of a second.
    #[must_use]
    pub fn ageing_time(mut self, hundredths: u32) -> Self {
        self.ageing_time = Some(hundredths);
        self
    }

    /// How long a port waits before it forwards, in hundredths of a second; 0 is not at all, without `stp`.
    #[must_use]
    pub fn forward_delay(mut self, hundredths: u32) -> Self {
        self.forward_delay = Some(hundredths);
        self
    }

    /// Whether ports have VLANs.
    #[must_use]
    pub fn vlan_filtering(mut self, on: bool) -> Self {
        self.vlan_filtering = Some(on);
        self
    }

    /// The VLAN of what comes in without a tag; 0 is none.
    #[must_use]
    pub fn vlan_default(mut self, id: u16) -> Self {
        self.vlan_default = Some(id);
        self
    }

    /// Whether multicast goes only where somebody wants it.
    #[must_use]
    pub fn multicast_snooping(mut self, on: bool) -> Self {
        self.multicast_snooping = Some(on);
        self
    }

    /// The bridge's priority in the spanning tree.
    #[must_use]
    pub fn priority(mut self, priority: u16) -> Self {
        self.priority = Some(priority);
        self
    }

    fn problems(&self) -> Vec<String> {
        let id = self.vlan_default.filter(|id| *id > 4094);
        id.map(|id| format!("bridge.vlan_default: {id} is above 4094")).into_iter().collect()
    }
}

/// How links on one other link see each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MacvlanMode {
    /// Not at all.
    Private,
    /// By a switch outside that sends frames back: the kernel's default.
    #[default]
    Vepa,
    /// Directly.
    Bridge,
    /// There is one, which has the other link for itself.
    Passthru,
    /// Only from addresses in a list.
    Source,
}

/// What a macvlan or macvtap link does. See ip-link(8), "MACVLAN and MACVTAP Type Support".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Macvlan {
    /// How links on the same link see each other.
    pub mode: MacvlanMode,
    /// Whether the other link is left out of promiscuous mode; with `Passthru` alone.
    pub no_promiscuous: bool,
}

impl Macvlan {
    /// Of this mode.
    #[must_use]
    pub fn new(mode: MacvlanMode) -> Self {
        Self { mode, no_promiscuous: false }
    }
}

/// On which layer an ipvlan link works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum IpvlanMode {
    /// As on a switch.
    L2,
    /// As on a router: no broadcast, no neighbours. The kernel's default.
    #[default]
    L3,
    /// The same, with the firewall of the other link's namespace.
    L3s,
}

/// Whom an ipvlan link may talk with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum IpvlanIsolation {
    /// With others on the same link.
    #[default]
    Bridge,
    /// With none of them.
    Private,
    /// With them by a switch outside.
    Vepa,
}

/// What an ipvlan link does. See ip-link(8), "IPVLAN Type Support".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Ipvlan {
    /// Its layer.
    pub mode: IpvlanMode,
    /// Whom it may talk with.
    pub isolation: IpvlanIsolation,
}

impl Ipvlan {
    /// Of this mode and isolation.
    #[must_use]
    pub fn new(mode: IpvlanMode, isolation: IpvlanIsolation) -> Self {
        Self { mode, isolation }
    }
}

/// What has a tag. See ip-link(8), "VLAN Type Support".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Vlan {
    /// The tag: 0 to 4094.
    pub id: u16,
    /// Whether the tag is that of a provider (802.1ad), not of 802.1Q.
    pub provider: bool,
}

impl Vlan {
    /// With this tag of 802.1Q.
    #[must_use]
    pub fn new(id: u16) -> Self {
        Self { id, provider: false }
    }

    /// With a tag of 802.1ad.
    #[must_use]
    pub fn provider(mut self) -> Self {
        self.provider = true;
        self
    }
}

/// Ethernet in UDP. See ip-link(8), "VXLAN Type Support".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Vxlan {
    /// The number of the network: below 2^24.
    pub id: u32,
    /// Where frames are sent whose place is not known: another machine, or a group of them.
    pub remote: Option<IpAddr>,
    /// The address that is sent from.
    pub local: Option<IpAddr>,
    /// The port that is sent to. The kernel's default is 8472, the assigned one 4789.
    pub port: Option<u16>,
    /// Whether places are learned from what comes in.
    pub learning: Option<bool>,
}

impl Vxlan {
    /// The network of this number, on the assigned port.
    #[must_use]
    pub fn new(id: u32) -> Self {
        Self { id, port: Some(4789), ..Self::default() }
    }

    /// Where frames are sent whose place is not known.
    #[must_use]
    pub fn remote(mut self, address: impl Into<IpAddr>) -> Self {
        self.remote = Some(address.into());
        self
    }

    /// The address that is sent from.
    #[must_use]
    pub fn local(mut self, address: impl Into<IpAddr>) -> Self {
        self.local = Some(address.into());
        self
    }

    /// The port that is sent to.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Whether places are learned from what comes in.
    #[must_use]
    pub fn learning(mut self, on: bool) -> Self {
        self.learning = Some(on);
        self
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.id >= 1 << 24 {
            problems.push(format!("vxlan.id: {} is above {}", self.id, (1 << 24) - 1));
        }
        if let (Some(remote), Some(local)) = (self.remote, self.local)
            && remote.is_ipv4() != local.is_ipv4()
        {
            problems.push(format!("vxlan.local: {local} and {remote} are of two versions of IP"));
        }
        problems
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links to be made, and changes of links, as values.

use super::kind::{Bridge, Ipvlan, LinkKind, Macvlan, Veth, Vlan, Vxlan};
use super::name::{LinkRef, problem_of_any_name, problem_of_name};
use super::port::BridgePort;
use crate::net::MacAddress;

/// A link to be made. Unset is left to the kernel.
///
/// ```
/// use skep_ns::net::NewLink;
///
/// let cable = NewLink::veth("web-host", NewLink::peer("eth0").mtu(1400).up()).mtu(1400).master("br0").up();
/// assert!(cable.problems().is_empty());
/// let bad = NewLink::dummy("a234567890123456");
/// assert_eq!(bad.problems(), ["name: \"a234567890123456\" has 16 bytes, and a name of a link at most 15"]);
/// ```
///
/// See ip-link(8).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct NewLink {
    pub(crate) name: String,
    pub(crate) kind: LinkKind,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) parent: Option<LinkRef>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) index: Option<u32>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) queues: (Option<u32>, Option<u32>),
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) change: LinkChange,
}

impl NewLink {
    /// A link of this kind.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: LinkKind) -> Self {
        Self { name: name.into(), kind, parent: None, index: None, queues: (None, None), change: LinkChange::default() }
    }

    /// One end of a cable whose other end is `peer`, made by [`NewLink::peer`]. See veth(4).
    #[must_use]
    pub fn veth(name: impl Into<String>, peer: Self) -> Self {
        Self::new(name, LinkKind::Veth(Veth { peer: Some(Box::new(peer)) }))
    }

    /// The other end of a cable.
    #[must_use]
    pub fn peer(name: impl Into<String>) -> Self {
        Self::new(name, LinkKind::Veth(Veth::default()))
    }

    /// A switch of links.
    #[must_use]
    pub fn bridge(name: impl Into<String>, bridge: Bridge) -> Self {
        Self::new(name, LinkKind::Bridge(bridge))
    }

    /// A link with a hardware address of its own on the link `parent`.
    #[must_use]
    pub fn macvlan(name: impl Into<String>, parent: impl Into<LinkRef>, macvlan: Macvlan) -> Self {
        Self::new(name, LinkKind::Macvlan(macvlan)).parent(parent)
    }

    /// A link with addresses of its own on the link `parent`.
    #[must_use]
    pub fn ipvlan(name: impl Into<String>, parent: impl Into<LinkRef>, ipvlan: Ipvlan) -> Self {
        Self::new(name, LinkKind::Ipvlan(ipvlan)).parent(parent)
    }

    /// What has a tag on the link `parent`.
    #[must_use]
    pub fn vlan(name: impl Into<String>, parent: impl Into<LinkRef>, vlan: Vlan) -> Self {
        Self::new(name, LinkKind::Vlan(vlan)).parent(parent)
    }

    /// Ethernet in UDP.
    #[must_use]
    pub fn vxlan(name: impl Into<String>, vxlan: Vxlan) -> Self {
        Self::new(name, LinkKind::Vxlan(vxlan))
    }

    /// A link that swallows what it is sent.
    #[must_use]
    pub fn dummy(name: impl Into<String>) -> Self {
        Self::new(name, LinkKind::Dummy)
    }

    /// The link that it lies on, in the namespace in which it is made.
    #[must_use]
    #[doc(alias = "IFLA_LINK")]
    pub fn parent(mut self, parent: impl Into<LinkRef>) -> Self {
        self.parent = Some(parent.into());
        self
    }

    /// Its number, which must be free in its namespace.
    #[must_use]
    pub fn index(mut self, index: u32) -> Self {
        self.index = Some(index);
        self
    }

    /// How many queues it has to receive by and to send by.
    #[must_use]
    #[doc(alias = "IFLA_NUM_RX_QUEUES")]
    pub fn queues(mut self, receive: u32, send: u32) -> Self {
        self.queues = (Some(receive), Some(send));
        self
    }

    /// What it is given besides, which could be changed later too.
    #[must_use]
    pub fn with(mut self, change: LinkChange) -> Self {
        self.change = change;
        self
    }

    /// The longest packet, in bytes.
    #[must_use]
    pub fn mtu(mut self, bytes: u32) -> Self {
        self.change = self.change.mtu(bytes);
        self
    }

    /// Its hardware address.
    #[must_use]
    pub fn mac(mut self, address: MacAddress) -> Self {
        self.change = self.change.mac(address);
        self
    }

    /// The bridge that it is a port of.
    #[must_use]
    pub fn master(mut self, master: impl Into<LinkRef>) -> Self {
        self.change = self.change.master(master);
        self
    }

    /// What it is as the port of a bridge.
    #[must_use]
    pub fn port(mut self, port: BridgePort) -> Self {
        self.change = self.change.port(port);
        self
    }

    /// A word on it for people.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<String>) -> Self {
        self.change = self.change.alias(alias);
        self
    }

    /// One more name, of up to 127 bytes.
    #[must_use]
    pub fn alternative_name(mut self, name: impl Into<String>) -> Self {
        self.change = self.change.alternative_name(name);
        self
    }

    /// Up from the start.
    #[must_use]
    pub fn up(mut self) -> Self {
        self.change = self.change.up();
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &LinkKind {
        &self.kind
    }

    /// Everything wrong with it that can be known beforehand, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(problem_of_name(&self.name).map(|problem| format!("name: {problem}")));
        problems.extend(self.kind.problems());
        if self.kind.needs_parent() && self.parent.is_none() {
            problems.push(format!("parent: a {} link lies on another, and none is given", self.kind.name()));
        }
        problems.extend(self.parent.as_ref().and_then(LinkRef::problem).map(|problem| format!("parent: {problem}")));
        problems.extend(self.index.and_then(|index| LinkRef::Index(index).problem()).map(|p| format!("index: {p}")));
        for (name, count) in [("receive", self.queues.0), ("send", self.queues.1)] {
            if count.is_some_and(|count| count == 0 || count > 4096) {
                problems.push(format!("queues.{name}: a link has from 1 to 4096"));
            }
        }
        if self.change.name.is_some() {
            problems.push("name: there are two".to_owned());
        }
        problems.extend(self.change.problems());
        problems
    }
}

/// A change of a link that is there. Unset is left alone.
///
/// ```
/// use skep_ns::net::LinkChange;
///
/// let change = LinkChange::new().name("eth0").mtu(1400).up();
/// assert!(change.problems().is_empty());
/// ```
///
/// See ip-link(8).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct LinkChange {
    pub(crate) name: Option<String>,
    pub(crate) up: Option<bool>,
    pub(crate) mtu: Option<u32>,
    pub(crate) mac: Option<MacAddress>,
    pub(crate) master: Option<Master>,
    pub(crate) alias: Option<String>,
    pub(crate) queue_length: Option<u32>,
    pub(crate) add_names: Vec<String>,
    pub(crate) remove_names: Vec<String>,
    pub(crate) port: Option<BridgePort>,
    pub(crate) bridge: Option<Bridge>,
}

/// The link that another is a port of, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub(crate) enum Master {
    None,
    Of(LinkRef),
}

impl LinkChange {
    /// Nothing is changed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Another name. A link that is up can be renamed from Linux 6.2 on.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Up.
    #[must_use]
    #[doc(alias = "IFF_UP")]
    pub fn up(mut self) -> Self {
        self.up = Some(true);
        self
    }

    /// Down: its routes are gone then.
    #[must_use]
    pub fn down(mut self) -> Self {
        self.up = Some(false);
        self
    }

    /// The longest packet, in bytes.
    #[must_use]
    #[doc(alias = "IFLA_MTU")]
    pub fn mtu(mut self, bytes: u32) -> Self {
        self.mtu = Some(bytes);
        self
    }

    /// Its hardware address.
    #[must_use]
    #[doc(alias = "IFLA_ADDRESS")]
    pub fn mac(mut self, address: MacAddress) -> Self {
        self.mac = Some(address);
        self
    }

    /// The bridge that it is a port of.
    #[must_use]
    #[doc(alias = "IFLA_MASTER")]
    pub fn master(mut self, master: impl Into<LinkRef>) -> Self {
        self.master = Some(Master::Of(master.into()));
        self
    }

    /// No bridge's port.
    #[must_use]
    pub fn no_master(mut self) -> Self {
        self.master = Some(Master::None);
        self
    }

    /// A word on it for people, of up to 255 bytes; an empty one takes it away.
    #[must_use]
    #[doc(alias = "IFLA_IFALIAS")]
    pub fn alias(mut self, alias: impl Into<String>) -> Self {
        self.alias = Some(alias.into());
        self
    }

    /// How many packets wait to be sent at most.
    #[must_use]
    #[doc(alias = "IFLA_TXQLEN")]
    pub fn queue_length(mut self, packets: u32) -> Self {
        self.queue_length = Some(packets);
        self
    }

    /// One more name, of up to 127 bytes. Linux 5.5.
    #[must_use]
    #[doc(alias = "IFLA_ALT_IFNAME")]
    pub fn alternative_name(mut self, name: impl Into<String>) -> Self {
        self.add_names.push(name.into());
        self
    }

    /// One name less.
    #[must_use]
    pub fn without_alternative_name(mut self, name: impl Into<String>) -> Self {
        self.remove_names.push(name.into());
        self
    }

    /// What it is as the port of a bridge.
    #[must_use]
    pub fn port(mut self, port: BridgePort) -> Self {
        self.port = Some(port);
        self
    }

    /// What it does as a bridge.
    #[must_use]
    pub fn bridge(mut self, bridge: Bridge) -> Self {
        self.bridge = Some(bridge);
        self
    }

    /// Everything wrong with it that can be known beforehand, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        problems.extend(self.name.as_deref().and_then(problem_of_name).map(|problem| format!("name: {problem}")));
        problems.extend(self.mac.and_then(MacAddress::problem).map(|problem| format!("mac: {problem}")));
        if let Some(Master::Of(master)) = &self.master {
            problems.extend(master.problem().map(|problem| format!("master: {problem}")));
        }
        if let Some(alias) = self.alias.as_ref().filter(|alias| alias.len() > 255 || alias.contains('\0')) {
            problems.push(format!("alias: {} is longer than 255 bytes, or has a NUL", crate::words::shown(alias)));
        }
        for name in self.add_names.iter().chain(&self.remove_names) {
            problems.extend(problem_of_any_name(name).map(|problem| format!("alternative_name: {problem}")));
        }
        if let Some(bridge) = self.bridge.clone() {
            problems.extend(LinkKind::Bridge(bridge).problems());
        }
        problems
    }
}

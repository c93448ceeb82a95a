// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ways: what is done with a packet, and by whom it goes.

use std::net::IpAddr;

use crate::net::link::LinkRef;

/// What is done with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum RouteKind {
    /// It is sent on.
    #[default]
    Unicast,
    /// It is for this namespace.
    Local,
    /// It is sent to all on the link.
    Broadcast,
    /// It is sent to one of several.
    Anycast,
    /// It is sent to a group.
    Multicast,
    /// It is dropped.
    Blackhole,
    /// It is dropped, and the sender told that there is no way.
    Unreachable,
    /// It is dropped, and the sender told that it is forbidden.
    Prohibit,
    /// The next rule is asked.
    Throw,
    /// Another number of the kernel's.
    Other(u8),
}

const KINDS: [(RouteKind, u8); 9] = [
    (RouteKind::Unicast, 1),
    (RouteKind::Local, 2),
    (RouteKind::Broadcast, 3),
    (RouteKind::Anycast, 4),
    (RouteKind::Multicast, 5),
    (RouteKind::Blackhole, 6),
    (RouteKind::Unreachable, 7),
    (RouteKind::Prohibit, 8),
    (RouteKind::Throw, 9),
];

impl RouteKind {
    pub(super) fn number(self) -> u8 {
        let other = if let Self::Other(number) = self { number } else { 1 };
        KINDS.iter().find(|(kind, _)| *kind == self).map_or(other, |(_, number)| *number)
    }

    /// Whether a packet leaves by no link.
    pub(super) fn leads_nowhere(self) -> bool {
        matches!(self, Self::Blackhole | Self::Unreachable | Self::Prohibit | Self::Throw)
    }

    pub(super) fn of(number: u8) -> Self {
        KINDS.iter().find(|(_, known)| *known == number).map_or(Self::Other(number), |(kind, _)| *kind)
    }
}

/// One of several ways.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Hop {
    /// The next machine.
    pub gateway: Option<IpAddr>,
    /// The link to it.
    pub link: Option<LinkRef>,
    /// How often it is taken, beside the others: 1 to 256.
    pub weight: u16,
}

impl Hop {
    /// By this machine.
    #[must_use]
    pub fn gateway(gateway: impl Into<IpAddr>) -> Self {
        Self { gateway: Some(gateway.into()), link: None, weight: 1 }
    }

    /// By this link.
    #[must_use]
    pub fn link(mut self, link: impl Into<LinkRef>) -> Self {
        self.link = Some(link.into());
        self
    }

    /// How often it is taken, beside the others.
    #[must_use]
    pub fn weight(mut self, weight: u16) -> Self {
        self.weight = weight;
        self
    }
}

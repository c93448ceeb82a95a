// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ports of bridges: how a bridge treats a link, and which VLANs it has there.

/// How a bridge treats one of its ports. Unset is left alone. See bridge(8), "bridge link set".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct BridgePort {
    /// Whether a frame may leave by the port that it came by.
    pub hairpin: Option<bool>,
    /// Whether it exchanges frames with ports that are not isolated alone. Linux 4.18.
    pub isolated: Option<bool>,
    /// Whether the bridge learns who is behind it.
    pub learning: Option<bool>,
    /// Whether frames for unknown addresses are sent to it.
    pub unicast_flood: Option<bool>,
    /// Whether frames for groups are sent to it.
    pub multicast_flood: Option<bool>,
    /// Whether frames for all are sent to it.
    pub broadcast_flood: Option<bool>,
    /// Whether the port is shut if it says that it is a bridge.
    pub bpdu_guard: Option<bool>,
    /// Whether frames are taken from known addresses alone. Linux 5.18.
    pub locked: Option<bool>,
    /// Whether the bridge answers for neighbours that it knows. Linux 4.15.
    pub neighbour_suppression: Option<bool>,
}

impl BridgePort {
    /// Nothing is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a frame may leave by the port that it came by.
    #[must_use]
    pub fn hairpin(mut self, on: bool) -> Self {
        self.hairpin = Some(on);
        self
    }

    /// Whether it exchanges frames with ports that are not isolated alone.
    #[must_use]
    pub fn isolated(mut self, on: bool) -> Self {
        self.isolated = Some(on);
        self
    }

    /// Whether the bridge learns who is behind it.
    #[must_use]
    pub fn learning(mut self, on: bool) -> Self {
        self.learning = Some(on);
        self
    }

    /// Whether frames for unknown addresses, for groups and for all are sent to it.
    #[must_use]
    pub fn flood(mut self, unicast: bool, multicast: bool, broadcast: bool) -> Self {
        self.unicast_flood = Some(unicast);
        self.multicast_flood = Some(multicast);
        self.broadcast_flood = Some(broadcast);
        self
    }

    /// Whether the port is shut if it says that it is a bridge.
    #[must_use]
    pub fn bpdu_guard(mut self, on: bool) -> Self {
        self.bpdu_guard = Some(on);
        self
    }

    /// Whether frames are taken from known addresses alone.
    #[must_use]
    pub fn locked(mut self, on: bool) -> Self {
        self.locked = Some(on);
        self
    }

    /// Whether the bridge answers for neighbours that it knows.
    #[must_use]
    pub fn neighbour_suppression(mut self, on: bool) -> Self {
        self.neighbour_suppression = Some(on);
        self
    }
}

/// A VLAN of a bridge's port, or of the bridge itself. See bridge(8), "bridge vlan".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct PortVlan {
    /// Its number: 1 to 4094.
    pub id: u16,
    /// Whether what leaves loses the tag.
    pub untagged: bool,
    /// Whether what comes without a tag belongs to it.
    #[doc(alias = "pvid")]
    pub default: bool,
}

impl PortVlan {
    /// A VLAN whose frames have the tag.
    #[must_use]
    pub fn tagged(id: u16) -> Self {
        Self { id, untagged: false, default: false }
    }

    /// The VLAN of frames without a tag, both ways.
    #[must_use]
    pub fn untagged(id: u16) -> Self {
        Self { id, untagged: true, default: true }
    }

    /// What is wrong with it.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let good = (1..=4094).contains(&self.id);
        if good { Vec::new() } else { vec![format!("vlan: {} is not from 1 to 4094", self.id)] }
    }
}

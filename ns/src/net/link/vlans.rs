// SPDX-License-Identifier: MIT OR Apache-2.0
//! The VLANs of a bridge's ports.

use super::attributes::*;
use super::verbs::checked;
use super::write::header;
use super::{LinkRef, PortVlan};
use crate::error::Error;
use crate::net::handle::Net;
use crate::net::message::{Message, Received};

const AF_BRIDGE: u8 = 7;

impl Net {
    /// The VLANs that a port of a bridge has, or the bridge itself.
    ///
    /// # Errors
    /// `NotFound` if there is no such link.
    /// # Kernel
    /// `RTM_GETLINK` of `AF_BRIDGE`. See bridge(8), "bridge vlan show".
    pub fn port_vlans(&self, link: impl Into<LinkRef>) -> Result<Vec<PortVlan>, Error> {
        let link = link.into();
        let index = self.index_of("find", &link)?;
        let mut message = Message::new(RTM_GETLINK, 0, &header(AF_BRIDGE, 0, None));
        message.u32(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN);
        Ok(self.list("VLANs", &message, |received| vlans_of(received, index))?.concat())
    }

    /// Adds VLANs to a port of a bridge, or to the bridge itself; one that is there becomes as given.
    ///
    /// # Errors
    /// `Invalid` for a number that no VLAN has; `NotFound` if there is no such link; `Unsupported` for what is no port.
    /// # Kernel
    /// `IFLA_BRIDGE_VLAN_INFO`. See bridge(8), "bridge vlan add".
    pub fn add_port_vlans(&self, link: impl Into<LinkRef>, vlans: &[PortVlan]) -> Result<(), Error> {
        self.send_vlans("change", RTM_SETLINK, &link.into(), vlans)
    }

    /// Takes VLANs from a port of a bridge, or from the bridge itself.
    ///
    /// # Errors
    /// As [`add_port_vlans`](Self::add_port_vlans), and `NotFound` for one that is not there.
    pub fn remove_port_vlans(&self, link: impl Into<LinkRef>, vlans: &[PortVlan]) -> Result<(), Error> {
        self.send_vlans("change", RTM_DELLINK, &link.into(), vlans)
    }

    fn send_vlans(&self, op: &'static str, kind: u16, link: &LinkRef, vlans: &[PortVlan]) -> Result<(), Error> {
        checked(op, link.object(), vlans.iter().flat_map(PortVlan::problems).collect())?;
        let found = self.link(link)?;
        let is_bridge = found.master.is_none();
        let mut message = Message::new(kind, 0, &header(AF_BRIDGE, found.index, None));
        message.nested(IFLA_AF_SPEC, |message| {
            if is_bridge {
                message.u16(IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_SELF);
            }
            for vlan in vlans {
                let default = if vlan.default { BRIDGE_VLAN_INFO_PVID } else { 0 };
                let untagged = if vlan.untagged { BRIDGE_VLAN_INFO_UNTAGGED } else { 0 };
                let info = [(default | untagged).to_ne_bytes(), vlan.id.to_ne_bytes()];
                message.bytes(IFLA_BRIDGE_VLAN_INFO, info.as_flattened());
            }
        });
        self.request(op, &|| link.object(), &message)
    }
}

/// The VLANs of whatever link a message tells of.
#[cfg(any(test, fuzzing))]
pub(crate) fn vlans_in(received: &Received<'_>) -> Option<Vec<PortVlan>> {
    let index = *received.body.get(4..)?.first_chunk()?;
    vlans_of(received, u32::from_ne_bytes(index))
}

/// `struct bridge_vlan_info`, one for each VLAN.
fn vlans_of(received: &Received<'_>, index: u32) -> Option<Vec<PortVlan>> {
    let ([_, _, _, _, i0, i1, i2, i3, ..], mut attributes) = received.split::<16>()?;
    if u32::from_ne_bytes([*i0, *i1, *i2, *i3]) != index {
        return None;
    }
    let (_, spec) = attributes.find(|(number, _)| *number == ifla::IFLA_AF_SPEC)?;
    let infos = spec.nested().filter(|(number, _)| *number == spec::IFLA_BRIDGE_VLAN_INFO);
    let vlan = |value: &[u8]| {
        let [f0, f1, i0, i1] = *value.first_chunk()?;
        let flags = u16::from_ne_bytes([f0, f1]);
        Some(PortVlan {
            id: u16::from_ne_bytes([i0, i1]),
            untagged: flags & BRIDGE_VLAN_INFO_UNTAGGED != 0,
            default: flags & BRIDGE_VLAN_INFO_PVID != 0,
        })
    };
    Some(infos.filter_map(|(_, value)| vlan(value.0)).collect())
}

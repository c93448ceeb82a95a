// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is attached to a group, by whomever.

use std::fmt;

use super::DeviceRules;

/// A device program that is attached to a group of version 2.
///
/// Displays as its number, name and tag: "program 42 "skep_devices", tag 0123456789abcdef".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceProgram {
    pub(super) id: u32,
    pub(super) tag: [u8; 8],
    pub(super) name: String,
    pub(super) rules: Option<DeviceRules>,
}

impl DeviceProgram {
    /// Its number, by which bpftool(8) finds it.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The kernel's checksum of its instructions: equal programs have equal tags.
    #[must_use]
    pub const fn tag(&self) -> [u8; 8] {
        self.tag
    }

    /// The name that it was loaded with; empty if it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rules that it means, in normal form, read from its instructions; `None` if it does more than compare the numbers
    /// of devices, as the programs of this crate, systemd and the runtimes do.
    #[must_use]
    pub const fn rules(&self) -> Option<&DeviceRules> {
        self.rules.as_ref()
    }
}

impl fmt::Display for DeviceProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "program {} {:?}, tag ", self.id, self.name)?;
        self.tag.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tells one installation from another: /etc/machine-id.

use std::fmt;

use super::put;
use crate::error::Error;
use crate::root::Root;

/// The id of a machine: 32 hexadecimal digits, not all of them 0.
///
/// ```
/// use skep_rootfs::MachineId;
///
/// assert_eq!(MachineId::new(0xabc).to_string(), "00000000000000000000000000000abc");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct MachineId(u128);

impl MachineId {
    /// The id with this number.
    #[must_use]
    pub const fn new(id: u128) -> Self {
        Self(id)
    }

    /// What is wrong with it, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        if self.0 == 0 { vec!["the machine's id is 0, which is none".to_owned()] } else { Vec::new() }
    }

    /// Makes it /etc/machine-id of a root.
    ///
    /// # Errors
    /// `Invalid` for 0; as [`Root::write`].
    pub fn write_to(&self, root: &Root) -> Result<(), Error> {
        put(root, "/etc/machine-id", self.problems(), || Ok(format!("{self}\n").into_bytes()))
    }
}

impl fmt::Display for MachineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

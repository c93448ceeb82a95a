// SPDX-License-Identifier: MIT OR Apache-2.0
//! What systemd says of a unit.
//!
//! Man: org.freedesktop.systemd1(5), "Properties" of units.

use std::fmt;
use std::path::PathBuf;

use super::dbus::{Deadline, Trouble, Value, words};
use super::manager::Manager;
use super::name;

const UNIT: &str = "org.freedesktop.systemd1.Unit";

/// What systemd says of a unit, in its own words; an empty text where it says nothing. Displays as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct UnitState {
    /// Whether systemd knows it: "loaded", "not-found", "masked".
    #[doc(alias = "LoadState")]
    pub load: String,
    /// "active", "inactive", "failed", "activating", "deactivating".
    #[doc(alias = "ActiveState")]
    pub active: String,
    /// The same more closely: "running", "dead", "abandoned", "stop-sigterm".
    #[doc(alias = "SubState")]
    pub sub: String,
    /// How a scope has ended: "success", "timeout", "oom-kill", "resources".
    #[doc(alias = "Result")]
    pub result: String,
    /// Whether it stands still: "running", "frozen". systemd 246.
    #[doc(alias = "FreezerState")]
    pub freezer: String,
    /// Its group, from the root of systemd's hierarchies; `None` while it has none.
    #[doc(alias = "ControlGroup")]
    pub control_group: Option<PathBuf>,
    /// Whether its group, and what is below it, is left to us.
    #[doc(alias = "Delegate")]
    pub delegated: bool,
}

impl UnitState {
    /// Whether it is there and does what it is for.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active == "active"
    }

    /// Whether it has failed, and waits to be forgotten ([`Unit::reset_failed`](super::Unit::reset_failed)).
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.active == "failed"
    }

    /// Asks for it.
    pub(super) fn of(manager: &mut Manager, name: &str, deadline: Deadline) -> Result<Self, Trouble> {
        let path = name::path(name);
        let general = manager.properties(&path, UNIT, deadline)?;
        let own = match name::interface(name) {
            Some(interface) => manager.properties(&path, interface, deadline)?,
            None => Vec::new(),
        };
        let find = |name: &str| own.iter().chain(&general).find(|(known, _)| known == name).map(|(_, value)| value);
        let text = |name: &str| find(name).and_then(Value::as_text).unwrap_or_default().to_owned();
        Ok(Self {
            load: text("LoadState"),
            active: text("ActiveState"),
            sub: text("SubState"),
            result: text("Result"),
            freezer: text("FreezerState"),
            control_group: Some(text("ControlGroup")).filter(|group| !group.is_empty()).map(PathBuf::from),
            delegated: find("Delegate").and_then(Value::as_flag).unwrap_or(false),
        })
    }
}

impl fmt::Display for UnitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the unit is {} ({})", words(&self.active), words(&self.sub))?;
        match self.result.as_str() {
            "" | "success" => Ok(()),
            result => write!(f, ", its result {}", words(result)),
        }
    }
}

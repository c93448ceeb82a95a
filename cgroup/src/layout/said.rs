// SPDX-License-Identifier: MIT OR Apache-2.0
//! The layout in words.

use std::fmt;

use super::{Access, Hierarchy, Layout, LayoutKind, Version};
use crate::controller::Controller;

impl Hierarchy {
    /// The controllers, or the name, as the kernel writes them in version 1.
    pub(super) fn title(&self) -> String {
        let mut words: Vec<String> = self.controllers.iter().map(ToString::to_string).collect();
        words.extend(self.name.iter().map(|name| format!("name={name}")));
        if words.is_empty() { "no controllers".to_owned() } else { words.join(",") }
    }
}

impl fmt::Display for LayoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::Hybrid => "hybrid",
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Writable => "writable",
            Self::Denied => "not delegated to this user",
            Self::ReadOnly => "mounted read-only",
            Self::OutOfView => "out of view",
            Self::Unknown => "not looked at",
        })
    }
}

impl fmt::Display for Hierarchy {
    /// "v1 cpu,cpuacct at "/sys/fs/cgroup/cpu,cpuacct", our group "/", writable".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {:?}", self.version, self.title(), self.mount_point)?;
        if !self.options.is_empty() {
            write!(f, " ({})", self.options.join(","))?;
        }
        match &self.own {
            Some(own) => write!(f, ", our group {own:?}, {}", self.access)?,
            None => write!(f, ", our group out of view")?,
        }
        if self.access == Access::Writable && !self.withheld.is_empty() {
            write!(f, " but for {}", self.withheld.join(", "))?;
        }
        Ok(())
    }
}

impl Hierarchy {
    /// What is worth a line of its own: where we are given less than there is, and what is ours beyond our own group.
    fn details(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.own.is_some() && self.version == Version::V2 {
            if self.available != self.controllers {
                lines.push(format!("our group has {}", listed(&self.available)));
            }
            if !self.may_pass_on.is_empty() && self.passed_on != self.may_pass_on {
                lines.push(format!(
                    "it passes on {}, and may pass on {}",
                    listed(&self.passed_on),
                    listed(&self.may_pass_on)
                ));
            } else if self.passed_on != self.available {
                lines.push(format!("it passes on {}", listed(&self.passed_on)));
            }
        }
        if let Some(delegated) = self.delegated.as_ref().filter(|delegated| self.own.as_ref() != Some(delegated)) {
            lines.push(format!("ours from {delegated:?} down"));
        }
        if let Some(marked) = &self.marked {
            lines.push(format!("left to others by systemd from {marked:?} down"));
        }
        lines
    }
}

/// "cpu, memory", or "nothing".
fn listed(controllers: &[Controller]) -> String {
    let words: Vec<String> = controllers.iter().map(ToString::to_string).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

impl fmt::Display for Layout {
    /// The kind, then a line for each hierarchy, with what is special about it below, and what has no hierarchy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cgroups: {}", self.kind())?;
        for hierarchy in &self.hierarchies {
            write!(f, "\n  {hierarchy}")?;
            hierarchy.details().iter().try_for_each(|line| write!(f, "\n    {line}"))?;
        }
        if !self.unmounted.is_empty() {
            write!(f, "\n  in no hierarchy here: {}", listed(&self.unmounted))?;
        }
        if !self.disabled.is_empty() {
            write!(f, "\n  turned off at boot: {}", listed(&self.disabled))?;
        }
        Ok(())
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! RDMA devices, resources that are counted and nothing more, and marks on network packets: by name.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "RDMA", "Misc"; cgroup-v1/net_cls.rst, net_prio.rst.

use std::collections::BTreeMap;

use super::fields::limits_of;
use super::{Key, Setting, Value};
use crate::value::{Max, shown};

/// What a group may use of one RDMA device; what is unset is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct RdmaLimits {
    /// The most handles.
    pub hca_handle: Option<Max<u64>>,
    /// The most objects.
    pub hca_object: Option<Max<u64>>,
}

limits_of!(RdmaLimits { hca_handle: RdmaHandles as Count, hca_object: RdmaObjects as Count });

/// How network packets of a group are marked; what is unset is left alone. Version 1 alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct NetLimits {
    /// The class for tc(8): its major number in the upper 16 bits, its minor number in the lower.
    #[doc(alias = "net_cls.classid")]
    pub class_id: Option<u32>,
    /// The priority on each network interface, by the interface's name in our network namespace.
    #[doc(alias = "net_prio.ifpriomap")]
    pub priorities: BTreeMap<String, u32>,
}

limits_of!(NetLimits { class_id: ClassId as Number });

impl RdmaLimits {
    pub(super) fn settings(&self, name: &str, to: &mut Vec<Setting>) {
        self.own_settings(Some(name), to);
    }

    pub(super) fn unset(&mut self, key: Key) {
        self.unset_own(key);
    }
}

impl NetLimits {
    pub(super) fn settings(&self, to: &mut Vec<Setting>) {
        self.own_settings(None, to);
        to.extend(self.priorities.iter().map(|(name, priority)| Setting {
            key: Key::Priority,
            of: Some(name.clone()),
            value: Value::Number(*priority),
        }));
    }

    pub(super) fn unset(&mut self, key: Key, of: Option<&str>) {
        self.unset_own(key);
        if key == Key::Priority {
            self.priorities.retain(|name, _| of != Some(name));
        }
    }

    pub(super) fn problems(&self, problems: &mut Vec<String>) {
        self.priorities.keys().for_each(|name| of_name("net.priorities", name, problems));
    }
}

/// The settings of countable resources.
pub(super) fn misc_settings(misc: &BTreeMap<String, Max<u64>>, to: &mut Vec<Setting>) {
    to.extend(misc.iter().map(|(name, max)| Setting {
        key: Key::Misc,
        of: Some(name.clone()),
        value: Value::Count(*max),
    }));
}

/// What is wrong with a name that goes into a line with others.
pub(super) fn of_name(place: &str, name: &str, problems: &mut Vec<String>) {
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control()) {
        problems.push(format!("{place} has the name {}, which is empty or has spaces in it", shown(name)));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rules: what is allowed and what is not, the later before the earlier.

use super::{DeviceAccess, DeviceKind, Devices, Table};

/// More rules than anybody writes; their program is still far below what the kernel takes.
const MOST: usize = 1024;

/// Whether a rule allows or denies. Displays as the word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum DeviceVerdict {
    /// It may not be done.
    #[default]
    Deny,
    /// It may be done.
    Allow,
}

/// One rule. Displays and reads as a verdict and the kernel's words: "allow c 1:3 rwm".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceRule {
    /// Allowed or denied.
    pub verdict: DeviceVerdict,
    /// To whom, and what.
    pub devices: Devices,
}

/// Which devices the processes of a group may open and make nodes of.
///
/// A default, and rules of which a later one overrides the earlier: to read, to write and to make a node are decided each
/// by the last rule that is about the device and the access, and by the default if there is none. Who opens a device for
/// reading and writing needs both.
///
/// ```
/// use skep_cgroup::{DeviceAccess, DeviceKind, DeviceRules, Devices, Limits};
///
/// let rules = DeviceRules::standard().allow(Devices::char(10, 229)).deny(Devices::block(None, None));
/// assert_eq!(rules.allowed(DeviceKind::Char, 10, 229), DeviceAccess::ALL);
/// let limits = Limits::new().devices(rules);
/// limits.check()?;
///
/// let few: DeviceRules = "deny a; allow c 1:3 rw; allow c 5:* rwm; deny c 5:1 w".parse()?;
/// assert_eq!(few.allowed(DeviceKind::Char, 5, 1).to_string(), "rm");
/// # Ok::<(), skep_cgroup::Error>(())
/// ```
///
/// Two lists are equal if they say the same in the same words; [`normal`](Self::normal) is equal if they mean the same.
/// Displays as a text with semicolons between, beginning with the default ("deny a"), and reads that. With the feature
/// `serde` it is `{"default": "deny", "rules": ["allow c 1:3 rwm"]}`.
///
/// # Kernel
/// The groups above limit too: what one of them denies is denied. Version 1 has one default and exceptions to it, and
/// refuses to allow what the group above does not; what it cannot express is an error. See
/// [`Cgroup::apply`](crate::Cgroup::apply).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[doc(alias = "devices.allow")]
#[doc(alias = "devices.deny")]
#[doc(alias = "BPF_PROG_TYPE_CGROUP_DEVICE")]
pub struct DeviceRules {
    pub(super) default: DeviceVerdict,
    pub(super) rules: Vec<DeviceRule>,
}

impl DeviceRules {
    /// Nothing is allowed but what later rules allow.
    #[must_use]
    pub const fn deny_all() -> Self {
        Self { default: DeviceVerdict::Deny, rules: Vec::new() }
    }

    /// Everything is allowed but what later rules deny.
    #[must_use]
    pub const fn allow_all() -> Self {
        Self { default: DeviceVerdict::Allow, rules: Vec::new() }
    }

    /// What every program may need and none can do harm with: null, zero, full, random and urandom, the terminals, and the
    /// making of nodes, which opens nothing. It is what Docker and runc allow, without `/dev/net/tun`.
    #[must_use]
    pub fn standard() -> Self {
        let devices = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)];
        let made = Self::deny_all()
            .allow(Devices::char(None, None).access(DeviceAccess::MKNOD))
            .allow(Devices::block(None, None).access(DeviceAccess::MKNOD));
        let made = devices.into_iter().fold(made, |made, (major, minor)| made.allow(Devices::char(major, minor)));
        made.allow(Devices::char(136, None))
    }

    /// The same, and these are allowed.
    #[must_use]
    pub fn allow(self, devices: Devices) -> Self {
        self.rule(DeviceRule { verdict: DeviceVerdict::Allow, devices })
    }

    /// The same, and these are denied.
    #[must_use]
    pub fn deny(self, devices: Devices) -> Self {
        self.rule(DeviceRule { verdict: DeviceVerdict::Deny, devices })
    }

    /// The same, with one more rule.
    #[must_use]
    pub fn rule(mut self, rule: DeviceRule) -> Self {
        self.rules.push(rule);
        self
    }

    /// What is decided where no rule says anything.
    #[must_use]
    pub const fn default_verdict(&self) -> DeviceVerdict {
        self.default
    }

    /// The rules, in order.
    #[must_use]
    pub fn rules(&self) -> &[DeviceRule] {
        &self.rules
    }

    /// What may be done to the device of these numbers.
    #[must_use]
    pub fn allowed(&self, kind: DeviceKind, major: u32, minor: u32) -> DeviceAccess {
        self.at(kind, Some(major), Some(minor))
    }

    /// The list that means the same in the fewest words that can be computed simply; one for each meaning.
    #[must_use]
    pub fn normal(&self) -> Self {
        Table::of(self).rules()
    }

    /// Everything wrong with the rules by themselves, a sentence each, beginning with its place (`devices.rules[2]`).
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let each = self.rules.iter().enumerate();
        let each = each.flat_map(|(at, rule)| {
            rule.devices.problems().map(move |problem| format!("devices.rules[{at}] {problem}"))
        });
        let count = self.rules.len();
        let many = (count > MOST).then(|| format!("devices.rules has {count} rules, and {MOST} are the most"));
        each.chain(many).collect()
    }

    /// What may be done to a device; a number of `None` is one that no rule names.
    pub(super) fn at(&self, kind: DeviceKind, major: Option<u32>, minor: Option<u32>) -> DeviceAccess {
        let all = match self.default {
            DeviceVerdict::Deny => DeviceAccess::NONE,
            DeviceVerdict::Allow => DeviceAccess::ALL,
        };
        self.rules.iter().filter(|rule| rule.devices.covers(kind, major, minor)).fold(all, |allowed, rule| {
            match rule.verdict {
                DeviceVerdict::Deny => allowed.without(rule.devices.access),
                DeviceVerdict::Allow => allowed | rule.devices.access,
            }
        })
    }
}

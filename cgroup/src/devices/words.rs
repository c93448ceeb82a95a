// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which devices, and which access to them: the kernel's words, `c 1:3 rwm`.

use super::{DeviceAccess, DeviceKind};

/// The greatest numbers that a device can have: 12 and 20 bits (`MINORBITS`, linux/kdev_t.h).
const MAJOR_MAX: u32 = (1 << 12) - 1;
const MINOR_MAX: u32 = (1 << 20) - 1;

/// A set of devices, and of what may be done to them.
///
/// ```
/// use skep_cgroup::{DeviceAccess, Devices};
///
/// let null = Devices::char(1, 3);
/// let terminals = Devices::char(136, None).access(DeviceAccess::READ | DeviceAccess::WRITE);
/// assert_eq!((null.to_string(), terminals.to_string()), ("c 1:3 rwm".into(), "c 136:* rw".into()));
/// assert_eq!("c 1:3 rwm".parse::<Devices>()?, null);
/// # Ok::<(), skep_cgroup::Error>(())
/// ```
///
/// Displays as the kernel's words, and reads them: a kind ("b", "c", or "a" for both), two numbers of which each may be "*",
/// and letters of "rwm"; "a" alone is everything. The kernel's own files of version 1 read any line with an "a" as
/// everything: here `a 1:3 r` is what it says. With the feature `serde` it is the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Devices {
    /// Their kind; `None` is both.
    pub kind: Option<DeviceKind>,
    /// Their major number, up to 4095; `None` is every number.
    pub major: Option<u32>,
    /// Their minor number, up to 1048575; `None` is every number.
    pub minor: Option<u32>,
    /// What is done to them.
    pub access: DeviceAccess,
}

impl Devices {
    /// Every device, and all that can be done to it: "a".
    pub const ALL: Self = Self { kind: None, major: None, minor: None, access: DeviceAccess::ALL };

    /// Character devices of these numbers; `None` is every number.
    #[must_use]
    pub fn char(major: impl Into<Option<u32>>, minor: impl Into<Option<u32>>) -> Self {
        Self { kind: Some(DeviceKind::Char), major: major.into(), minor: minor.into(), ..Self::ALL }
    }

    /// Block devices of these numbers; `None` is every number.
    #[must_use]
    pub fn block(major: impl Into<Option<u32>>, minor: impl Into<Option<u32>>) -> Self {
        Self { kind: Some(DeviceKind::Block), major: major.into(), minor: minor.into(), ..Self::ALL }
    }

    /// The same devices, with this access in place of all.
    #[must_use]
    pub const fn access(mut self, access: DeviceAccess) -> Self {
        self.access = access;
        self
    }

    /// Whether it is about the device of these numbers, of which `None` is one that no rule names.
    pub(super) fn covers(&self, kind: DeviceKind, major: Option<u32>, minor: Option<u32>) -> bool {
        let number = |ours: Option<u32>, number| ours.is_none() || ours == number;
        self.kind.is_none_or(|ours| ours == kind) && number(self.major, major) && number(self.minor, minor)
    }

    /// What is wrong with it, to be said behind its place.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> + use<> {
        let beyond = |what, number: Option<u32>, most| {
            let number = number.filter(|number| *number > most)?;
            Some(format!("has the {what} number {number}, and the kernel's end at {most}"))
        };
        let problems = [
            beyond("major", self.major, MAJOR_MAX),
            beyond("minor", self.minor, MINOR_MAX),
            self.access.is_empty().then(|| "is about no access: name some of r, w and m".to_owned()),
        ];
        problems.into_iter().flatten()
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The map: ranges of users, ranges of groups, and what happens to setgroups(2).
//!
//! Building is free and cannot fail; [`IdMap::check`] finds every problem, and nothing is written before it.
//!
//! Man: user_namespaces(7).

use rustix::process::{getegid, geteuid};

use super::{IdRange, Ids};
use crate::error::{Error, Object};

/// Which users and groups of the parent namespace stand behind those of a user namespace.
///
/// ```
/// use skep_ns::{IdMap, IdRange};
///
/// // Root inside is user 1000 outside; the next 65,535 are subordinate ids.
/// let map = IdMap::new().both(IdRange::new(0, 1000, 1)).both(IdRange::new(1, 100_000, 65_535));
/// map.check()?;
/// assert_eq!(map.outside_uid(33), Some(100_032));
/// assert_eq!(map.inside_gid(1000), Some(0));
/// # Ok::<(), skep_ns::Error>(())
/// ```
///
/// Its text, both ways, is LXC's: a line "u 0 100000 65536" for users, "g …" for groups, "b …" for both. With the feature
/// `serde` it is `{"uids": [{"inside": 0, "outside": 100000, "count": 65536}], "gids": […], "deny_setgroups": false}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[doc(alias = "uid_map")]
#[doc(alias = "gid_map")]
pub struct IdMap {
    uids: Vec<IdRange>,
    gids: Vec<IdRange>,
    deny_setgroups: bool,
}

impl IdMap {
    /// A map without any range.
    #[must_use]
    pub const fn new() -> Self {
        Self { uids: Vec::new(), gids: Vec::new(), deny_setgroups: false }
    }

    /// Users and groups 0 to `count - 1` inside are `first_outside` and up outside: one block, as a privileged caller
    /// gives each namespace its own.
    #[must_use]
    pub fn whole(first_outside: u32, count: u32) -> Self {
        Self::new().both(IdRange::new(0, first_outside, count))
    }

    /// The caller's effective user and group, seen inside as `inside_uid` and `inside_gid`, and nobody else.
    ///
    /// It is the only map that an unprivileged process may write without a helper, and then setgroups(2) is denied inside.
    #[must_use]
    #[doc(alias = "--map-user")]
    pub fn single(inside_uid: u32, inside_gid: u32) -> Self {
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        Self::new().uid(IdRange::new(inside_uid, uid, 1)).gid(IdRange::new(inside_gid, gid, 1))
    }

    /// The caller is root inside, and nobody else is anybody: [`single(0, 0)`](Self::single).
    ///
    /// For ordinary users. Called by root it maps root to root: what belongs to the machine's root belongs to root inside,
    /// and only the namespaces of mounts, processes and links stand between. For programs that are not trusted root maps
    /// ids that nobody has ([`whole`](Self::whole)).
    #[must_use]
    #[doc(alias = "--map-root-user")]
    pub fn current_as_root() -> Self {
        Self::single(0, 0)
    }

    /// Adds a range of users.
    #[must_use]
    pub fn uid(mut self, range: IdRange) -> Self {
        self.uids.push(range);
        self
    }

    /// Adds a range of groups.
    #[must_use]
    pub fn gid(mut self, range: IdRange) -> Self {
        self.gids.push(range);
        self
    }

    /// Adds the same range of users and of groups.
    #[must_use]
    pub fn both(self, range: IdRange) -> Self {
        self.uid(range).gid(range)
    }

    /// Denies setgroups(2) inside, for good.
    ///
    /// Unless this is called it is denied only where the kernel demands it: where an unprivileged caller writes its own
    /// group by itself. See user_namespaces(7), "The /proc/pid/setgroups file".
    #[must_use]
    #[doc(alias = "setgroups")]
    pub fn deny_setgroups(mut self) -> Self {
        self.deny_setgroups = true;
        self
    }

    /// The ranges of users, in the order they were added.
    #[must_use]
    pub fn uids(&self) -> &[IdRange] {
        &self.uids
    }

    /// The ranges of groups, in the order they were added.
    #[must_use]
    pub fn gids(&self) -> &[IdRange] {
        &self.gids
    }

    /// Whether the map asks for setgroups(2) to be denied.
    #[must_use]
    pub fn denies_setgroups(&self) -> bool {
        self.deny_setgroups
    }

    /// The user outside that stands behind a user inside.
    #[must_use]
    pub fn outside_uid(&self, inside: u32) -> Option<u32> {
        self.uids.iter().find_map(|range| range.map(inside))
    }

    /// The user inside that a user outside is seen as.
    #[must_use]
    pub fn inside_uid(&self, outside: u32) -> Option<u32> {
        self.uids.iter().find_map(|range| range.inverted().map(outside))
    }

    /// The group outside that stands behind a group inside.
    #[must_use]
    pub fn outside_gid(&self, inside: u32) -> Option<u32> {
        self.gids.iter().find_map(|range| range.map(inside))
    }

    /// The group inside that a group outside is seen as.
    #[must_use]
    pub fn inside_gid(&self, outside: u32) -> Option<u32> {
        self.gids.iter().find_map(|range| range.inverted().map(outside))
    }

    /// Whether the kernel would take the map from a caller who may write any.
    ///
    /// # Errors
    /// `Invalid`, with every problem found ([`Error::problems`]): no range of users or of groups; a range that is empty
    /// or reaches id 4294967295, which means "no id"; ranges that overlap, inside or outside; more than 340 ranges, or
    /// more than 4095 bytes of text, which is what the kernel takes in its one write.
    /// # Kernel
    /// The limit was 5 ranges before Linux 4.15. See user_namespaces(7).
    pub fn check(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("use", Object::Named("id map"), problems)) }
    }

    /// These ranges in place of its own.
    pub(super) fn with_ranges(&self, uids: Vec<IdRange>, gids: Vec<IdRange>) -> Self {
        Self { uids, gids, deny_setgroups: self.deny_setgroups }
    }

    /// The ranges of one half.
    pub(super) fn ranges(&self, ids: Ids) -> &[IdRange] {
        match ids {
            Ids::Users => &self.uids,
            Ids::Groups => &self.gids,
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Propagation: whether what is mounted in a place later is seen where that place comes from, and the other way round.
//!
//! Man: mount_namespaces(7), "SHARED SUBTREES".

use std::fmt;

use crate::floor::mount::{HOW, REC};

/// Where mounts go to that are made in a mount later, and where they come from.
///
/// The words are mount(8)'s, and those of the feature `serde`: "private", and "rprivate" for it and all that is mounted
/// below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Propagation {
    /// Neither.
    #[doc(alias = "MS_PRIVATE")]
    Private,
    /// They come, and do not go.
    #[doc(alias = "MS_SLAVE")]
    Slave,
    /// Both, among the copies that are made of it from now on.
    #[doc(alias = "MS_SHARED")]
    Shared,
    /// Neither, and it cannot be bound.
    #[doc(alias = "MS_UNBINDABLE")]
    Unbindable,
    /// As `Private`, with all below it.
    RPrivate,
    /// As `Slave`, with all below it.
    RSlave,
    /// As `Shared`, with all below it.
    RShared,
    /// As `Unbindable`, with all below it.
    RUnbindable,
}

impl Propagation {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Private, "private"),
        (Self::Slave, "slave"),
        (Self::Shared, "shared"),
        (Self::Unbindable, "unbindable"),
        (Self::RPrivate, "rprivate"),
        (Self::RSlave, "rslave"),
        (Self::RShared, "rshared"),
        (Self::RUnbindable, "runbindable"),
    ];

    /// The one that mount(8) writes so.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == word).map(|(one, _)| one)
    }

    /// mount(8)'s word.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(one, _)| *one == self).map_or("", |(_, word)| word)
    }

    /// mount(2)'s flags.
    pub(crate) const fn how(self) -> u32 {
        let [unbindable, private, slave, shared] = HOW;
        match self {
            Self::Private => private,
            Self::Slave => slave,
            Self::Shared => shared,
            Self::Unbindable => unbindable,
            Self::RPrivate => private | REC,
            Self::RSlave => slave | REC,
            Self::RShared => shared | REC,
            Self::RUnbindable => unbindable | REC,
        }
    }

    /// mount_setattr(2)'s propagation, and whether it holds for all below too.
    pub(crate) const fn kernel_s(self) -> (u32, bool) {
        (self.how() & !REC, self.how() & REC != 0)
    }

    /// The word for mount(2)'s flags.
    pub(crate) fn word_of(how: u32) -> &'static str {
        Self::ALL.into_iter().find(|(one, _)| one.how() == how).map_or("of a kind of its own", |(_, word)| word)
    }
}

impl fmt::Display for Propagation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

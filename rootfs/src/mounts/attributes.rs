// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attributes: what holds for a mount as a whole, whatever is mounted.
//!
//! Man: mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS"; mount_setattr(2).

use std::fmt;

bitflags::bitflags! {
    /// What may not be done through a mount.
    ///
    /// Displays as mount(8) writes it: "ro,nosuid". With the feature `serde` it is a list of these words.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Attributes: u32 {
        /// Nothing can be written.
        #[doc(alias = "MOUNT_ATTR_RDONLY")]
        const READ_ONLY = 1;
        /// Set-user-ID bits and file capabilities mean nothing.
        #[doc(alias = "MOUNT_ATTR_NOSUID")]
        const NOSUID = 2;
        /// Device nodes are not devices.
        #[doc(alias = "MOUNT_ATTR_NODEV")]
        const NODEV = 4;
        /// Nothing can be executed.
        #[doc(alias = "MOUNT_ATTR_NOEXEC")]
        const NOEXEC = 8;
        /// Reading changes no access time.
        #[doc(alias = "MOUNT_ATTR_NOATIME")]
        const NOATIME = 0x10;
        /// Every reading changes it.
        #[doc(alias = "MOUNT_ATTR_STRICTATIME")]
        const STRICTATIME = 0x20;
        /// Reading changes it once a day, and after a change: what a new file system has where none of the three is said.
        #[doc(alias = "MOUNT_ATTR_RELATIME")]
        const RELATIME = 0x40;
        /// Reading a directory changes no access time.
        #[doc(alias = "MOUNT_ATTR_NODIRATIME")]
        const NODIRATIME = 0x80;
        /// Symbolic links are not followed: `ELOOP`. Linux 5.10.
        #[doc(alias = "MOUNT_ATTR_NOSYMFOLLOW")]
        const NOSYMFOLLOW = 0x100;
    }
}

impl Attributes {
    /// Nosuid, nodev and noexec: what every file system without programs of its own is mounted with.
    pub const DATA_ONLY: Self = Self::NOSUID.union(Self::NODEV).union(Self::NOEXEC);

    /// How access times are kept, of which one can be.
    pub const TIMES: Self = Self::NOATIME.union(Self::STRICTATIME).union(Self::RELATIME);

    /// Each with its word.
    const WORDS: [(Self, &'static str); 9] = [
        (Self::READ_ONLY, "ro"),
        (Self::NOSUID, "nosuid"),
        (Self::NODEV, "nodev"),
        (Self::NOEXEC, "noexec"),
        (Self::NOATIME, "noatime"),
        (Self::STRICTATIME, "strictatime"),
        (Self::RELATIME, "relatime"),
        (Self::NODIRATIME, "nodiratime"),
        (Self::NOSYMFOLLOW, "nosymfollow"),
    ];

    /// The one that mount(8) writes so.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(_, known)| *known == word).map(|(one, _)| one)
    }

    /// What is wrong with the set, if something is.
    pub(crate) fn problem(self) -> Option<String> {
        let times = self.intersection(Self::TIMES);
        (times.bits().count_ones() > 1).then(|| format!("attributes have {times}, of which one can be"))
    }

    /// The words of those in the set.
    pub(crate) fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS.into_iter().filter(move |(one, _)| self.contains(*one)).map(|(_, word)| word)
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().collect::<Vec<_>>().join(","))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Attributes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.words())
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Attributes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        let attribute = |word: &String| {
            Self::of_word(word)
                .ok_or_else(|| serde::de::Error::custom(format!("{word:?} is no attribute: they are {}", Self::all())))
        };
        words.iter().map(attribute).collect()
    }
}

/// The methods that every kind of mount has.
macro_rules! common_methods {
    ($kind:ident) => {
        impl $kind {
            /// Nothing can be written through it.
            #[must_use]
            #[doc(alias = "ro")]
            pub fn read_only(mut self) -> Self {
                self.attributes |= $crate::Attributes::READ_ONLY;
                self
            }

            /// Set-user-ID bits and file capabilities mean nothing in it.
            #[must_use]
            pub fn nosuid(mut self) -> Self {
                self.attributes |= $crate::Attributes::NOSUID;
                self
            }

            /// Device nodes in it are not devices.
            #[must_use]
            pub fn nodev(mut self) -> Self {
                self.attributes |= $crate::Attributes::NODEV;
                self
            }

            /// Nothing in it can be executed.
            #[must_use]
            pub fn noexec(mut self) -> Self {
                self.attributes |= $crate::Attributes::NOEXEC;
                self
            }

            /// Reading through it changes no access time.
            #[must_use]
            pub fn noatime(mut self) -> Self {
                self.attributes = self.attributes.difference($crate::Attributes::TIMES) | $crate::Attributes::NOATIME;
                self
            }

            /// Symbolic links in it are not followed.
            /// # Kernel
            /// Linux 5.10.
            #[must_use]
            pub fn nosymfollow(mut self) -> Self {
                self.attributes |= $crate::Attributes::NOSYMFOLLOW;
                self
            }

            /// These attributes and no others.
            #[must_use]
            pub fn attributes(mut self, attributes: $crate::Attributes) -> Self {
                self.attributes = attributes;
                self
            }

            /// Makes the target if it is absent, and what is absent above it (directories 0755, a file 0644). What is
            /// made stays in the root.
            #[must_use]
            pub fn create_target(mut self) -> Self {
                self.create = true;
                self
            }
        }
    };
}
pub(super) use common_methods;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_the_floor_s() {
        use crate::floor::attach::attribute;
        for (ours, theirs) in [
            (Attributes::READ_ONLY, attribute::READ_ONLY),
            (Attributes::NOSUID, attribute::NOSUID),
            (Attributes::NODEV, attribute::NODEV),
            (Attributes::NOEXEC, attribute::NOEXEC),
            (Attributes::NOATIME, attribute::NOATIME),
            (Attributes::STRICTATIME, attribute::STRICTATIME),
            (Attributes::RELATIME, attribute::RELATIME),
            (Attributes::TIMES, attribute::TIMES),
            (Attributes::NODIRATIME, attribute::NODIRATIME),
            (Attributes::NOSYMFOLLOW, attribute::NOSYMFOLLOW),
            (Attributes::all(), attribute::ALL),
        ] {
            assert_eq!(ours.bits(), theirs, "{ours}");
        }
    }

    #[test]
    fn they_are_shown_in_mount_s_words() {
        let all = "ro,nosuid,nodev,noexec,noatime,strictatime,relatime,nodiratime,nosymfollow";
        assert_eq!(Attributes::all().to_string(), all);
        assert_eq!(Attributes::empty().to_string(), "");
    }
}

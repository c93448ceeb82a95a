// SPDX-License-Identifier: MIT OR Apache-2.0
//! Scopes: how far away a route's destination is, or where an address is known.

/// How far: `RT_SCOPE_*`. See rtnetlink(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Scope {
    /// Everywhere.
    #[default]
    #[doc(alias = "RT_SCOPE_UNIVERSE")]
    Global,
    /// In what is ours.
    Site,
    /// On the link.
    #[doc(alias = "RT_SCOPE_LINK")]
    Link,
    /// In this namespace.
    #[doc(alias = "RT_SCOPE_HOST")]
    Host,
    /// Nowhere.
    #[doc(alias = "RT_SCOPE_NOWHERE")]
    Nowhere,
    /// Another number.
    Other(u8),
}

impl Scope {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Global => 0,
            Self::Site => 200,
            Self::Link => 253,
            Self::Host => 254,
            Self::Nowhere => 255,
            Self::Other(number) => number,
        }
    }

    pub(super) fn of(number: u8) -> Self {
        match number {
            0 => Self::Global,
            200 => Self::Site,
            253 => Self::Link,
            254 => Self::Host,
            255 => Self::Nowhere,
            number => Self::Other(number),
        }
    }
}

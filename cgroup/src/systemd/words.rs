// SPDX-License-Identifier: MIT OR Apache-2.0
//! The words that a unit is described in.
//!
//! Man: systemd.unit(5), systemd.kill(5).

use super::dbus::Value;

/// How a unit depends on another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Dependency {
    /// It starts after the other has, and stops before.
    After,
    /// It starts before the other does, and stops after.
    Before,
    /// The other is started too, and may fail.
    Wants,
    /// The other is started too, and stops it when it is stopped.
    Requires,
    /// The other has to be there already.
    Requisite,
    /// As [`Requires`](Self::Requires), and it stops whenever the other is gone.
    BindsTo,
    /// It is stopped and restarted when the other is.
    PartOf,
    /// The one is stopped when the other starts.
    Conflicts,
}

impl Dependency {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::After => "After",
            Self::Before => "Before",
            Self::Wants => "Wants",
            Self::Requires => "Requires",
            Self::Requisite => "Requisite",
            Self::BindsTo => "BindsTo",
            Self::PartOf => "PartOf",
            Self::Conflicts => "Conflicts",
        }
    }
}

/// Whom systemd sends signals when it stops a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum KillMode {
    /// Every process of it; what is systemd's own choice.
    ControlGroup,
    /// Nobody: they are left where they are.
    None,
}

/// When systemd forgets a unit that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum CollectMode {
    /// Unless it has failed; what is systemd's own choice.
    Inactive,
    /// Whether it has failed or not.
    InactiveOrFailed,
}

impl KillMode {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::ControlGroup => "control-group",
            Self::None => "none",
        }
    }
}

impl CollectMode {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Inactive => "inactive",
            Self::InactiveOrFailed => "inactive-or-failed",
        }
    }
}

/// The value of a property of a unit, of the type that org.freedesktop.systemd1(5) gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Property {
    /// "b".
    Flag(bool),
    /// "i".
    I32(i32),
    /// "u".
    U32(u32),
    /// "x".
    I64(i64),
    /// "t".
    U64(u64),
    /// "s".
    Text(String),
    /// "as".
    Texts(Vec<String>),
    /// "ay".
    Bytes(Vec<u8>),
    /// "a(ss)".
    Pairs(Vec<(String, String)>),
    /// "a(st)".
    Amounts(Vec<(String, u64)>),
}

impl Property {
    pub(super) fn value(&self) -> Value {
        let structures = |signature: &str, of: Vec<[Value; 2]>| {
            Value::Array(signature.to_owned(), of.into_iter().map(|pair| Value::Structure(pair.to_vec())).collect())
        };
        match self {
            Self::Flag(flag) => Value::Flag(*flag),
            Self::I32(number) => Value::I32(*number),
            Self::U32(number) => Value::U32(*number),
            Self::I64(number) => Value::I64(*number),
            Self::U64(number) => Value::U64(*number),
            Self::Text(text) => Value::text(text),
            Self::Texts(texts) => Value::texts(texts),
            Self::Bytes(bytes) => Value::bytes(bytes.iter().copied()),
            Self::Pairs(pairs) => {
                structures("(ss)", pairs.iter().map(|(a, b)| [Value::text(a), Value::text(b)]).collect())
            }
            Self::Amounts(pairs) => {
                structures("(st)", pairs.iter().map(|(a, b)| [Value::text(a), Value::U64(*b)]).collect())
            }
        }
    }

    /// Whether a text in it cannot be sent.
    pub(super) fn has_nul(&self) -> bool {
        let has = |text: &String| text.contains('\0');
        match self {
            Self::Text(text) => has(text),
            Self::Texts(texts) => texts.iter().any(has),
            Self::Pairs(pairs) => pairs.iter().any(|(a, b)| has(a) || has(b)),
            Self::Amounts(pairs) => pairs.iter().any(|(a, _)| has(a)),
            _ => false,
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Refilling: one value read into again and again, in rounds, so that a repeated reading needs no memory.

/// What can be read into again.
pub(super) trait Refill {
    /// Begins a round: nothing is known.
    fn begin(&mut self);

    /// Ends it: what was not told is gone.
    fn end(&mut self) {}
}

impl<T: Copy> Refill for Option<T> {
    fn begin(&mut self) {
        *self = None;
    }
}

impl<T> Refill for Vec<T> {
    fn begin(&mut self) {
        self.clear();
    }
}

impl Refill for String {
    fn begin(&mut self) {
        self.clear();
    }
}

/// The plain count of a file.
pub(super) const fn count(number: u64) -> u64 {
    number
}

/// A struct of statistics: every field is refilled.
macro_rules! stat {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident {
            $($(#[$field_meta:meta])* $field:ident: $Type:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
        #[non_exhaustive]
        pub struct $Name {
            $($(#[$field_meta])* pub $field: $Type,)*
        }

        impl $crate::stat::refill::Refill for $Name {
            fn begin(&mut self) {
                $($crate::stat::refill::Refill::begin(&mut self.$field);)*
            }

            fn end(&mut self) {
                $($crate::stat::refill::Refill::end(&mut self.$field);)*
            }
        }
    };
}

/// A struct of statistics from a file of keys and numbers: each field has its keys, with what makes a value of the number,
/// and what has none is kept as it is.
macro_rules! keyed {
    (
        $(#[$meta:meta])*
        pub struct $Name:ident {
            $($(#[$field_meta:meta])* $field:ident: $Type:ty = $($of:path [$($key:literal),+]),+;)*
        }
        $(and { $($(#[$plain_meta:meta])* $plain:ident: $Plain:ty,)* })?
    ) => {
        $crate::stat::refill::stat! {
            $(#[$meta])*
            pub struct $Name {
                $($(#[$field_meta])* $field: Option<$Type>,)*
                $($($(#[$plain_meta])* $plain: $Plain,)*)?
                /// What the kernel told and this crate has no name for, by the kernel's keys.
                other: $crate::stat::Named<String>,
            }
        }

        impl $Name {
            /// Takes a key and its value.
            pub(super) fn put(&mut self, key: &str, value: &str) {
                let known = $crate::text::number(value).is_some_and(|number| {
                    match key {
                        $($($($key)|+ => self.$field = Some($of(number)),)+)*
                        _ => return false,
                    }
                    true
                });
                if !known {
                    self.other.put(key, value);
                }
            }
        }
    };
}

pub(super) use {keyed, stat};

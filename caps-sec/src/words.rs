// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words of the kernel: enumerations that are displayed and read by its names, and flags that are displayed so.

use std::fmt;

use bitflags::Flags;

/// Flags by their names in small letters, and what has no name as a number: "noroot, 0x8000"; `none` if there are none.
pub(crate) fn flag_words<F: Flags<Bits = u32>>(f: &mut fmt::Formatter<'_>, flags: F, none: &str) -> fmt::Result {
    if flags.bits() == 0 {
        return f.write_str(none);
    }
    let mut comma = "";
    for (name, _) in flags.iter_names() {
        write!(f, "{comma}{}", name.to_ascii_lowercase())?;
        comma = ", ";
    }
    match flags.bits() & !F::all().bits() {
        0 => Ok(()),
        unknown => write!(f, "{comma}{unknown:#x}"),
    }
}

/// The display and the reading of an enumeration by two spellings: a short one and the kernel's. Both are read, in any case;
/// with the feature `serde` it is the short one.
macro_rules! kernel_words {
    ($type:ident, $what:literal, $($variant:ident $short:literal $kernel:literal),+ $(,)?) => {
        impl $type {
            /// Each of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its short name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $short),+ }
            }

            /// Its name in the kernel, which OCI uses.
            #[must_use]
            pub const fn kernel_name(self) -> &'static str {
                match self { $(Self::$variant => $kernel),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::Error;

            /// Reads either name, in any case.
            ///
            /// # Errors
            /// `Invalid` for anything else; the cause lists what is known.
            fn from_str(text: &str) -> Result<Self, $crate::Error> {
                let same = |one: &&Self| {
                    text.eq_ignore_ascii_case(one.name()) || text.eq_ignore_ascii_case(one.kernel_name())
                };
                Self::ALL.iter().find(same).copied().ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|one| one.name()).collect();
                    let problem = format!("{text:?} is none of {}", known.join(", "));
                    $crate::Error::invalid("parse", $crate::Object::Named($what), vec![problem])
                })
            }
        }

        impl From<$type> for String {
            fn from(word: $type) -> Self {
                word.name().to_owned()
            }
        }

        impl TryFrom<String> for $type {
            type Error = $crate::Error;

            fn try_from(text: String) -> Result<Self, $crate::Error> {
                text.parse()
            }
        }
    };
}

pub(crate) use kernel_words;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The version of a stored description.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Stands first in a stored description. One that is newer than this crate is refused: what it says more is not known here,
/// and a container without it would be another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Version;

/// The form that this crate writes. What later versions add has a default, so older forms are read.
const CURRENT: u32 = 1;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        CURRENT.serialize(out)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        match u32::deserialize(input)? {
            0 => Err(D::Error::custom("version 0 of a description is none")),
            version if version > CURRENT => Err(D::Error::custom(format!(
                "version {version} of a description is newer than this skep, which reads versions up to {CURRENT}"
            ))),
            _ => Ok(Self),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::Spec;

    #[test]
    fn a_description_of_a_newer_version_is_refused_with_the_version() {
        let text = serde_json::to_string(&Spec::default()).unwrap();
        assert!(text.starts_with("{\"version\":1,"), "{text}");
        assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), Spec::default());
        assert_eq!(serde_json::from_str::<Spec>("{}").unwrap(), Spec::default());
        for (version, words) in [("2", "version 2 of a description is newer"), ("0", "version 0"), ("\"1\"", "u32")] {
            let error = serde_json::from_str::<Spec>(&text.replacen('1', version, 1)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        // Whatever else it has: the version is what is told.
        let newer = "{\"version\": 7, \"teleport\": true}";
        assert!(serde_json::from_str::<Spec>(newer).unwrap_err().to_string().contains("version 7 "));
    }
}

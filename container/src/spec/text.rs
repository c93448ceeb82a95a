// SPDX-License-Identifier: MIT OR Apache-2.0
//! How text of the kernel is stored: as a string where it is one, else as its bytes. Nothing is lost, and what people look
//! at reads as they wrote it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The stored form of one text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&OsStr> for Stored {
    fn from(text: &OsStr) -> Self {
        match text.to_str() {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Bytes(text.as_bytes().to_vec()),
        }
    }
}

impl From<Stored> for OsString {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Text(text) => text.into(),
            Stored::Bytes(bytes) => Self::from_vec(bytes),
        }
    }
}

pub(super) fn serialize<S: Serializer>(text: &OsString, out: S) -> Result<S::Ok, S::Error> {
    Stored::from(text.as_os_str()).serialize(out)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<OsString, D::Error> {
    Stored::deserialize(input).map(Into::into)
}

/// The same for a list of texts.
pub(super) mod list {
    use super::{Deserialize, Deserializer, OsString, Serialize, Serializer, Stored};

    pub(in super::super) fn serialize<S: Serializer>(texts: &[OsString], out: S) -> Result<S::Ok, S::Error> {
        texts.iter().map(|text| Stored::from(text.as_os_str())).collect::<Vec<_>>().serialize(out)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<OsString>, D::Error> {
        Ok(Vec::<Stored>::deserialize(input)?.into_iter().map(Into::into).collect())
    }
}

/// The same for pairs of name and value.
pub(super) mod pairs {
    use super::{Deserialize, Deserializer, OsString, Serialize, Serializer, Stored};

    pub(in super::super) fn serialize<S: Serializer>(
        pairs: &[(OsString, OsString)],
        out: S,
    ) -> Result<S::Ok, S::Error> {
        let stored = |text: &OsString| Stored::from(text.as_os_str());
        pairs.iter().map(|(name, value)| (stored(name), stored(value))).collect::<Vec<_>>().serialize(out)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Vec<(OsString, OsString)>, D::Error> {
        let pairs = Vec::<(Stored, Stored)>::deserialize(input)?;
        Ok(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// The same for a path.
pub(super) mod path {
    use super::{Deserialize, Deserializer, OsString, PathBuf, Serialize, Serializer, Stored};

    pub(in super::super) fn serialize<S: Serializer>(path: &std::path::Path, out: S) -> Result<S::Ok, S::Error> {
        Stored::from(path.as_os_str()).serialize(out)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<PathBuf, D::Error> {
        Ok(OsString::from(Stored::deserialize(input)?).into())
    }
}

/// The same for a path that may be absent.
pub(crate) mod optional_path {
    use super::{Deserialize, Deserializer, OsString, PathBuf, Serialize, Serializer, Stored};

    pub(crate) fn serialize<S: Serializer>(path: &Option<PathBuf>, out: S) -> Result<S::Ok, S::Error> {
        path.as_ref().map(|path| Stored::from(path.as_os_str())).serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<Stored>::deserialize(input)?.map(|stored| OsString::from(stored).into()))
    }
}

/// The same for a text that may be absent.
pub(super) mod optional {
    use super::{Deserialize, Deserializer, OsString, Serialize, Serializer, Stored};

    pub(crate) fn serialize<S: Serializer>(text: &Option<OsString>, out: S) -> Result<S::Ok, S::Error> {
        text.as_deref().map(Stored::from).serialize(out)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<OsString>, D::Error> {
        Ok(Option::<Stored>::deserialize(input)?.map(Into::into))
    }
}

/// The same for a list of texts that may be absent.
pub(super) mod optional_list {
    use super::{Deserialize, Deserializer, OsString, Serialize, Serializer, Stored};

    pub(in super::super) fn serialize<S: Serializer>(texts: &Option<Vec<OsString>>, out: S) -> Result<S::Ok, S::Error> {
        let stored =
            |texts: &Vec<OsString>| texts.iter().map(|text| Stored::from(text.as_os_str())).collect::<Vec<_>>();
        texts.as_ref().map(stored).serialize(out)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        input: D,
    ) -> Result<Option<Vec<OsString>>, D::Error> {
        let texts = Option::<Vec<Stored>>::deserialize(input)?;
        Ok(texts.map(|texts| texts.into_iter().map(Into::into).collect()))
    }
}

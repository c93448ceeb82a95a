// SPDX-License-Identifier: MIT OR Apache-2.0
//! How paths are stored: as text where they are text, else as their bytes. Nothing is lost, and what people look at reads
//! as they wrote it.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The stored form of one path.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&Path> for Stored {
    fn from(path: &Path) -> Self {
        match path.to_str() {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Bytes(path.as_os_str().as_bytes().to_vec()),
        }
    }
}

impl From<Stored> for PathBuf {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Text(text) => text.into(),
            Stored::Bytes(bytes) => OsString::from_vec(bytes).into(),
        }
    }
}

/// `#[serde(with)]` for a path.
pub(crate) mod path {
    use super::{Deserialize, Deserializer, Path, PathBuf, Serialize, Serializer, Stored};

    pub(crate) fn serialize<S: Serializer>(path: &Path, out: S) -> Result<S::Ok, S::Error> {
        Stored::from(path).serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<PathBuf, D::Error> {
        Stored::deserialize(input).map(Into::into)
    }
}

/// `#[serde(with)]` for a list of paths.
pub(crate) mod paths {
    use super::{Deserialize, Deserializer, PathBuf, Serializer, Stored};

    pub(crate) fn serialize<S: Serializer>(paths: &[PathBuf], out: S) -> Result<S::Ok, S::Error> {
        out.collect_seq(paths.iter().map(|path| Stored::from(path.as_path())))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<PathBuf>, D::Error> {
        Ok(Vec::<Stored>::deserialize(input)?.into_iter().map(Into::into).collect())
    }
}

/// `#[serde(with)]` for a path that may be left out.
pub(crate) mod optional_path {
    use super::{Deserialize, Deserializer, Path, PathBuf, Serialize, Serializer, Stored};

    pub(crate) fn serialize<S: Serializer>(path: &Option<PathBuf>, out: S) -> Result<S::Ok, S::Error> {
        path.as_deref().map(|path: &Path| Stored::from(path)).serialize(out)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Option<PathBuf>, D::Error> {
        Ok(Option::<Stored>::deserialize(input)?.map(Into::into))
    }
}

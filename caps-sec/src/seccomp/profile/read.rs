// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading: JSON to values of its form, with line and column of what does not fit.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::words::{ACTIONS, COMPARISONS};
use crate::nearest::{nearest, question};

/// A profile. What may be `null` or absent is an option; Go writes `null` for an empty list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Json {
    pub(super) default_action: Action,
    pub(super) default_errno_ret: Option<u16>,
    pub(super) architectures: Option<Vec<String>>,
    pub(super) arch_map: Option<Vec<ArchMap>>,
    pub(super) flags: Option<Vec<String>>,
    pub(super) listener_path: Option<PathBuf>,
    pub(super) listener_metadata: Option<String>,
    pub(super) syscalls: Option<Vec<Syscall>>,
}

/// Docker's: an architecture and those that its kernels run too.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ArchMap {
    pub(super) architecture: String,
    pub(super) sub_architectures: Option<Vec<String>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Syscall {
    pub(super) names: Option<Vec<String>>,
    /// Docker's, of old.
    pub(super) name: Option<String>,
    pub(super) action: Action,
    pub(super) errno_ret: Option<u16>,
    pub(super) args: Option<Vec<Test>>,
    pub(super) includes: Option<Condition>,
    pub(super) excludes: Option<Condition>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Test {
    pub(super) index: u8,
    pub(super) value: u64,
    #[serde(default)]
    pub(super) value_two: u64,
    pub(super) op: Op,
}

/// Docker's: when a rule counts, or does not.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Condition {
    pub(super) caps: Option<Vec<String>>,
    pub(super) arches: Option<Vec<String>>,
    pub(super) min_kernel: Option<String>,
}

/// One of [`ACTIONS`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Action(pub(super) String);

/// One of [`COMPARISONS`].
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Op(pub(super) String);

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Word { what: "action", words: &ACTIONS }).map(Self)
    }
}

impl<'de> Deserialize<'de> for Op {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = COMPARISONS.map(|(word, _)| word);
        deserializer.deserialize_str(Word { what: "comparison", words: &words }).map(Self)
    }
}

/// One word of several, refused where it stands.
struct Word<'a> {
    what: &'static str,
    words: &'a [&'static str],
}

impl de::Visitor<'_> for Word<'_> {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an {}, such as {:?}", self.what, self.words.first().unwrap_or(&""))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<String, E> {
        if self.words.contains(&word) {
            return Ok(word.to_owned());
        }
        let near = nearest(word, self.words.iter().copied());
        let rest = match near.as_slice() {
            [] => format!("; they are {}", self.words.join(", ")),
            near => question(near),
        };
        Err(E::custom(format_args!("{word:?} is no {}{rest}", self.what)))
    }
}

/// Reads a profile, and finds the keys in it that the form does not have; else what is wrong, and where.
pub(super) fn read(text: &str) -> Result<(Json, Vec<String>), String> {
    let json = serde_json::from_str(text).map_err(|error| sentence(&error))?;
    let value: Value = serde_json::from_str(text).map_err(|error| sentence(&error))?;
    let mut unread = Vec::new();
    strange(&value, "", &PROFILE, &mut unread);
    Ok((json, unread))
}

/// serde_json says the place at the end, in words of its own.
fn sentence(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let whole = error.to_string();
    let what = whole.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&whole);
    format!("line {line}, column {column}: {what}")
}

/// The keys of an object, and of those in it.
struct Keys(&'static [(&'static str, Option<&'static Keys>)]);

const CONDITION: Keys = Keys(&[("caps", None), ("arches", None), ("minKernel", None)]);
const TEST: Keys = Keys(&[("index", None), ("value", None), ("valueTwo", None), ("op", None)]);
const SYSCALL: Keys = Keys(&[
    ("names", None),
    ("name", None),
    ("action", None),
    ("errnoRet", None),
    ("errno", None),
    ("args", Some(&TEST)),
    ("comment", None),
    ("includes", Some(&CONDITION)),
    ("excludes", Some(&CONDITION)),
]);
const ARCH_MAP: Keys = Keys(&[("architecture", None), ("subArchitectures", None)]);
const PROFILE: Keys = Keys(&[
    ("defaultAction", None),
    ("defaultErrnoRet", None),
    ("defaultErrno", None),
    ("architectures", None),
    ("archMap", Some(&ARCH_MAP)),
    ("flags", None),
    ("listenerPath", None),
    ("listenerMetadata", None),
    ("syscalls", Some(&SYSCALL)),
]);

/// Adds the places of keys that are not known.
fn strange(value: &Value, place: &str, keys: &Keys, unread: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                strange(item, &format!("{place}[{at}]"), keys, unread);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                match keys.0.iter().find(|(known, _)| known == key) {
                    Some((_, Some(keys))) => strange(value, &place, keys, unread),
                    Some((_, None)) => {}
                    None => unread.push(place),
                }
            }
        }
        _ => {}
    }
}

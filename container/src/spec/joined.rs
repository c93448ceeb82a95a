// SPDX-License-Identifier: MIT OR Apache-2.0
//! Namespaces of others.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use skep_ns::{IdMap, NamespaceKind};

use super::text;

/// Namespaces that are there already, and that the container is in beside those that are made for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct JoinedNamespaces {
    /// Which, and whose they are.
    pub namespaces: BTreeMap<NamespaceKind, NamespaceOf>,
    /// Who is who in the user namespace among them. It is found out when the container is made, whatever is said here.
    pub id_map: Option<IdMap>,
}

/// Whose a namespace is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum NamespaceOf {
    /// An absolute path leads to it: `/proc/PID/ns/net`, or where one is pinned, such as `/run/netns/lab`.
    Path(#[serde(with = "text::path")] PathBuf),
    /// It is that of the first process of the container of this name, in the same state directory.
    Container(String),
    /// It was given as a handle when the container was made, and has to be given again for another one.
    Given,
}

impl JoinedNamespaces {
    /// Whether a namespace of this kind is joined.
    #[must_use]
    pub fn contains(&self, kind: NamespaceKind) -> bool {
        self.namespaces.contains_key(&kind)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.namespaces.is_empty()
    }

    /// Everything that is wrong with it by itself, a sentence each that begins with the place.
    pub(crate) fn problems(&self) -> Vec<String> {
        let problem = |(kind, of): (&NamespaceKind, &NamespaceOf)| match of {
            NamespaceOf::Path(path) if path.is_relative() => {
                Some(format!("joined.namespaces.{kind}: {path:?} is no absolute path"))
            }
            NamespaceOf::Container(name) => {
                crate::state::problem_of(name).map(|problem| format!("joined.namespaces.{kind}: container {problem}"))
            }
            NamespaceOf::Path(_) | NamespaceOf::Given => None,
        };
        self.namespaces.iter().filter_map(problem).collect()
    }
}

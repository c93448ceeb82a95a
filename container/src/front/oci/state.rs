// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state of a container, as `state` of a runtime prints it and hooks read it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::object::{Object, Place, object};
use super::{VERSION, read};
use crate::error::{Error, Object as Subject};

/// What the errors name.
const STATE: Subject = Subject::Named("the OCI state");

object! {
    /// What is told of a container.
    ///
    /// ```
    /// use skep::oci::{State, StateStatus};
    ///
    /// let state = State::new("web", StateStatus::Running, "/run/bundles/web").pid(4242);
    /// assert_eq!(State::from_json(state.to_json()?)?, state);
    /// # Ok::<(), skep::Error>(())
    /// ```
    /// # See also
    /// opencontainers/runtime-spec, runtime.md, "State".
    State {
        required {
            /// The version of the specification that it is written for.
            oci_version: String = "ociVersion",
            /// The container's name.
            id: String = "id",
            /// How far it is.
            status: StateStatus = "status",
            /// The absolute path of its bundle.
            bundle: String = "bundle",
        }
        optional {
            /// The number of its first process, while there is one.
            pid: i64 = "pid",
            /// Those of its configuration.
            annotations: BTreeMap<String, String> = "annotations",
        }
    }
}

impl State {
    /// The state of the container `id`, whose bundle is there.
    #[must_use]
    pub fn new(id: impl Into<String>, status: StateStatus, bundle: impl Into<String>) -> Self {
        Self { oci_version: VERSION.to_owned(), id: id.into(), status, bundle: bundle.into(), ..Self::default() }
    }

    /// The number of its first process.
    #[must_use]
    pub fn pid(mut self, pid: u32) -> Self {
        self.pid = Some(i64::from(pid));
        self
    }

    /// The annotations of its configuration.
    #[must_use]
    pub fn annotations(mut self, annotations: BTreeMap<String, String>) -> Self {
        self.annotations = Some(annotations).filter(|all| !all.is_empty());
        self
    }

    /// Reads a state.
    ///
    /// # Errors
    /// `Invalid` with everything that has a wrong type; a status that the format does not have is one of its own, and kept.
    pub fn from_json(text: impl AsRef<str>) -> Result<Self, Error> {
        let (state, problems) = read::read(text.as_ref());
        if problems.is_empty() { Ok(state) } else { Err(Error::invalid("read", STATE, problems)) }
    }

    /// The text of the state, with line breaks.
    ///
    /// # Errors
    /// None that can be named.
    pub fn to_json(&self) -> Result<String, Error> {
        read::write(self, STATE)
    }
}

/// How far a container is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
#[non_exhaustive]
pub enum StateStatus {
    /// It is being made.
    #[default]
    Creating,
    /// It is made, and its program waits to be started.
    Created,
    /// Its program was started, and has not ended.
    Running,
    /// Its program has ended.
    Stopped,
    /// A runtime's own: `paused`.
    Other(String),
}

impl From<String> for StateStatus {
    fn from(word: String) -> Self {
        match word.as_str() {
            "creating" => Self::Creating,
            "created" => Self::Created,
            "running" => Self::Running,
            "stopped" => Self::Stopped,
            _ => Self::Other(word),
        }
    }
}

impl From<StateStatus> for String {
    fn from(status: StateStatus) -> Self {
        status.to_string()
    }
}

impl fmt::Display for StateStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Other(word) => word,
        })
    }
}

impl Object for StateStatus {
    fn unknown(&self, _: &Place<'_>, _: &mut Vec<String>) {}
}

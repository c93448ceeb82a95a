// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finding containers that somebody else has made.

use std::path::{Path, PathBuf};

use super::known::Known;
use super::running::Container;
use crate::error::{Error, ErrorKind, Object};
use crate::state::StateRoot;

impl Container {
    /// Opens the container of this name, whoever has made it: running, ended, or half made.
    ///
    /// # Errors
    /// `NotFound` if there is none of this name in the caller's state directory; `Invalid` if nothing of its record can be
    /// read.
    /// # Privileges
    /// Those of its maker: the state directory is its maker's alone.
    pub fn open(name: &str) -> Result<Self, Error> {
        Self::open_in(&StateRoot::default_path(), name)
    }

    /// As [`open`](Self::open), of a container that was made with this [`state_root`](crate::Builder::state_root).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_in(state_root: &Path, name: &str) -> Result<Self, Error> {
        let object = || Object::Container(Some(name.to_owned()));
        if let Some(problem) = crate::state::problem_of(name) {
            return Err(Error::invalid("open", object(), vec![problem]));
        }
        let state = StateRoot::open(state_root)?.map(|root| root.find(name)).transpose()?.flatten();
        let Some(state) = state else {
            let why = format!("there is none of this name in {}", state_root.display());
            return Err(Error::because("open", object(), ErrorKind::NotFound, why));
        };
        let known = Known::of(&state)?;
        Ok(Self::opened(name, known, state))
    }

    /// Where the state of the caller's containers is kept that are made without a [`state_root`](crate::Builder::state_root):
    /// see there. It is made with the first of them that has a name.
    #[must_use]
    pub fn default_state_root() -> PathBuf {
        StateRoot::default_path()
    }

    /// The names of all containers in the caller's state directory, sorted.
    ///
    /// # Errors
    /// What reading the directory answers.
    pub fn names() -> Result<Vec<String>, Error> {
        Self::names_in(&StateRoot::default_path())
    }

    /// As [`names`](Self::names), in another state directory.
    ///
    /// # Errors
    /// As [`names`](Self::names).
    pub fn names_in(state_root: &Path) -> Result<Vec<String>, Error> {
        StateRoot::open(state_root)?.map_or(Ok(Vec::new()), |root| root.names())
    }
}

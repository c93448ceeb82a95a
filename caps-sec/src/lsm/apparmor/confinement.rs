// SPDX-License-Identifier: MIT OR Apache-2.0
//! Confinement: the profile that a process is under.

use std::fmt;
use std::fs;

use crate::error::{Error, ErrorKind, Object};

/// What confines a process: a profile, several of them stacked ("a//&b"), or none ("unconfined").
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Confinement {
    /// The profile's name.
    pub profile: String,
    /// "enforce", "complain", "kill", "mixed" of several; `None` of none.
    pub mode: Option<String>,
}

impl Confinement {
    /// That of process `pid`, of its first thread.
    ///
    /// # Errors
    /// `NotFound` if there is no such process, or AppArmor is not built in; `Unsupported` where it is not on.
    #[doc(alias = "attr/current")]
    pub fn of_process(pid: u32) -> Result<Self, Error> {
        Self::read("current", pid).map(|read| read.unwrap_or_else(Self::unconfined))
    }

    /// That which the next program of this process's first thread will have; `None` if nothing was asked for.
    ///
    /// # Errors
    /// As [`of_process`](Self::of_process).
    #[doc(alias = "attr/exec")]
    pub fn of_next_program(pid: u32) -> Result<Option<Self>, Error> {
        Self::read("exec", pid)
    }

    /// Whether nothing confines it.
    #[must_use]
    pub fn is_unconfined(&self) -> bool {
        self.profile == "unconfined"
    }

    fn unconfined() -> Self {
        Self { profile: "unconfined".to_owned(), mode: None }
    }

    fn read(attribute: &str, pid: u32) -> Result<Option<Self>, Error> {
        const OP: &str = "read the AppArmor profile of";
        // The directory with the module's name is that module's alone.
        let path = format!("/proc/{pid}/attr/apparmor/{attribute}");
        match fs::read_to_string(path) {
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => Ok(Some(Self::of_text(&text))),
            Err(error) if error.raw_os_error() == Some(EINVAL) => {
                let why = "AppArmor is built into this kernel and not on".to_owned();
                Err(Error::because(OP, Object::Pid(pid), ErrorKind::Unsupported, why))
            }
            Err(error) => Err(Error::io(OP, Object::Pid(pid), &error)),
        }
    }

    /// "web (enforce)", "unconfined".
    pub(super) fn of_text(text: &str) -> Self {
        let text = text.trim_end_matches(['\0', '\n']);
        let parts = text.strip_suffix(')').and_then(|text| text.rsplit_once(" ("));
        match parts {
            Some((profile, mode)) => Self { profile: profile.to_owned(), mode: Some(mode.to_owned()) },
            None => Self { profile: text.to_owned(), mode: None },
        }
    }
}

const EINVAL: i32 = 22;

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.profile)?;
        match &self.mode {
            Some(mode) => write!(f, " ({mode})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_may_have_brackets_and_blanks_in_it() {
        let read = Confinement::of_text("a (b) c (complain)\n");
        assert_eq!((read.profile.as_str(), read.mode.as_deref()), ("a (b) c", Some("complain")));
        assert!(Confinement::of_text("unconfined\n").is_unconfined());
    }

    proptest! {
        #[test]
        fn a_confinement_is_its_text(name in "[a-z/&() ]{1,20}", mode in "[a-z]{1,8}") {
            let text = format!("{name} ({mode})");
            prop_assert_eq!(Confinement::of_text(&text).to_string(), text);
        }
    }
}

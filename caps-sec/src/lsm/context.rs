// SPDX-License-Identifier: MIT OR Apache-2.0
//! SELinux: contexts, and whether its policy is enforced.
//!
//! Man: selinux(8), mount(8) ("context="). Kernel: security/selinux/.

use std::fmt;
use std::fs;
use std::str::FromStr;

use crate::error::{Error, ErrorKind, Object};

/// A context: user, role, type, and a level where the policy has levels.
///
/// ```
/// use skep_caps_sec::SelinuxContext;
///
/// let context: SelinuxContext = "system_u:system_r:container_t:s0:c1,c2".parse()?;
/// assert_eq!((context.kind.as_str(), context.level.as_deref()), ("container_t", Some("s0:c1,c2")));
/// assert_eq!(context.mount_option("context"), "context=\"system_u:system_r:container_t:s0:c1,c2\"");
/// # Ok::<(), skep_caps_sec::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String", into = "String")
)]
pub struct SelinuxContext {
    /// The user of SELinux, which is none of the machine's.
    pub user: String,
    /// The role.
    pub role: String,
    /// The type, by which most is decided.
    #[doc(alias = "type")]
    pub kind: String,
    /// The level or range: everything after the type.
    pub level: Option<String>,
}

impl SelinuxContext {
    /// A mount's option that gives this context to its files: `name` is "context", "fscontext", "defcontext" or
    /// "rootcontext". The quotes keep the commas of a level.
    #[must_use]
    pub fn mount_option(&self, name: &str) -> String {
        format!("{name}=\"{self}\"")
    }

    /// That of process `pid`.
    ///
    /// # Errors
    /// `NotFound` if there is no such process, or no module that has contexts; `Unsupported` where the attribute is another
    /// module's.
    pub fn of_process(pid: u32) -> Result<Self, Error> {
        const OP: &str = "read the SELinux context of";
        let path = format!("/proc/{pid}/attr/current");
        let text = fs::read_to_string(&path).map_err(|error| Error::io(OP, Object::Pid(pid), &error))?;
        let text = text.trim_end_matches(['\0', '\n']);
        text.parse().map_err(|_| {
            let why = format!("{path} says {text:?}: SELinux is not the module that it belongs to");
            Error::because(OP, Object::Pid(pid), ErrorKind::Unsupported, why)
        })
    }
}

impl FromStr for SelinuxContext {
    type Err = Error;

    /// Reads "user:role:type" or "user:role:type:level".
    ///
    /// # Errors
    /// `Invalid` for anything else, and for what a mount's option could not hold.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = |why: &str| {
            let problem =
                format!("{text:?} {why}: a context is user:role:type, with :level after it where there are levels");
            Error::invalid("parse", Object::Named("SELinux context"), vec![problem])
        };
        if text.chars().any(|letter| letter.is_control() || letter.is_whitespace() || letter == '"') {
            return Err(bad("has a space, a quote or a control character in it"));
        }
        let mut parts = text.splitn(4, ':').map(str::to_owned);
        let mut part = || parts.next().filter(|part| !part.is_empty());
        match (part(), part(), part()) {
            (Some(user), Some(role), Some(kind)) => {
                let level = parts.next();
                if level.as_deref() == Some("") {
                    return Err(bad("ends in a colon"));
                }
                Ok(Self { user, role, kind, level })
            }
            _ => Err(bad("has less than three parts")),
        }
    }
}

impl TryFrom<String> for SelinuxContext {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<SelinuxContext> for String {
    fn from(context: SelinuxContext) -> Self {
        context.to_string()
    }
}

impl fmt::Display for SelinuxContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.user, self.role, self.kind)?;
        match &self.level {
            Some(level) => write!(f, ":{level}"),
            None => Ok(()),
        }
    }
}

/// Whether SELinux forbids or only complains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum SelinuxMode {
    /// What its policy does not allow is denied.
    Enforcing,
    /// It is written to the log.
    Permissive,
}

impl SelinuxMode {
    /// That of this machine; `None` where SELinux is not on.
    ///
    /// # Errors
    /// The error number of reading.
    pub fn current() -> Result<Option<Self>, Error> {
        const PATH: &str = "/sys/fs/selinux/enforce";
        match fs::read_to_string(PATH) {
            Ok(text) if text.trim() == "0" => Ok(Some(Self::Permissive)),
            Ok(_) => Ok(Some(Self::Enforcing)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", Object::Path(PATH.into()), &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_context_has_three_parts_or_four() {
        let context: SelinuxContext = "u:r:t".parse().unwrap();
        assert_eq!((context.kind.as_str(), context.level), ("t", None));
        for text in ["", "u:r", "u::t", "u:r:t:", "u:r:t s0", "u:r:t\"", "unconfined"] {
            let error = text.parse::<SelinuxContext>().unwrap_err();
            assert!(error.problems()[0].contains("user:role:type"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_context_is_its_text(text in "[a-z_]{1,8}:[a-z_]{1,8}:[a-z_]{1,8}(:[a-z0-9:,.-]{1,12})?") {
            prop_assert_eq!(text.parse::<SelinuxContext>().unwrap().to_string(), text);
        }
    }
}

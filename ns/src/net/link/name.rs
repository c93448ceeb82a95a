// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names and numbers of links, and what a name cannot be.

use std::fmt;

use crate::error::Object;
use crate::words::shown;

/// Which link: its number, or a name of it, of which it may have several.
///
/// A number is one link's for its whole life in a net namespace; a name may come to mean another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(untagged))]
pub enum LinkRef {
    /// Its number in its namespace, from 1 on (`ifindex`).
    #[doc(alias = "ifindex")]
    Index(u32),
    /// Its name, or one of its alternative names.
    #[doc(alias = "ifname")]
    Name(String),
}

impl LinkRef {
    pub(crate) fn object(&self) -> Object {
        Object::Link(self.to_string())
    }

    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::Index(0) => Some("no link has the number 0".to_owned()),
            Self::Index(index) if i32::try_from(*index).is_err() => Some(format!("no link has the number {index}")),
            Self::Index(_) => None,
            Self::Name(name) => problem_of_any_name(name),
        }
    }
}

impl fmt::Display for LinkRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "#{index}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl From<u32> for LinkRef {
    fn from(index: u32) -> Self {
        Self::Index(index)
    }
}

impl From<&str> for LinkRef {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<String> for LinkRef {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}

impl From<&LinkRef> for LinkRef {
    fn from(link: &LinkRef) -> Self {
        link.clone()
    }
}

impl From<&super::Link> for LinkRef {
    fn from(link: &super::Link) -> Self {
        Self::Index(link.index)
    }
}

/// `IFNAMSIZ` without its NUL.
const LONGEST: usize = 15;
/// `ALTIFNAMSIZ` without its NUL.
const LONGEST_ALTERNATIVE: usize = 127;

/// What is wrong with the name of a link.
pub(crate) fn problem_of_name(name: &str) -> Option<String> {
    problem(name, LONGEST)
}

/// What is wrong with an alternative name of a link, and so with any name to find one by.
pub(crate) fn problem_of_any_name(name: &str) -> Option<String> {
    problem(name, LONGEST_ALTERNATIVE)
}

fn problem(name: &str, longest: usize) -> Option<String> {
    let bad = |at: char| at == '/' || at == ':' || at == '\0' || at.is_ascii_whitespace() || at == '\x0b';
    let shown = shown(name);
    if name.is_empty() {
        return Some("a link's name is not empty".to_owned());
    }
    if name.len() > longest {
        return Some(format!("{shown} has {} bytes, and a name of a link at most {longest}", name.len()));
    }
    if name == "." || name == ".." {
        return Some(format!("{shown} is a directory to everybody, not a link"));
    }
    // The kernel would take it as a pattern and make up a name of it.
    if name.contains('%') {
        return Some(format!("{shown} has a %, which no link's name has"));
    }
    let at = name.chars().find(|at| bad(*at))?;
    Some(format!("{shown} has a {at:?}, which no link's name has"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_refuses_are_refused() {
        for good in ["a", "veth-1.2@x", "a23456789012345", "ä", "eth0"] {
            assert_eq!(problem_of_name(good), None, "{good}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "a:1", "a\nb", "a\0", "veth%d", "a234567890123456", "ääääääää"]
        {
            assert!(problem_of_name(bad).is_some(), "{bad}");
        }
        assert_eq!(problem_of_any_name(&"a".repeat(127)), None);
        assert!(problem_of_any_name(&"a".repeat(128)).is_some());
        assert!(LinkRef::from(0).problem().is_some());
    }
}

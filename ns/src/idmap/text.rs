// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text: a map as LXC writes it, a range a line.
//!
//! `u 0 100000 65536` maps users, `g` groups, `b` both; blank lines and lines that begin with `#` are passed over. What the
//! map says of setgroups(2) has no place in this text.
//!
//! Man: lxc.container.conf(5), "USER NAMESPACES" (`lxc.idmap`).

use std::fmt;
use std::str::FromStr;

use super::range::{shown, words};
use super::{IdMap, IdRange};
use crate::error::{Error, Object};

impl fmt::Display for IdMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = self.uids().iter().map(|range| ('u', range));
        let groups = self.gids().iter().map(|range| ('g', range));
        let mut between = "";
        for (letter, range) in users.chain(groups) {
            write!(f, "{between}{letter} {range}")?;
            between = "\n";
        }
        Ok(())
    }
}

impl FromStr for IdMap {
    type Err = Error;

    /// Reads lines of LXC's form. Whether they make a map that the kernel takes is for [`IdMap::check`].
    ///
    /// # Errors
    /// `Invalid`, with a problem for each line that cannot be read, naming line and column.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut map = Self::new();
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            match parse_line(line) {
                Ok(None) => {}
                Ok(Some((Whose::Users, range))) => map = map.uid(range),
                Ok(Some((Whose::Groups, range))) => map = map.gid(range),
                Ok(Some((Whose::Both, range))) => map = map.both(range),
                Err(problem) => problems.push(format!("line {number}, {problem}")),
            }
        }
        if problems.is_empty() { Ok(map) } else { Err(Error::invalid("parse", Object::Named("id map"), problems)) }
    }
}

/// The letter a line begins with.
enum Whose {
    Users,
    Groups,
    Both,
}

/// A line: a range, nothing, or what is wrong with it.
fn parse_line(line: &str) -> Result<Option<(Whose, IdRange)>, String> {
    let Some((column, letter)) = words(line, 1).next().filter(|(_, word)| !word.starts_with('#')) else {
        return Ok(None);
    };
    let whose = match letter {
        "u" => Whose::Users,
        "g" => Whose::Groups,
        "b" => Whose::Both,
        other => {
            return Err(format!("column {column}: {} is none of u (users), g (groups), b (both)", shown(other)));
        }
    };
    // The letter is one column wide, and so are the characters before it.
    let rest = line.trim_start().get(1..).unwrap_or_default();
    IdRange::parse(rest, column + 1).map(|range| Some((whose, range)))
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Text: a map as LXC writes it, and as the kernel does; a range a line.
//!
//! `u 0 100000 65536` maps users, `g` groups, `b` both; blank lines and lines that begin with `#` are passed over. The
//! kernel has a text for users and one for groups, without the letter. What the map says of setgroups(2) has no place in
//! either.
//!
//! Man: lxc.container.conf(5), "USER NAMESPACES" (`lxc.idmap`); user_namespaces(7) (`/proc/PID/uid_map`).

use std::fmt;
use std::str::FromStr;

use super::check::kernel_text;
use super::{IdMap, IdRange};
use crate::error::{Error, Object};
use crate::words::{shown, words};

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

impl IdMap {
    /// Reads the kernel's two texts, those of `/proc/PID/uid_map` and `/proc/PID/gid_map`: lines of inside, outside and
    /// count, with any white space between.
    ///
    /// ```
    /// use skep_ns::IdMap;
    ///
    /// let map = IdMap::from_kernel_text("         0     100000      65536\n", "0 100000 65536\n")?;
    /// assert_eq!(map, IdMap::whole(100_000, 65_536));
    /// assert_eq!(map.uid_map_text(), "0 100000 65536\n");
    /// # Ok::<(), skep_ns::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Invalid`, with a problem for each line that cannot be read, naming text, line and column.
    #[doc(alias = "uid_map")]
    #[doc(alias = "gid_map")]
    pub fn from_kernel_text(uid_map: &str, gid_map: &str) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let mut read = |name: &str, text: &str| {
            let mut ranges = Vec::new();
            for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
                match IdRange::parse(line, 1) {
                    Ok(range) => ranges.push(range),
                    Err(problem) => problems.push(format!("{name}: line {number}, {problem}")),
                }
            }
            ranges
        };
        let map = Self::new().with_ranges(read("uid_map", uid_map), read("gid_map", gid_map));
        if problems.is_empty() { Ok(map) } else { Err(Error::invalid("parse", Object::Named("id map"), problems)) }
    }

    /// The users in the kernel's text, as it is written to `/proc/PID/uid_map`.
    #[must_use]
    pub fn uid_map_text(&self) -> String {
        kernel_text(self.uids())
    }

    /// The groups in the kernel's text, as it is written to `/proc/PID/gid_map`.
    #[must_use]
    pub fn gid_map_text(&self) -> String {
        kernel_text(self.gids())
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

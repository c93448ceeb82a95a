// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines of /etc/passwd and /etc/group, for ids that a program has and the root does not know.

use std::path::Path;

use super::{before, lines, put};
use crate::error::Error;
use crate::root::Root;

/// A user: a line of /etc/passwd.
///
/// ```
/// use skep_rootfs::Account;
///
/// let alice = Account::new("alice", 1000, 1000).home("/home/alice").shell("/bin/bash");
/// assert_eq!(alice.line(), "alice:x:1000:1000::/home/alice:/bin/bash");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Account {
    name: String,
    uid: u32,
    gid: u32,
    comment: String,
    home: String,
    shell: String,
}

impl Account {
    /// A user of this name, id and first group, at home in "/" with /bin/sh. Its password is in shadow(5), or nowhere.
    #[must_use]
    pub fn new(name: impl Into<String>, uid: u32, gid: u32) -> Self {
        let (home, shell) = ("/".to_owned(), "/bin/sh".to_owned());
        Self { name: name.into(), uid, gid, comment: String::new(), home, shell }
    }

    /// What people call the user.
    #[must_use]
    pub fn comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = comment.into();
        self
    }

    /// The user's directory, an absolute path.
    #[must_use]
    pub fn home(mut self, home: impl Into<String>) -> Self {
        self.home = home.into();
        self
    }

    /// The user's shell, an absolute path.
    #[must_use]
    pub fn shell(mut self, shell: impl Into<String>) -> Self {
        self.shell = shell.into();
        self
    }

    /// What is wrong with it, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = account_problem("name", &self.name).into_iter().collect();
        for (place, id) in [("uid", self.uid), ("gid", self.gid)] {
            problems.extend(id_problem(place, id));
        }
        for (place, path) in [("home", &self.home), ("shell", &self.shell)] {
            if !path.starts_with('/') {
                problems.push(format!("{place} {path:?} is not absolute"));
            }
        }
        for (place, field) in [("comment", &self.comment), ("home", &self.home), ("shell", &self.shell)] {
            if field.contains(|letter: char| letter == ':' || letter.is_control()) {
                problems.push(format!("{place} {field:?} has a colon or a control character in it"));
            }
        }
        problems
    }

    /// Its line, without an end.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { name, uid, gid, comment, home, shell } = self;
        format!("{name}:x:{uid}:{gid}:{comment}:{home}:{shell}")
    }

    /// Adds it to /etc/passwd of a root, unless a line has its id already; answers whether it was added.
    ///
    /// # Errors
    /// `Invalid`, with every problem, and for a name that another id has; as [`Root::write`]; `EFBIG` for more than 16 MiB.
    pub fn add_to(&self, root: &Root) -> Result<bool, Error> {
        add(root, "/etc/passwd", self.problems(), (&self.name, self.uid), &self.line())
    }
}

/// A group: a line of /etc/group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

impl Group {
    /// A group of this name and id, without members but those whose first group it is.
    #[must_use]
    pub fn new(name: impl Into<String>, gid: u32) -> Self {
        Self { name: name.into(), gid, members: Vec::new() }
    }

    /// One more member.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>) -> Self {
        self.members.push(name.into());
        self
    }

    /// What is wrong with it, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems: Vec<String> = account_problem("name", &self.name).into_iter().collect();
        problems.extend(id_problem("gid", self.gid));
        for (at, member) in self.members.iter().enumerate() {
            problems.extend(account_problem(&format!("members[{at}]"), member));
        }
        problems
    }

    /// Its line, without an end.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}:x:{}:{}", self.name, self.gid, self.members.join(","))
    }

    /// Adds it to /etc/group of a root, unless a line has its id already; answers whether it was added.
    ///
    /// # Errors
    /// As [`Account::add_to`].
    pub fn add_to(&self, root: &Root) -> Result<bool, Error> {
        add(root, "/etc/group", self.problems(), (&self.name, self.gid), &self.line())
    }
}

fn add(root: &Root, path: &str, problems: Vec<String>, (name, id): (&str, u32), line: &str) -> Result<bool, Error> {
    let mut content = if problems.is_empty() { before(root, path)? } else { Vec::new() };
    for known in lines(&content) {
        let mut fields = known.split(|byte| *byte == b':');
        let (known_name, known_id) = (fields.next(), fields.nth(1));
        let known_id = known_id.and_then(|digits| str::from_utf8(digits).ok()?.parse::<u32>().ok());
        if known_id == Some(id) {
            return Ok(false);
        }
        if known_name == Some(name.as_bytes()) {
            let said = format!("name {name:?} is that of another id in {path:?} already");
            return Err(Error::invalid("write", root.object(Path::new(path)), vec![said]));
        }
    }
    put(root, path, problems, || {
        if !content.is_empty() && !content.ends_with(b"\n") {
            content.push(b'\n');
        }
        content.extend_from_slice(line.as_bytes());
        content.push(b'\n');
        Ok(content)
    })?;
    Ok(true)
}

fn id_problem(place: &str, id: u32) -> Option<String> {
    (id == u32::MAX).then(|| format!("{place} {id} is how the kernel says \"none\""))
}

/// What is wrong with the name of a user or a group: useradd(8)'s rule, and capitals and dots, which many have.
fn account_problem(place: &str, name: &str) -> Option<String> {
    let is_name = (1..=32).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .strip_suffix('$')
            .unwrap_or(name)
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    (!is_name).then(|| {
        format!("{place} {name:?} is not made of 1 to 32 letters, digits, \".\", \"_\" and \"-\", beginning with a letter or \"_\"")
    })
}

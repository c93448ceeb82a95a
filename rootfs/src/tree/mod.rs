// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trees: directories with all that is in them, removed and copied.
//!
//! Neither recursion nor a descriptor for each level: a tree may be deeper than a path can be long. The way back up is
//! "..", and what it leads to is compared with where we came from, so that a directory that is moved meanwhile does not
//! take us along. No link is followed and no mount crossed into.
//!
//! What is refused does not end the work: it is listed, so that everything is known at the end.
//!
//! Trees that belong to the ids of a user namespace are removed and copied by whoever is root in it: all of this is for
//! any process, and such a one has the rights (`35_rootless_tree` of the tour is a program that does so).
//!
//! Man: unlinkat(2), copy_file_range(2), xattr(7), user_namespaces(7).

mod climb;
mod content;
mod copy;
mod kept;
mod remove;

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Object, errno_in_words};

pub use copy::{Copied, TreeCopy};
pub use remove::Removed;

/// Something in a tree that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where, from the top of the tree; empty for the top itself. Of a path of 4,096 bytes and more it is the end, behind
    /// "…".
    pub path: PathBuf,
    /// What was tried: "removing it", "setting its owner".
    pub what: &'static str,
    /// The kernel's error number.
    pub errno: i32,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}: {}", self.path, self.what, errno_in_words(self.errno))
    }
}

/// How many refusals are listed of a tree; of what is beyond them there is the number.
const LISTED: usize = 1000;

/// Adds a refusal to a list, or counts it where that is full.
fn list(refused: &mut Vec<Refused>, unlisted: &mut u64, what: impl FnOnce() -> Refused) {
    if refused.len() < LISTED {
        refused.push(what());
    } else {
        *unlisted += 1;
    }
}

/// An error for what was refused of a tree: the first number, and every sentence that is listed.
fn in_one(op: &'static str, object: Object, refused: &[Refused], unlisted: u64) -> Result<(), Error> {
    let Some(first) = refused.first() else { return Ok(()) };
    let more = (unlisted > 0).then(|| format!("and {unlisted} more"));
    let said: Vec<String> = refused.iter().map(ToString::to_string).chain(more).collect();
    Err(Error::refusals(op, object, first.errno, said))
}

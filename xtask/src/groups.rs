// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups of ours, removed by their name in every hierarchy.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Where control groups are.
const GROUPS: &str = "/sys/fs/cgroup";

/// The group of that name below each hierarchy, and below the only one.
pub(crate) fn named(name: &str) -> Result<Vec<PathBuf>, Failure> {
    let hierarchies = fs::read_dir(GROUPS)?.filter_map(Result::ok).map(|entry| entry.path());
    Ok(hierarchies.chain([PathBuf::from(GROUPS)]).map(|path| path.join(name)).filter(|path| path.is_dir()).collect())
}

/// Removes those of a name: nothing may run in them any more.
pub(crate) fn remove(name: &str) -> Result<(), Failure> {
    named(name)?.iter().try_for_each(|group| remove_one(group))
}

/// Removes a group that is empty, and those below it.
fn remove_one(group: &Path) -> Result<(), Failure> {
    let Ok(entries) = fs::read_dir(group) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_one(&entry.path())?;
        }
    }
    Ok(fs::remove_dir(group)?)
}

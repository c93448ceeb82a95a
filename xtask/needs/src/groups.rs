// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups that tests and commands of ours made: found by their names in every hierarchy, and removed.
//!
//! Man: cgroups(7).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io};

/// Where control groups are.
const GROUPS: &str = "/sys/fs/cgroup";

/// How long the last process of a group may take to be gone.
const GRACE: Duration = Duration::from_secs(2);

/// The group of that path in each hierarchy, and in the only one.
///
/// # Errors
/// What reading `/sys/fs/cgroup` answers.
pub fn named(path: &str) -> io::Result<Vec<PathBuf>> {
    let hierarchies = fs::read_dir(GROUPS)?.filter_map(Result::ok).map(|entry| entry.path());
    Ok(hierarchies
        .chain([PathBuf::from(GROUPS)])
        .map(|group| group.join(path))
        .filter(|group| group.is_dir())
        .collect())
}

/// The groups whose name has `token` in it, at any depth; not those below one of them.
#[must_use]
pub fn carrying(token: &str) -> Vec<PathBuf> {
    below(Path::new(GROUPS), token)
}

/// Removes a group, and those below it; one that is gone is no failure. Processes that are just ending have two seconds.
///
/// # Errors
/// What removing one of them answers: `EBUSY` while a process is in it.
pub fn remove(group: &Path) -> io::Result<()> {
    let end = Instant::now() + GRACE;
    loop {
        match remove_now(group) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(5));
            }
            // By another name of its hierarchy: cpu is a link to cpu,cpuacct.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            answer => return answer,
        }
    }
}

fn remove_now(group: &Path) -> io::Result<()> {
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_now(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}

/// Removes what a test that was ended has left.
pub(crate) fn sweep(token: &str) {
    for group in carrying(token) {
        if let Err(error) = remove(&group) {
            println!("cannot remove the group {}, which a test has left: {error}", group.display());
        }
    }
}

fn below(dir: &Path, token: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let dirs = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let found = |entry: fs::DirEntry| match entry.file_name().to_string_lossy().contains(token) {
        true => vec![entry.path()],
        false => below(&entry.path(), token),
    };
    dirs.flat_map(found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_with_the_token_is_found_at_any_depth() {
        let dir = crate::Scratch::new();
        fs::create_dir_all(dir.join("a/b-token7-c/d-token7")).unwrap();
        assert_eq!(below(dir.path(), "token7"), [dir.join("a/b-token7-c")]);
    }

    #[test]
    fn a_group_goes_with_those_below_it() {
        let dir = crate::Scratch::new();
        fs::create_dir_all(dir.join("a/b/c")).unwrap();
        remove(&dir.join("a")).unwrap();
        remove(&dir.join("a")).unwrap();
        assert!(!dir.join("a").exists());
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask tidy`: the rules of the tree that a compiler does not know.

mod leaves;
mod map;
mod sources;
mod tree;

use std::path::Path;

use crate::failure::{Failure, no_options};
use crate::source::Source;
use crate::workspace::Workspace;

/// The folders of the root: a package each, or packages below.
const FOLDERS: [&str; 8] = ["ns", "cgroup", "rootfs", "caps-sec", "container", "examples", "benches", "xtask"];

/// The folders and the packages of the leaves.
const LEAVES: [(&str, &str); 4] =
    [("ns", "skep-ns"), ("cgroup", "skep-cgroup"), ("rootfs", "skep-rootfs"), ("caps-sec", "skep-caps-sec")];

/// The length from which a file is listed in the report.
const LONG: usize = 400;

/// Holds the tree to its rules; an error names every breach.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let help = "usage: cargo xtask tidy\n\nHolds the tree to its map and its rules, and lists the longest files.";
    if no_options(arguments, help)? {
        return Ok(());
    }
    println!("{}", workspace(&Workspace::load()?)?);
    Ok(())
}

/// Looks at the whole workspace; the answer is the report of long files.
pub(crate) fn workspace(workspace: &Workspace) -> Result<String, Failure> {
    let root = &workspace.root;
    let mut sources = Vec::new();
    for folder in FOLDERS.iter().filter(|folder| root.join(folder).is_dir()) {
        sources.extend(Source::below(root, Path::new(folder))?);
    }
    let mut faults = tree::faults(root)?;
    faults.extend(map::faults(root, &sources));
    faults.extend(leaves::dependencies(workspace));
    for source in &sources {
        faults.extend(sources::faults(source));
        faults.extend(leaves::words_of(source));
    }
    if faults.is_empty() { Ok(long_files(&sources)) } else { Err(faults.join("\n").into()) }
}

/// A report and not a failure: a table may be long, a thought may not.
fn long_files(sources: &[Source]) -> String {
    let long = sources.iter().map(|source| (source.text.lines().count(), &source.path));
    let long = long.filter(|(lines, _)| *lines > LONG);
    let long: Vec<String> = long.map(|(lines, path)| format!("{} has {lines} lines", path.display())).collect();
    let count = sources.len();
    if long.is_empty() {
        format!("{count} files, none over {LONG} lines")
    } else {
        format!("{count} files; {}", long.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_are_listed() {
        let sources = [Source::new("a.rs", "\n".repeat(LONG)), Source::new("b.rs", "\n".repeat(LONG + 1))];
        assert_eq!(long_files(&sources), "2 files; b.rs has 401 lines");
        assert_eq!(long_files(&sources[..1]), "1 files, none over 400 lines");
    }
}

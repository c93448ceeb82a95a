// SPDX-License-Identifier: MIT OR Apache-2.0
//! Features: each set of them compiles, up to pairs, and all.

use crate::cargo;
use crate::failure::Failure;
use crate::steps::Done;
use crate::workspace::Workspace;

/// Checks each package that has features, once for each set.
pub(super) fn run(workspace: &Workspace) -> Result<Done, Failure> {
    let (mut count, mut failures) = (0, Vec::new());
    for package in workspace.members() {
        let features: Vec<&str> =
            package.features.keys().map(String::as_str).filter(|name| *name != "default").collect();
        for set in sets(&features) {
            count += 1;
            let arguments = ["check", "--quiet", "-p", &package.name, "--no-default-features", "--features", &set];
            if let Err(failure) = cargo::output(&mut cargo::command(arguments)) {
                failures.push(failure.to_string());
            }
        }
    }
    if failures.is_empty() { Ok(Done::Run(format!("{count} sets"))) } else { Err(failures.join("\n").into()) }
}

/// None, each, each pair, all. Nothing for a package without features: its one set is what clippy sees.
fn sets(features: &[&str]) -> Vec<String> {
    let mut sets = Vec::new();
    if features.is_empty() {
        return sets;
    }
    sets.push(String::new());
    for (at, first) in features.iter().enumerate() {
        sets.push((*first).to_owned());
        sets.extend(features.iter().skip(at + 1).map(|second| format!("{first},{second}")));
    }
    if features.len() > 2 {
        sets.push(features.join(","));
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_none_each_pairs_and_all() {
        assert!(sets(&[]).is_empty());
        assert_eq!(sets(&["a"]), ["", "a"]);
        assert_eq!(sets(&["a", "b", "c"]), ["", "a", "a,b", "a,c", "b", "b,c", "c", "a,b,c"]);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The code map of ARCHITECTURE.md: what it names exists, and every source folder is named.
//!
//! The map is the section whose heading says "Code map". Every word there that begins with a top-level folder is a
//! path; `{a,b}` stands for each of its parts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::FOLDERS;
use crate::source::Source;

pub(super) fn faults(root: &Path, sources: &[Source]) -> Vec<String> {
    let Ok(text) = fs::read_to_string(root.join("ARCHITECTURE.md")) else {
        // That it is absent is told by the list of files.
        return Vec::new();
    };
    of_text(&text, sources, |path| root.join(path).exists())
}

fn of_text(text: &str, sources: &[Source], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let Some(map) = section(text) else { return vec!["ARCHITECTURE.md has no heading with \"Code map\"".to_owned()] };
    let named: Vec<String> = map.split_whitespace().flat_map(paths).collect();
    let absent = named.iter().filter(|path| !exists(path));
    let mut faults: Vec<String> = absent.map(|path| format!("ARCHITECTURE.md names {path}, which is absent")).collect();
    let places = sources.iter().map(|source| source.path.as_path()).filter(|path| !is_unit_test(path));
    let folders: BTreeSet<&Path> = places.filter_map(Path::parent).collect();
    for folder in folders {
        let is_named = |path: &String| Path::new(path).starts_with(folder) || is_within_tests(folder, Path::new(path));
        if !named.iter().any(is_named) {
            faults.push(format!("ARCHITECTURE.md's code map does not name {}/", folder.display()));
        }
    }
    faults
}

/// Unit tests in files of their own belong to the module beside them.
fn is_unit_test(path: &Path) -> bool {
    let mut words = path.iter().skip_while(|word| *word != "src");
    words.any(|word| word == "tests" || word == "tests.rs")
}

/// A package's folder of tests is named as a whole.
fn is_within_tests(folder: &Path, named: &Path) -> bool {
    named.ends_with("tests") && folder.starts_with(named)
}

/// The lines from the heading to the next of its level or above.
fn section(text: &str) -> Option<String> {
    let level = |line: &str| line.chars().take_while(|c| *c == '#').count();
    let mut fenced = false;
    let mut lines =
        text.lines().skip_while(|line| !(line.starts_with('#') && line.to_lowercase().contains("code map")));
    let depth = level(lines.next()?);
    let inside = lines.take_while(|line| {
        fenced ^= line.starts_with("```");
        fenced || level(line) == 0 || level(line) > depth
    });
    Some(inside.collect::<Vec<_>>().join("\n"))
}

/// The paths that a word of the map stands for; none if it is an ordinary word.
fn paths(word: &str) -> Vec<String> {
    // A sentence may end behind the path, within its quotes or after them.
    let word = word.trim_end_matches('.').trim_matches(|c: char| "`|,;:()".contains(c)).trim_end_matches('.');
    let is_path = FOLDERS.iter().any(|folder| word.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
    if is_path { expand(word) } else { Vec::new() }
}

fn expand(word: &str) -> Vec<String> {
    let Some((before, rest)) = word.split_once('{') else { return vec![word.to_owned()] };
    let Some((parts, after)) = rest.split_once('}') else { return vec![word.to_owned()] };
    parts.split(',').flat_map(|part| expand(&format!("{before}{part}{after}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "# A\nns/src/elsewhere.rs\n## Code map\n`ns/src/{kind,spawn}.rs`.\n```\n# ns/src/floor/mod.rs\n```\n\
                       ### More\nxtask/src/ (commands)\n## B\nns/src/absent.rs\n";

    #[test]
    fn the_map_is_its_section_with_braces_expanded() {
        let named: Vec<String> = section(MAP).unwrap().split_whitespace().flat_map(paths).collect();
        assert_eq!(named, ["ns/src/kind.rs", "ns/src/spawn.rs", "ns/src/floor/mod.rs", "xtask/src/"]);
    }

    #[test]
    fn a_named_file_that_is_absent_and_an_unnamed_folder_are_faults() {
        let tests = ["ns/src/spawn/tests.rs", "ns/src/idmap/tests/check.rs", "ns/tests/spawn/main.rs"];
        assert!(of_text("## Code map\nns/tests/", &tests.map(|path| Source::new(path, "")), |_| true).is_empty());
        let sources = ["ns/src/kind.rs", "ns/src/floor/mod.rs", "cgroup/src/lib.rs"].map(|path| Source::new(path, ""));
        let faults = of_text(MAP, &sources, |path| path != "ns/src/spawn.rs");
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("ns/src/spawn.rs, which is absent"));
        assert!(faults[1].contains("does not name cgroup/src/"));
        assert_eq!(of_text("# A\n", &[], |_| true).len(), 1);
    }
}

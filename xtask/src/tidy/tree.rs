// SPDX-License-Identifier: MIT OR Apache-2.0
//! The root of the repository: its folders are exactly the decided ones, and its files are there.

use std::fs;
use std::path::Path;

use super::FOLDERS;
use crate::failure::Failure;

const FILES: [&str; 11] = [
    "README.md",
    "ARCHITECTURE.md",
    "STYLE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "Cargo.lock",
    "deny.toml",
    "clippy.toml",
    ".ci/run",
];

pub(super) fn faults(root: &Path) -> Result<Vec<String>, Failure> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root).map_err(|error| format!("cannot read {}: {error}", root.display()))? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let mut faults = of_folders(&folders);
    let absent = FILES.iter().filter(|file| !root.join(file).is_file());
    faults.extend(absent.map(|file| format!("{file} is absent")));
    Ok(faults)
}

/// Hidden folders are settings of tools, and `target` is cargo's.
fn of_folders(folders: &[String]) -> Vec<String> {
    let visible = folders.iter().filter(|name| !name.starts_with('.') && *name != "target");
    let strange = visible.filter(|name| !FOLDERS.contains(&name.as_str()));
    let mut faults: Vec<String> =
        strange.map(|name| format!("{name}/ is not one of the folders of the root")).collect();
    let absent = FOLDERS.iter().filter(|name| !folders.iter().any(|folder| folder == *name));
    faults.extend(absent.map(|name| format!("the folder {name}/ is absent")));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_folder_and_an_absent_one_are_named() {
        let mut folders: Vec<String> = FOLDERS.iter().map(|name| (*name).to_owned()).collect();
        folders.extend([".git".to_owned(), "target".to_owned()]);
        assert!(of_folders(&folders).is_empty());
        folders.push("utils".to_owned());
        folders.retain(|name| name != "benches");
        assert_eq!(of_folders(&folders).len(), 2);
    }

    #[test]
    fn absent_files_are_named() {
        let dir = needs::Scratch::new();
        let faults = faults(dir.path()).unwrap();
        assert!(faults.contains(&"README.md is absent".to_owned()), "{faults:?}");
    }
}

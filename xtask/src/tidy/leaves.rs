// SPDX-License-Identifier: MIT OR Apache-2.0
//! The leaves: they do not know each other, nor that there are containers.

use super::LEAVES;
use crate::source::{Source, words};
use crate::workspace::Workspace;

/// Words that a leaf has no public name for.
const FOREIGN: [&str; 3] = ["container", "bundle", "image"];

/// Normal dependencies of a leaf on a package of ours.
pub(super) fn dependencies(workspace: &Workspace) -> Vec<String> {
    let ours: Vec<&str> = workspace.members().map(|package| package.name.as_str()).collect();
    let mut faults = Vec::new();
    for package in workspace.members().filter(|package| LEAVES.iter().any(|(_, name)| package.name == *name)) {
        let normal = package.dependencies.iter().filter(|dependency| dependency.kind.as_deref() != Some("dev"));
        for dependency in normal.filter(|dependency| ours.contains(&dependency.name.as_str())) {
            faults.push(format!("{} depends on {}: a leaf knows no package of ours", package.name, dependency.name));
        }
    }
    faults
}

/// Foreign words in the public names of a leaf's file.
pub(super) fn words_of(source: &Source) -> Vec<String> {
    if !LEAVES.iter().any(|(folder, _)| source.path.starts_with(format!("{folder}/src"))) {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (number, line) in source.lines() {
        let Some(name) = public_name(line) else { continue };
        if let Some(word) = FOREIGN.iter().find(|word| name.to_lowercase().contains(*word)) {
            faults.push(format!("{}: the public name {name} of a leaf says {word}", source.at(number)));
        }
    }
    faults
}

/// The name of the item that a line makes public.
fn public_name(line: &str) -> Option<&str> {
    let rest = line.trim_start().strip_prefix("pub ")?;
    let kinds =
        ["fn", "struct", "enum", "trait", "type", "const", "static", "mod", "unsafe", "async", "union", "extern"];
    words(rest).find(|word| !kinds.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_word_in_a_public_name_is_a_fault() {
        let faults = |text: &str| words_of(&Source::new("ns/src/a.rs", text)).len();
        assert_eq!(faults("pub fn container_id() {}"), 1);
        assert_eq!(faults("    pub const unsafe fn open_bundle() {}"), 1);
        assert_eq!(faults("pub struct DiskImage;"), 1);
        assert_eq!(faults("pub(crate) fn container() {}\n/// A container.\npub fn join(container: u8) {}"), 0);
        assert!(words_of(&Source::new("container/src/a.rs", "pub struct Container;")).is_empty());
    }

    #[test]
    fn a_leaf_that_depends_on_another_is_a_fault() {
        let package = |name: &str, dependencies: &str| {
            format!(
                "{{\"id\":\"{name}\",\"name\":\"{name}\",\"version\":\"0.1.0\",\"license\":null,\"manifest_path\":\"/x\",\
                 \"features\":{{}},\"rust_version\":null,\"source\":null,\"dependencies\":[{dependencies}]}}"
            )
        };
        let normal = "{\"name\":\"skep-cgroup\",\"kind\":null},{\"name\":\"rustix\",\"kind\":null}";
        let dev = "{\"name\":\"skep-ns\",\"kind\":\"dev\"}";
        let text = format!(
            "{{\"packages\":[{},{}],\"workspace_members\":[\"skep-ns\",\"skep-cgroup\"],\"workspace_root\":\"/\"}}",
            package("skep-ns", normal),
            package("skep-cgroup", dev)
        );
        let faults = dependencies(&serde_json::from_str(&text).unwrap());
        assert_eq!(faults, ["skep-ns depends on skep-cgroup: a leaf knows no package of ours"]);
    }
}

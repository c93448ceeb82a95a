// SPDX-License-Identifier: MIT OR Apache-2.0
//! The policy of `deny.toml`: a file for cargo-deny, of which we hold the graph to a part ourselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::failure::Failure;
use crate::steps::Done;
use crate::workspace::Workspace;

/// The tables that we read; cargo-deny reads the others too.
#[derive(Debug, Deserialize)]
pub(super) struct Policy {
    pub(super) licenses: Licenses,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
pub(super) struct Licenses {
    pub(super) allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    #[serde(default)]
    skip: Vec<Skip>,
}

/// A second version that is borne, and why.
#[derive(Debug, Deserialize)]
struct Skip {
    /// `name@version`.
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

impl Policy {
    pub(super) fn read(root: &Path) -> Result<Self, String> {
        let path = root.join("deny.toml");
        let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("cannot understand deny.toml: {error}"))
    }

    /// No package is there in two versions, unless it is skipped with a reason; and no skip is for nothing.
    pub(super) fn duplicates(&self, workspace: &Workspace) -> Result<Done, Failure> {
        let packages = workspace.packages.iter().map(|package| (package.name.as_str(), package.version.as_str()));
        let faults = self.duplicates_in(packages);
        if faults.is_empty() {
            return Ok(Done::Run(format!("{} packages, {} borne", workspace.packages.len(), self.bans.skip.len())));
        }
        Err(faults.join("\n").into())
    }

    fn duplicates_in<'a>(&self, packages: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, version) in packages {
            versions.entry(name).or_default().push(version);
        }
        let mut faults = Vec::new();
        for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
            let skipped = |version: &&&str| self.bans.skip.iter().any(|skip| skip.name == format!("{name}@{version}"));
            if versions.iter().filter(|version| !skipped(version)).count() > 1 {
                faults.push(format!(
                    "{name} is there as {}: choose one, or skip one in deny.toml",
                    versions.join(" and ")
                ));
            }
        }
        for skip in &self.bans.skip {
            if skip.reason.trim().is_empty() {
                faults.push(format!("deny.toml skips {} without a reason", skip.name));
            }
            let found =
                skip.name.split_once('@').and_then(|(name, version)| Some(versions.get(name)?.contains(&version)));
            if found != Some(true) {
                faults.push(format!("deny.toml skips {}, which is not there", skip.name));
            }
        }
        faults
    }

    /// Every package comes from a registry or from here.
    #[allow(clippy::unused_self, reason = "a step like the others, that deny.toml also asks for")]
    pub(super) fn sources(&self, workspace: &Workspace) -> Result<Done, Failure> {
        let strange = workspace.packages.iter().filter_map(|package| Some((package, package.source.as_deref()?)));
        let strange: Vec<String> = strange
            .filter(|(_, source)| !source.starts_with("registry+"))
            .map(|(package, source)| format!("{} comes from {source}, which is no registry", package.name))
            .collect();
        if strange.is_empty() { Ok(Done::Run(String::new())) } else { Err(strange.join("\n").into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(skip: &str) -> Policy {
        toml::from_str(&format!("[licenses]\nallow = ['MIT']\n[bans]\nskip = [{skip}]\n")).unwrap()
    }

    #[test]
    fn two_versions_are_a_fault_unless_one_is_skipped_with_a_reason() {
        let packages = [("a", "1.0.0"), ("a", "2.0.0"), ("b", "1.0.0")];
        let faults = |skip: &str| policy(skip).duplicates_in(packages.into_iter());
        assert!(faults("")[0].starts_with("a is there as 1.0.0 and 2.0.0"));
        assert!(faults("{ crate = 'a@1.0.0', reason = 'b asks for it' }").is_empty());
        assert!(faults("{ crate = 'a@1.0.0', reason = ' ' }")[0].contains("without a reason"));
        assert_eq!(faults("{ crate = 'c@1.0.0', reason = 'x' }").len(), 2);
    }
}

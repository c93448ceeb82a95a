// SPDX-License-Identifier: MIT OR Apache-2.0
//! The workspace, as `cargo metadata` tells it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cargo;
use crate::failure::Failure;

/// Every package of the dependency graph, and which are ours.
#[derive(Debug, Deserialize)]
pub(crate) struct Workspace {
    pub(crate) packages: Vec<Package>,
    pub(crate) workspace_members: Vec<String>,
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    #[serde(default, rename = "target_directory")]
    pub(crate) target: PathBuf,
}

/// One package.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: Option<String>,
    pub(crate) manifest_path: PathBuf,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) dependencies: Vec<Dependency>,
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
    pub(crate) rust_version: Option<String>,
    /// Where it comes from; `None` for ours.
    pub(crate) source: Option<String>,
}

/// One line of a package's dependencies.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None` for a normal one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
}

/// Something that is built of a package.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Target {
    pub(crate) kind: Vec<String>,
}

/// What the libraries are for: packages of other systems are in the lock file and in no build.
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self, Failure> {
        let mut command = cargo::command(["metadata", "--format-version", "1", "--all-features"]);
        command.args(TARGETS.iter().flat_map(|target| ["--filter-platform", target]));
        let text = cargo::output(&mut command)?;
        serde_json::from_str(&text).map_err(|error| format!("cannot understand `cargo metadata`: {error}").into())
    }

    /// Our own packages.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }
}

impl Package {
    /// The folder of the package.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new("/"))
    }

    /// Whether others can use it.
    pub(crate) fn is_library(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "lib"))
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What cargo has built: test programs, and the programs they start.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::cargo::{self, Message};
use crate::failure::Failure;
use crate::workspace::Workspace;

/// One test program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TestBinary {
    /// Its package and, for integration tests, its own name.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// The folder of its package: where cargo would run it.
    pub(crate) folder: PathBuf,
}

/// Everything that is run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Built {
    pub(crate) tests: Vec<TestBinary>,
    /// The workspace's own programs, by path.
    pub(crate) programs: Vec<PathBuf>,
}

impl Built {
    /// Builds the tests of the packages that cargo's arguments pick, and all programs.
    pub(crate) fn build(packages: &[&str]) -> Result<Self, Failure> {
        let workspace = Workspace::load()?;
        let arguments = [&["test", "--no-run"], packages].concat();
        let mut tests = Vec::new();
        for message in cargo::messages(&arguments)? {
            let Message::CompilerArtifact { package_id, target, profile, executable: Some(path) } = message else {
                continue;
            };
            let package = workspace.members().find(|package| package.id == package_id);
            if let Some(package) = package.filter(|_| profile.test) {
                let name = test_name(&package.name, &target);
                tests.push(TestBinary { name, path, folder: package.folder().to_owned() });
            }
        }
        tests.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { tests, programs: programs()? })
    }

    /// Test programs that somebody else has built.
    pub(crate) fn given(paths: &[PathBuf]) -> Self {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let folder = |path: &Path| path.parent().unwrap_or(Path::new("/")).to_owned();
        let test = |path: &PathBuf| TestBinary { name: name(path), path: path.clone(), folder: folder(path) };
        Self { tests: paths.iter().map(test).collect(), programs: Vec::new() }
    }

    /// The programs alone.
    pub(crate) fn programs() -> Result<Self, Failure> {
        Ok(Self { tests: Vec::new(), programs: programs()? })
    }

    /// What was built elsewhere, for this machine to run.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        serde_json::from_slice(&text).map_err(|error| format!("cannot understand {}: {error}", path.display()).into())
    }

    /// Where the program `name` was built.
    pub(crate) fn program(&self, name: &str) -> Result<&Path, Failure> {
        let found = self.programs.iter().find(|path| path.file_name().is_some_and(|file| file == name));
        found.map(PathBuf::as_path).ok_or_else(|| format!("the program {name} was not built").into())
    }
}

/// `skep-ns`, `skep-ns::spawn` (an integration test), `needs::deny-syscall` (a program's own tests).
fn test_name(package: &str, target: &cargo::Target) -> String {
    let is_library = target.kind.iter().any(|kind| kind.ends_with("lib"));
    if is_library || target.name == package { package.to_owned() } else { format!("{package}::{}", target.name) }
}

fn programs() -> Result<Vec<PathBuf>, Failure> {
    let messages = cargo::messages(&["build", "--workspace", "--bins"])?;
    let path = |message| match message {
        Message::CompilerArtifact { executable, .. } => executable,
        _ => None,
    };
    Ok(messages.into_iter().filter_map(path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_program_is_called_by_its_package_and_target() {
        let target = |name: &str, kind: &str| cargo::Target { name: name.into(), kind: vec![kind.into()] };
        assert_eq!(test_name("skep-ns", &target("skep_ns", "lib")), "skep-ns");
        assert_eq!(test_name("skep-ns", &target("spawn", "test")), "skep-ns::spawn");
        assert_eq!(test_name("xtask", &target("xtask", "bin")), "xtask");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The launcher's sources: formatted and linted as the rest is. It is no target of cargo's, which so passes it by.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::cargo;
use crate::failure::Failure;
use crate::floor;
use crate::steps::Done;
use crate::workspace::Workspace;

const ROOT: &str = "container/launcher/main.rs";

/// Formats and lints, changing nothing.
pub(super) fn run(workspace: &Workspace) -> Result<Done, Failure> {
    cargo::output(Command::new("rustfmt").args(["--check", "--edition=2024", "--color=never", ROOT]))?;
    let out = floor::out_dir(workspace)?;
    let mut clippy = Command::new("clippy-driver");
    clippy.args(["--edition=2024", "--crate-name=launcher", "--crate-type=bin", "-Cpanic=abort", "--emit=metadata"]);
    // Beside the launcher, and of no use to anybody. Not /dev/null: the compiler renames its output into place, and as root
    // it can.
    clippy.arg("-o").arg(out.join("launcher.rmeta")).env("CLIPPY_CONF_DIR", &workspace.root);
    for floor in ["ns_floor", "rootfs_floor", "caps_sec_floor"] {
        clippy.arg("--extern").arg(format!("{floor}={}", out.join(format!("lib{floor}.rlib")).display()));
    }
    let manifest = std::fs::read_to_string(workspace.root.join("Cargo.toml"))?;
    clippy.args(lints(&manifest)?).arg("-Dwarnings").arg(Path::new(ROOT));
    cargo::output(&mut clippy).map(|_| Done::Run(String::new()))
}

#[derive(Debug, Deserialize)]
struct Manifest {
    workspace: Lints,
}

#[derive(Debug, Deserialize)]
struct Lints {
    lints: toml::Table,
}

/// The workspace's lints as arguments of the compiler: groups first, which single lints then deviate from.
fn lints(manifest: &str) -> Result<Vec<String>, Failure> {
    let manifest: Manifest = toml::from_str(manifest).map_err(|error| format!("cannot read Cargo.toml: {error}"))?;
    let mut lints = Vec::new();
    for (tool, table) in &manifest.workspace.lints {
        for (name, value) in table.as_table().into_iter().flatten() {
            let (level, priority) = match value {
                toml::Value::Table(table) => (table.get("level"), table.get("priority")),
                level => (Some(level), None),
            };
            let level = level.and_then(toml::Value::as_str).ok_or_else(|| format!("the lint {name} has no level"))?;
            let name = if tool == "rust" { name.clone() } else { format!("{tool}::{name}") };
            lints.push((priority.and_then(toml::Value::as_integer).unwrap_or(0), format!("--{level}={name}")));
        }
    }
    lints.sort();
    Ok(lints.into_iter().map(|(_, argument)| argument).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_come_before_single_lints_and_tools_are_named() {
        let manifest = "[workspace.lints.rust]\nunsafe_code = \"deny\"\n[workspace.lints.clippy]\n\
                        all = { level = \"warn\", priority = -1 }\nexit = \"warn\"\n";
        assert_eq!(lints(manifest).unwrap(), ["--warn=clippy::all", "--deny=unsafe_code", "--warn=clippy::exit"]);
        assert!(lints("[workspace.lints.rust]\nunsafe_code = 1\n").is_err());
    }
}

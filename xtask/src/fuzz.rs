// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask fuzz`: the fuzz targets of the leaves, each for a while.
//!
//! They are workspaces of their own, in the `fuzz/` folder of a package, since they take a nightly toolchain and
//! cargo-fuzz. They begin with what is kept in `seeds/` of that folder for each. What a target finds stays there too, under
//! `artifacts/`, and is a test's input from then on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lexopt::Arg;

use crate::cargo;
use crate::failure::Failure;
use crate::workspace::Workspace;

const HELP: &str = "usage: cargo xtask fuzz [--seconds N] [TARGET…]

Runs the fuzz targets, all or those named, for N seconds each (60). Takes `rustup toolchain install nightly` and
`cargo install cargo-fuzz`.";

/// Runs the targets; the first that finds something ends it.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let (mut seconds, mut names) = (60_u32, Vec::new());
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                println!("{HELP}");
                return Ok(());
            }
            Arg::Long("seconds") => seconds = arguments.value()?.to_string_lossy().parse()?,
            Arg::Value(name) => names.push(name.to_string_lossy().into_owned()),
            other => return Err(other.unexpected().into()),
        }
    }
    let targets = targets(&Workspace::load()?)?;
    if let Some(absent) = names.iter().find(|name| targets.iter().all(|(_, target)| target != *name)) {
        let known: Vec<&str> = targets.iter().map(|(_, target)| target.as_str()).collect();
        return Err(format!("there is no fuzz target {absent:?}; there are: {}", known.join(", ")).into());
    }
    for (folder, target) in targets.iter().filter(|(_, target)| names.is_empty() || names.contains(target)) {
        fuzz(folder, target, seconds)?;
    }
    Ok(())
}

/// Each fuzz folder and a target in it.
fn targets(workspace: &Workspace) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut found = Vec::new();
    let mut packages: Vec<&Path> = workspace.members().filter_map(|package| package.manifest_path.parent()).collect();
    packages.sort();
    for folder in packages.into_iter().map(|package| package.join("fuzz")) {
        let Ok(files) = fs::read_dir(folder.join("fuzz_targets")) else { continue };
        for file in files {
            if let Some(name) = file?.path().file_stem() {
                found.push((folder.clone(), name.to_string_lossy().into_owned()));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn fuzz(folder: &Path, target: &str, seconds: u32) -> Result<(), Failure> {
    let mut command = Command::new("cargo");
    command.args(["+nightly", "fuzz", "run", "--fuzz-dir"]).arg(folder).arg(target);
    // The first folder is the one that is written to.
    let (corpus, seeds) = (folder.join("corpus").join(target), folder.join("seeds").join(target));
    fs::create_dir_all(&corpus)?;
    command.arg(corpus).args(seeds.is_dir().then_some(seeds));
    // Told to the fuzzer itself. The toolchain that runs us is not the one that is wanted.
    command.args(["--", &format!("-max_total_time={seconds}")]).env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
    let status = command.status().map_err(|error| format!("cannot run `{}`: {error}", cargo::sentence(&command)))?;
    if status.success() {
        println!("ok       {target}: {seconds} s");
        return Ok(());
    }
    let hint = "if it was not run at all: rustup toolchain install nightly; cargo install cargo-fuzz";
    Err(format!("`{}` failed ({status})\nhint: {hint}", cargo::sentence(&command)).into())
}

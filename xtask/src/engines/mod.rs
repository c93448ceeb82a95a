// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask engines`: container engines of Debian, with our OCI runtime under them, or another.
//!
//! Everything that an engine keeps is in a directory of its own. The engine is in pid and mount namespaces, so that no
//! process and no mount of it outlives them, however they end; then its groups and its directory are removed.

mod operations;
mod place;

use std::ffi::OsString;
use std::process::Command;

use crate::failure::Failure;
use crate::{cargo, debian, oci};
use operations::{OPERATIONS, Operation};
use place::Place;

const HELP: &str = "usage: cargo xtask engines [--runtime PROGRAM]

Has podman run containers by our OCI runtime, or by another: a line for each operation. As root; installs what it needs
from Debian.";

const PACKAGES: [&str; 4] = ["busybox-static", "catatonit", "conmon", "podman"];

/// Has every operation run in namespaces, and removes what is left.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let Some(runtime) = oci::runtime(arguments, HELP, |argument| Err(argument.unexpected().into()))? else {
        return Ok(());
    };
    if let Some(place) = oci::place() {
        return each(&Place::at(place), &runtime);
    }
    debian::ensure(&PACKAGES)?;
    oci::isolated("engines", [OsString::from("--runtime"), runtime])
}

/// Runs each, and fails if one did.
fn each(place: &Place, runtime: &OsString) -> Result<(), Failure> {
    place.import()?;
    let version = cargo::output(Command::new("podman").arg("--version"))?;
    println!("{} with {}", version.trim(), runtime.display());
    let failed: Vec<&str> =
        OPERATIONS.iter().filter(|operation| !is_done(place, runtime, operation)).map(|each| each.name).collect();
    println!("{} operations, {} failed", OPERATIONS.len(), failed.len());
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join("; ")).into()) }
}

/// Runs one, and prints how it went.
fn is_done(place: &Place, runtime: &OsString, operation: &Operation) -> bool {
    let (code, said) = match place.podman(runtime, operation) {
        Ok(done) => done,
        Err(error) => (None, error.to_string()),
    };
    let is_done = code == Some(operation.code) && operation.says.iter().all(|words| said.contains(words));
    println!("{:<6} {}", if is_done { "ok" } else { "FAILED" }, operation.name);
    if !is_done {
        let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        println!("       exit code {code}, and {} was expected with {:?}; it said:", operation.code, operation.says);
        said.lines().for_each(|line| println!("       | {line}"));
    }
    is_done
}

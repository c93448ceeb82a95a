// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask engines`: container engines of Debian, with our OCI runtime under them, or another.
//!
//! Everything that an engine keeps is in a directory of its own. The engine is in pid and mount namespaces, so that no
//! process and no mount of it outlives them, however they end; then its groups and its directory are removed.

mod operations;
mod place;

use std::ffi::OsString;
use std::process::Command;

use lexopt::Arg;

use crate::failure::Failure;
use crate::workspace::Workspace;
use crate::{cargo, debian};
use operations::{OPERATIONS, Operation};
use place::Place;

const HELP: &str = "usage: cargo xtask engines [--runtime PROGRAM]

Has podman run containers by our OCI runtime, or by another: a line for each operation. As root; installs what it needs
from Debian.";

/// Set in the namespaces: where the engine has everything.
const INSIDE: &str = "SKEP_ENGINES_PLACE";

const PACKAGES: [&str; 4] = ["busybox-static", "catatonit", "conmon", "podman"];

/// Has every operation run in namespaces, and removes what is left.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut runtime: Option<OsString> = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('h') | Arg::Long("help") => {
                println!("{HELP}");
                return Ok(());
            }
            Arg::Long("runtime") => runtime = Some(arguments.value()?),
            other => return Err(other.unexpected().into()),
        }
    }
    if !rustix::process::geteuid().is_root() {
        return Err("engines are run as root: their containers, images and groups are".into());
    }
    let missing = if debian::is_here() { debian::missing(&PACKAGES) } else { Vec::new() };
    if !missing.is_empty() {
        debian::install(&missing)?;
    }
    let runtime = match runtime {
        Some(runtime) => runtime,
        None => ours()?,
    };
    if let Some(place) = std::env::var_os(INSIDE) {
        return each(&Place::at(place.into()), &runtime);
    }
    let place = Place::new()?;
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "--kill-child"])
        .arg(std::env::current_exe()?)
        .args(["engines", "--runtime"])
        .arg(runtime)
        .env(INSIDE, place.dir())
        .status();
    place.remove()?;
    if status?.success() { Ok(()) } else { Err("not every operation was done".into()) }
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

/// Our runtime, built.
fn ours() -> Result<OsString, Failure> {
    cargo::output(&mut cargo::command(["build", "--quiet", "--package", "skep-oci"]))?;
    Ok(Workspace::load()?.target.join("debug/skep-oci").into_os_string())
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

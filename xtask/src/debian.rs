// SPDX-License-Identifier: MIT OR Apache-2.0
//! Debian packages: which are there, and how the others come.

use std::path::Path;
use std::process::Command;

use crate::cargo;
use crate::failure::Failure;

/// Whether this is Debian or one of its children.
pub(crate) fn is_here() -> bool {
    Path::new("/etc/debian_version").exists()
}

/// Those of `packages` that are not installed.
pub(crate) fn missing<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    let installed = |package: &str| {
        let mut query = Command::new("dpkg-query");
        query.args(["--show", "--showformat", "${Status}", package]);
        query.output().is_ok_and(|answer| answer.stdout.ends_with(b" installed"))
    };
    packages.iter().copied().filter(|package| !installed(package)).collect()
}

/// Installs those of `packages` that are missing, where this is Debian; elsewhere who runs this has seen to it.
pub(crate) fn ensure(packages: &[&str]) -> Result<(), Failure> {
    let missing = if is_here() { missing(packages) } else { Vec::new() };
    if missing.is_empty() { Ok(()) } else { install(&missing) }
}

/// Installs packages; only root can.
pub(crate) fn install(packages: &[&str]) -> Result<(), Failure> {
    println!("installing by apt-get: {}", packages.join(", "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["--quiet", "--yes"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    cargo::output(&mut apt(&["update"]))?;
    cargo::output(apt(&["install", "--no-install-recommends"]).args(packages)).map(|_| ())
}

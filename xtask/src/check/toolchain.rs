// SPDX-License-Identifier: MIT OR Apache-2.0
//! The toolchain: whether the rust-version that is promised is the one that checks, and whether aarch64 can be checked.

use std::path::Path;
use std::process::Command;

use crate::cargo;
use crate::failure::Failure;
use crate::steps::Done;
use crate::workspace::Workspace;

type Version = (u32, u32);

/// Says which compiler runs. An older one than promised is a failure; with a newer one the promise is not tested.
pub(super) fn rust_version(workspace: &Workspace) -> Result<Done, Failure> {
    let line = cargo::output(Command::new("rustc").arg("--version"))?;
    let runs = line.split(' ').nth(1).and_then(version);
    let runs = runs.ok_or_else(|| format!("cannot understand `rustc --version`: {line:?}"))?;
    let mut promises = Vec::new();
    for package in workspace.members() {
        let written = package.rust_version.as_deref().and_then(version);
        promises.push(written.ok_or_else(|| format!("the package {} has no rust-version", package.name))?);
    }
    judge(line.trim(), runs, &promises)
}

fn judge(line: &str, runs: Version, promises: &[Version]) -> Result<Done, Failure> {
    let (Some(low), Some(high)) = (promises.iter().min(), promises.iter().max()) else {
        return Err("the workspace has no package".into());
    };
    if runs < *high {
        return Err(format!("{line} is older than the rust-version {}.{}", high.0, high.1).into());
    }
    if runs > *low {
        return Ok(Done::NotRun(format!("the rust-version is {}.{}, and {line} is newer", low.0, low.1)));
    }
    Ok(Done::Run(line.to_owned()))
}

fn version(text: &str) -> Option<Version> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Type-checks what has assembly or system call numbers of its own, where the target is installed.
pub(super) fn aarch64() -> Result<Done, Failure> {
    const TARGET: &str = "aarch64-unknown-linux-gnu";
    let asked = ["--print", "target-libdir", "--target", TARGET];
    let directory = cargo::output(Command::new("rustc").args(asked))?;
    if !Path::new(directory.trim()).is_dir() {
        return Ok(Done::NotRun(format!("the target {TARGET} is not installed (`rustup target add {TARGET}`)")));
    }
    let packages = ["-p", "skep-ns", "-p", "skep"];
    let mut command = cargo::command(["check", "--quiet", "--target", TARGET]);
    cargo::output(command.args(packages)).map(|_| Done::Run("type-checked; it is tested on no machine".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_compiler_fails_and_a_newer_one_tests_nothing() {
        assert!(judge("rustc", (1, 94), &[(1, 95)]).is_err());
        assert!(matches!(judge("rustc", (1, 95), &[(1, 95)]), Ok(Done::Run(_))));
        assert!(matches!(judge("rustc", (1, 96), &[(1, 95)]), Ok(Done::NotRun(_))));
        assert!(judge("rustc", (1, 96), &[]).is_err());
    }

    #[test]
    fn a_version_may_have_two_numbers_or_three() {
        assert_eq!((version("1.95"), version("1.95.0"), version("nightly")), (Some((1, 95)), Some((1, 95)), None));
    }
}

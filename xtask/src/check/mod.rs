// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask check`: everything that can be said of the tree without running a test; the stable toolchain alone.

mod features;
mod launcher;
mod licence;
mod policy;
mod toolchain;

use crate::cargo;
use crate::failure::{Failure, no_options};
use crate::steps::{Done, Steps};
use crate::workspace::Workspace;
use crate::{floor, tidy};

/// Runs every step, and fails if one has failed.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let help =
        "usage: cargo xtask check\n\nFormat, lints, features, docs, floor, tidy, licences, duplicates, toolchain.";
    if no_options(arguments, help)? {
        return Ok(());
    }
    let workspace = Workspace::load()?;
    let policy = policy::Policy::read(&workspace.root);
    let mut steps = Steps::default();
    steps.step("rust-version", || toolchain::rust_version(&workspace));
    steps.step("fmt", || silent(&["fmt", "--all", "--", "--check", "--color=never"]));
    steps.step("clippy", || {
        silent(&["clippy", "--workspace", "--all-targets", "--all-features", "--quiet", "--", "-D", "warnings"])
    });
    steps.step("launcher", || launcher::run(&workspace));
    steps.step("features", || features::run(&workspace));
    steps.step("docs", docs);
    steps.step("floor", || floor::workspace(&workspace).map(Done::Run));
    steps.step("tidy", || tidy::workspace(&workspace).map(Done::Run));
    steps.step("licences", || licence::run(&workspace, policy.as_ref().map_err(String::as_str)?));
    steps.step("duplicates", || policy.as_ref().map_err(String::as_str)?.duplicates(&workspace));
    steps.step("sources", || policy.as_ref().map_err(String::as_str)?.sources(&workspace));
    steps.step("aarch64", toolchain::aarch64);
    steps.end()
}

/// A cargo command of which nothing is shown unless it fails.
fn silent(arguments: &[&str]) -> Result<Done, Failure> {
    cargo::output(&mut cargo::command(arguments)).map(|_| Done::Run(String::new()))
}

fn docs() -> Result<Done, Failure> {
    let mut command = cargo::command(["doc", "--workspace", "--no-deps", "--all-features", "--quiet"]);
    cargo::output(command.env("RUSTDOCFLAGS", "-Dwarnings")).map(|_| Done::Run(String::new()))
}

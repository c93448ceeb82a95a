// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cargo xtask test`: every test, in every ring that this account can run.
//!
//! Builds all test programs once, then runs each of them in each ring:
//! - **pure**: in place, with every need of a privilege unmet;
//! - **user**: as an ordinary account. Root copies the built programs to a world-readable directory and becomes the
//!   account `skep-test`, which has subordinate ids and is made if absent; others run in place;
//! - **root**: in place, by root alone; for others it is named as not run.
//!
//! A test that is skipped in one ring and passes in another has run. What ran nowhere is counted by its need.

mod account;
pub(crate) mod artifact;
mod execution;
mod machine;
pub(crate) mod options;
mod place;
mod remains;
mod report;
mod tally;

use std::time::Instant;

use artifact::Built;
use execution::run_binary;
use options::Options;
use place::{Place, Session};
use report::Report;
use tally::Tally;

use crate::failure::Failure;
use crate::workspace::{Package, Workspace};

/// Runs the tests; an error if one failed, or if `--strict` finds a skip that the machine does not declare.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let Some(options) = Options::read(arguments)? else {
        return Ok(());
    };
    let machine = machine::read(&options.machine)?;
    let built = match &options.built {
        Some(list) => Built::read(list)?,
        None if options.binaries.is_empty() => Built::build(&options.package_arguments())?,
        None => Built::given(&options.binaries),
    };
    let session = Session::open()?;
    let mut tally = Tally::default();
    for denied in &options.denials() {
        for ring in options.rings() {
            match Place::prepare(ring, denied.as_deref(), &session, &built) {
                Ok(place) => run_ring(&place, &built, &options, &mut tally)?,
                Err(why) => tally.not_run(ring.name(), &why.to_string()),
            }
        }
    }
    if options.with_doctests() {
        run_doctests(&options, &session, &mut tally)?;
    }
    for sentence in remains::of(session.token()) {
        tally.failure(sentence);
    }
    if let Err(failure) = session.close() {
        tally.failure(failure.to_string());
    }
    tally.end(&options, &machine)
}

fn run_ring(place: &Place, built: &Built, options: &Options, tally: &mut Tally) -> Result<(), Failure> {
    for binary in &built.tests {
        let start = Instant::now();
        let report = run_binary(place, binary, options)?;
        let seconds = start.elapsed().as_secs_f64();
        // A package without tests has no line.
        if !report.tests.is_empty() || report.is_failure() {
            println!("{:<5} {:<32} {}  ({seconds:.1} s)", place.label(), binary.name, report.counts());
        }
        if report.is_failure() {
            println!("{}", report.output());
        }
        tally.add(place, &binary.name, report);
    }
    Ok(())
}

/// Documentation's examples: cargo compiles and runs them itself, once, as whoever we are.
fn run_doctests(options: &Options, session: &Session, tally: &mut Tally) -> Result<(), Failure> {
    let workspace = Workspace::load()?;
    let chosen = |package: &&Package| options.packages.is_empty() || options.packages.contains(&package.name);
    if !workspace.members().filter(chosen).any(Package::is_library) {
        // Cargo takes that for a mistake.
        return Ok(());
    }
    let ledger = session.path().join("doc.ledger");
    let mut command = crate::cargo::command(["test", "--doc"]);
    command.args(options.package_arguments()).arg("--").args(&options.filters).env("SKEP_LEDGER", &ledger);
    let output = command.output().map_err(|error| format!("cannot run `cargo test --doc`: {error}"))?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let report = Report::of_doctests(text, output.status, &ledger);
    println!("{:<5} {:<32} {}", "doc", "documentation", report.counts());
    if report.is_failure() {
        println!("{}", report.output());
    }
    tally.add_documentation(report);
    Ok(())
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A denier of system calls: `deny-syscall clone3,memfd_create=EPERM -- PROGRAM ARGUMENTS`.
//!
//! Loads a filter under which the listed calls answer ENOSYS (or the error named), says so in `SKEP_DENIED`, and
//! becomes the program: fallbacks are tested by taking the better call away.

#![allow(clippy::print_stderr, reason = "a command line program says what is wrong on its error stream")]

use std::error::Error;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use needs::Denials;

const USAGE: &str = "usage: deny-syscall CALL[=ERROR][,CALL…] -- PROGRAM [ARGUMENT…]";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Err(error) = run(&arguments);
    eprintln!("deny-syscall: {error}");
    ExitCode::from(127)
}

/// Returns only when the program could not be started.
fn run(arguments: &[OsString]) -> Result<std::convert::Infallible, Box<dyn Error>> {
    let [list, dashes, program, rest @ ..] = arguments else {
        return Err(USAGE.into());
    };
    if dashes != "--" {
        return Err(USAGE.into());
    }
    let denials: Denials = list.to_str().ok_or(USAGE)?.parse()?;
    needs::deny(&denials).map_err(|error| format!("cannot load the filter: {error}"))?;
    let error = Command::new(program).args(rest).env("SKEP_DENIED", denials.names()).exec();
    Err(format!("cannot start {}: {error}", program.display()).into())
}

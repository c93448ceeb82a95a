// SPDX-License-Identifier: MIT OR Apache-2.0
//! skep-oci: an OCI runtime, to take the place of runc and crun under container engines.
//!
//! An engine writes a bundle, and calls a runtime to create, start, signal and delete the container that it describes. The
//! command line, the exit codes and the words in messages that engines look for are those of runc; what is done is
//! [`skep::oci`]'s and [`skep::Container`]'s, and this program holds nothing of it between two calls.
#![forbid(unsafe_code)]

mod arguments;
mod command;
mod console;
mod failure;
mod foreground;
mod input;
mod known;
mod log;
mod making;
mod moment;
mod notify;
mod part;
mod passed;
mod place;
mod print;
mod signal;

use std::process::ExitCode;

use clap::error::ErrorKind;

use arguments::Globals;
use failure::Failure;

/// What every failure of ours ends with, but where a command says otherwise.
const FAILED: u8 = 1;

fn main() -> ExitCode {
    let matches = match grammar().try_get_matches() {
        Ok(matches) => matches,
        Err(asked) if matches!(asked.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return print::stdout(asked.to_string()).map_or_else(|failure| failure.told(), |()| ExitCode::SUCCESS);
        }
        Err(wrong) => return Failure::from(usage(&wrong)).told(),
    };
    let globals = match Globals::of(&matches) {
        Ok(globals) => globals,
        Err(failure) => return failure.told(),
    };
    match command::run(&globals, &matches) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            globals.log.failure(&failure);
            failure.told()
        }
    }
}

/// The command line of this build.
fn grammar() -> clap::Command {
    let grammar = arguments::grammar();
    #[cfg(feature = "pages")]
    let grammar = grammar.subcommand(command::pages::grammar());
    grammar
}

/// What is wrong with a command line, without the word that every failure begins with.
fn usage(wrong: &clap::Error) -> String {
    let text = wrong.to_string();
    text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! nsenter: runs a program in the namespaces of a process: in all of them, or in those that are named.
//!
//! `03_nsenter 4711 net,mount -- ip address`
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "a program for a terminal")]

use std::env;
use std::error::Error as _;
use std::ffi::OsString;
use std::process::ExitCode;

use skep::ns::{Error, NamespaceKind, PidFd, Spawn};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1).peekable();
    let process = arguments.next().and_then(|pid| pid.to_str()?.parse().ok()).unwrap_or(0);
    let kinds = arguments.next_if(|word| word != "--").and_then(|kinds| kinds.into_string().ok());
    let command: Vec<OsString> = arguments.skip_while(|word| word == "--").collect();
    match run(process, kinds.as_deref(), &command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            eprintln!("nsenter: {error}: {cause}\n{}", error.hint().unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

fn run(process: u32, kinds: Option<&str>, command: &[OsString]) -> Result<u8, Error> {
    let process = PidFd::open(process)?;
    let kinds = match kinds {
        Some(kinds) => kinds.split(',').map(str::parse).collect::<Result<Vec<NamespaceKind>, _>>()?,
        None => NamespaceKind::ALL.to_vec(),
    };
    let (program, args) =
        command.split_first().map_or(("sh".into(), [].as_slice()), |(first, rest)| (first.clone(), rest));
    let status = Spawn::new(program).args(args.iter().cloned()).join_process(process, kinds).status()?;
    Ok(status.shell_code().unwrap_or(u8::MAX))
}

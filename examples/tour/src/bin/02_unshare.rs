// SPDX-License-Identifier: MIT OR Apache-2.0
//! unshare: runs a program in new namespaces, as root of a user namespace unless root runs it.
//!
//! `02_unshare mount,uts,pid -- sh -c 'hostname hive; hostname'`
#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "a program for a terminal")]

use std::env;
use std::error::Error as _;
use std::ffi::OsString;
use std::process::ExitCode;

use skep::ns::{Error, IdMap, NamespaceKind, Namespaces, Spawn};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let kinds = arguments.next().and_then(|kinds| kinds.into_string().ok()).unwrap_or_default();
    let command: Vec<OsString> = arguments.skip_while(|word| word == "--").collect();
    match run(&kinds, &command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            eprintln!("unshare: {error}: {cause}\n{}", error.hint().unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

fn run(kinds: &str, command: &[OsString]) -> Result<u8, Error> {
    let kinds = kinds.split(',').map(str::parse).collect::<Result<Vec<NamespaceKind>, _>>()?;
    let mut set = Namespaces::new().make(kinds);
    // Who is not root makes them by the rights that a user namespace of their own gives.
    if !is_root() || set.contains(NamespaceKind::User) {
        set = set.user(IdMap::current_as_root());
    }
    let (program, args) =
        command.split_first().map_or(("sh".into(), [].as_slice()), |(first, rest)| (first.clone(), rest));
    let status = Spawn::new(program).args(args.iter().cloned()).namespaces(set).status()?;
    Ok(status.shell_code().unwrap_or(u8::MAX))
}

fn is_root() -> bool {
    IdMap::current_as_root().outside_uid(0) == Some(0)
}

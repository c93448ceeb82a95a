// SPDX-License-Identifier: MIT OR Apache-2.0
//! landlock: runs a program that reads the system and writes one directory, and says what of that this kernel enforced. No
//! right is needed for it.
//!
//! `34_landlock ./here -- sh -c 'touch here/good; touch elsewhere'`
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::env;
use std::error::Error;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use skep::caps_sec::{FileRights, Landlock, NetRights, Scopes, enter_no_new_privs};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let work = arguments.next().unwrap_or_default();
    let command: Vec<String> = arguments.skip_while(|word| word == "--").collect();
    let Err(error) = run(&work, &command);
    eprintln!("landlock: {error}: {}", error.source().map(ToString::to_string).unwrap_or_default());
    ExitCode::FAILURE
}

fn run(work: &str, command: &[String]) -> Result<std::convert::Infallible, Box<dyn Error>> {
    let (program, arguments) = command.split_first().ok_or("usage: 34_landlock DIRECTORY -- PROGRAM [ARGUMENT…]")?;
    let mut rules = Landlock::new()
        .deny_files(FileRights::all())
        .deny_net(NetRights::all())
        .deny_beyond(Scopes::all())
        .allow_path(work, FileRights::all() - FileRights::EXECUTE)
        .allow_path_if_present("/dev/null", FileRights::READ_FILE | FileRights::WRITE_FILE);
    for system in ["/usr", "/bin", "/lib", "/lib64", "/etc", "/proc"] {
        rules = rules.allow_path_if_present(system, FileRights::READ_EXECUTE);
    }
    enter_no_new_privs()?;
    // enter_thread() would fail where this kernel does not know all of it.
    let enforced = rules.enter_thread_where_possible()?;
    println!("denied: {enforced}");
    Err(Command::new(program).args(arguments).exec().into())
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! drop: runs a program of root, or of user 1000, with one capability and no way to another; without an argument, this
//! program itself, which shows what it has. Takes root.
//!
//! `33_drop net_bind_service -- sh -c 'grep Cap /proc/self/status'`
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::env;
use std::error::Error;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use skep::caps_sec::{CapSet, CapText, Capabilities, Privileges};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let caps = arguments.next().unwrap_or_else(|| "net_bind_service".to_owned());
    match run(&caps, &arguments.skip_while(|word| word == "--").collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("drop: {error}: {}", error.source().map(ToString::to_string).unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

fn run(caps: &str, command: &[String]) -> Result<(), Box<dyn Error>> {
    if caps == "--show" {
        let status = fs::read_to_string("/proc/self/status")?;
        status
            .lines()
            .filter(|line| line.starts_with("Cap") || line.starts_with("NoNew"))
            .for_each(|l| println!("{l}"));
        println!("as getpcaps has it: {}", CapText::from(Capabilities::current()?));
        return Ok(());
    }
    let keep: CapSet = caps.parse()?;
    // Ambient: what the program is given outlives its exec though it were not root's.
    let few = Privileges::new().capabilities(Capabilities::exactly(keep).with_ambient()).no_new_privs();
    few.check()?;
    let steps = few.steps(None);
    print!("{steps}");
    steps.enter_thread()?;
    let show = ["/proc/self/exe".to_owned(), "--show".to_owned()];
    let (program, arguments) =
        if command.is_empty() { &show[..] } else { command }.split_first().ok_or("no program")?;
    Err(Command::new(program).args(arguments).exec().into())
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system calls of a program, and the least policy that lets it: as a profile that OCI runtimes and Docker take.
//!
//! ```sh
//! 38_record ls -l
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::process::Command;
use std::{env, error::Error};

use skep::caps_sec::{Errno, Recording, Verdict};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args_os().skip(1);
    let mut command = Command::new(words.next().ok_or("usage: 38_record PROGRAM [ARGUMENT…]")?);
    let recording = Recording::of(command.args(words))?;
    let calls: Vec<&str> = recording.calls().map(|(_, name)| name).collect();
    println!("{} system calls: {}", calls.len(), calls.join(", "));
    println!("{}", recording.policy(Verdict::Errno(Errno::PERM)).to_oci_json()?);
    Ok(())
}

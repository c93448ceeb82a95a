// SPDX-License-Identifier: MIT OR Apache-2.0
//! PID 1 of the virtual machine of `cargo xtask vm`, or a unit of the systemd that is its PID 1.
//!
//! It runs twice. From the initial file system, without an argument: it loads the modules that bring the disk, makes
//! the disk the root, and executes its own copy there. From the disk, as `guest init`: it mounts what is missing, loads
//! modules, runs the job's command, says over its port what came of it, and powers the machine off. Under systemd that
//! second life is `guest unit`, which leaves mounts and hierarchies to systemd. Whatever fails is
//! said on the port, or else on the console; then the machine is powered off too: a guest never waits for somebody to
//! look at it.

#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "the console is the only place left when the port is not there")]

mod cgroups;
mod command;
mod first;
mod kernel;
mod modules;
mod mounts;
mod port;
mod second;

use std::process::ExitCode;

use second::Part;

/// Why the guest cannot do its job.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let part = std::env::args().nth(1);
    let outcome = match part.as_deref() {
        Some("init") => second::run(Part::Init),
        Some("unit") => second::run(Part::Unit),
        // The kernel hands words of its command line that it does not know to its init.
        _ => first::run(),
    };
    if let Err(failure) = outcome {
        eprintln!("guest: error: {failure}");
        port::report(&failure.to_string());
    }
    kernel::power_off();
    ExitCode::FAILURE
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is run on this repository: a command each, from `cargo xtask`.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line program speaks on its streams")]

mod busybox;
mod cargo;
mod check;
mod conformance;
mod debian;
mod elf;
mod engines;
mod failure;
mod floor;
mod fuzz;
mod oci;
mod setup;
mod source;
mod steps;
mod tables;
mod test;
mod tidy;
mod vm;
mod workspace;

use std::process::ExitCode;

use failure::{Failure, Usage};

/// One command: its name, what the list says of it, and what runs it.
struct Command {
    name: &'static str,
    about: &'static str,
    run: fn(lexopt::Parser) -> Result<(), Failure>,
}

const COMMANDS: [Command; 10] = [
    Command {
        name: "check",
        about: "format, lints, features, docs, floor, tidy, licences: what CI runs first",
        run: check::run,
    },
    Command {
        name: "conformance",
        about: "hold our OCI runtime, or --runtime PROGRAM, to the runtime specification: [WORDS…]",
        run: conformance::run,
    },
    Command {
        name: "engines",
        about: "run podman's containers by our OCI runtime, or by --runtime PROGRAM: a line for each operation",
        run: engines::run,
    },
    Command { name: "floor", about: "prove that the launcher needs no heap, no libc and no panic", run: floor::run },
    Command {
        name: "fuzz",
        about: "run the fuzz targets, on a nightly toolchain: [--seconds N] [TARGET…]",
        run: fuzz::run,
    },
    Command { name: "gen", about: "write the tables of system calls anew: --kernel VERSION HEADERS", run: tables::run },
    Command { name: "setup", about: "install the Debian packages that the tests use", run: setup::run },
    Command {
        name: "test",
        about: "run the tests: [--ring pure|user|root] [--strict] [--deny-syscall a,b] [-p CRATE] [FILTER]",
        run: test::run,
    },
    Command { name: "tidy", about: "hold the tree to its map and its rules", run: tidy::run },
    Command {
        name: "vm",
        about: "run the tests on Debian's kernels in qemu: [--kernel 6.1|6.12|all] [--cgroup v2|v1|hybrid] [-- COMMAND]",
        run: vm::run,
    },
];

fn main() -> ExitCode {
    let mut arguments = lexopt::Parser::from_env();
    let answer = match arguments.next() {
        Ok(None | Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help"))) => {
            list();
            return ExitCode::SUCCESS;
        }
        Ok(Some(lexopt::Arg::Value(name))) => match COMMANDS.iter().find(|command| name == command.name) {
            Some(command) => (command.run)(arguments),
            None => Err(Usage::unknown("command", &name.to_string_lossy()).into()),
        },
        Ok(Some(other)) => Err(other.unexpected().into()),
        Err(error) => Err(error.into()),
    };
    match answer {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            let usage = failure.is::<Usage>() || failure.is::<lexopt::Error>();
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}

fn list() {
    println!("usage: cargo xtask COMMAND [--help]\n");
    for Command { name, about, .. } in &COMMANDS {
        println!("  {name:<6}  {about}");
    }
}

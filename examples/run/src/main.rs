// SPDX-License-Identifier: MIT OR Apache-2.0
//! skep-run: a program of this machine in a container on a copy-on-write view of it.
//!
//! `skep-run [OPTIONS] [--] [COMMAND [ARGS…]]` ends with the command's status: its exit code, 128+n for signal n; 125 if
//! it could not be started for a reason of ours, 126 if it cannot be executed, 127 if there is no such program.
#![forbid(unsafe_code)]

mod arguments;
mod describe;
mod files;
mod leftovers;
mod limits;
mod outcome;
mod profile;
mod signals;
mod summary;
mod terminal;
mod user;

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use skep::{Container, Created, ErrorKind, Report};

use arguments::{Arguments, Request};
use describe::Described;
use outcome::Outcome;
use profile::Profile;
use signals::{Ended, Signals};
use terminal::{Caller, Relay};

/// A failure of ours, as docker and podman number it.
const FAILED: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

fn main() -> ExitCode {
    let arguments = match arguments::parse() {
        Ok(Request::Run(arguments)) => *arguments,
        Ok(Request::Print(text)) => return print(&text),
        Err(problem) => {
            say(format_args!("{problem}\nTry: skep-run --help"));
            return ExitCode::from(FAILED);
        }
    };
    let caller = Caller::find();
    let described = match describe::describe(&arguments, caller.as_ref()) {
        Ok(described) => described,
        Err(problems) => {
            for problem in problems {
                say(format_args!("{problem}"));
            }
            return ExitCode::from(FAILED);
        }
    };
    if arguments.explain {
        return match described.builder.plan() {
            Ok(plan) => print(&plan.explain()),
            Err(error) => report(&error),
        };
    }
    // Before the start, so that none is lost; the program begins with none blocked.
    let signals = match Signals::block(caller.is_some()) {
        Ok(signals) => signals,
        Err(errno) => {
            say(format_args!("cannot watch for signals: {}", errno.desc()));
            return ExitCode::from(FAILED);
        }
    };
    match run(&arguments, described, &signals, caller) {
        Ok(code) => ExitCode::from(code),
        Err(error) => report(&error),
    }
}

/// Prints for a reader who may have gone: `skep-run --help | head -1` is no failure.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say(format_args!("cannot write the output: {error}"));
            ExitCode::from(FAILED)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Says something on stderr; that nobody can read it must not change how we end.
fn say(text: std::fmt::Arguments<'_>) {
    drop(writeln!(std::io::stderr(), "skep-run: {text}"));
}

/// An error of a leaf with its causes, as a sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", sentence(cause)),
        None => error.to_string(),
    }
}

/// Says what went wrong, and ends as shells do for it.
fn report(error: &skep::Error) -> ExitCode {
    say(format_args!("{}", Report(error)));
    ExitCode::from(match error.kind() {
        ErrorKind::NotFound if is_about_the_program(error) => NOT_FOUND,
        _ if is_about_the_program(error) => NOT_EXECUTABLE,
        _ => FAILED,
    })
}

fn run(
    arguments: &Arguments,
    described: Described,
    signals: &Signals,
    caller: Option<Caller>,
) -> Result<u8, skep::Error> {
    leftovers::sweep();
    let began = Instant::now();
    let builder = if arguments.profile { described.builder.profile() } else { described.builder };
    let created = builder.create()?;
    if arguments.profile {
        drop(write!(std::io::stderr(), "{}", Profile::of(&created, began.elapsed())));
    }
    if !arguments.quiet {
        drop(write!(std::io::stderr(), "{}", described.summary));
    }
    let (container, mut relay) = start(created, caller)?;
    let ended = signals.forward_until_end(&container, &mut relay, arguments.init);
    // The caller's terminal is as it was again before anything is said on it.
    drop(relay);
    let (status, code) = match ended? {
        Ended::ByItself(status) => (
            Some(status),
            status.shell_code().unwrap_or_else(|| {
                say(format_args!("{status}"));
                FAILED
            }),
        ),
        Ended::BySignal(signal) => (None, 128_u8.saturating_add(signal)),
    };
    if arguments.json {
        let outcome = Outcome::of(&container, status, code, began.elapsed());
        let line = serde_json::to_string(&outcome).unwrap_or_default();
        drop(writeln!(std::io::stderr(), "{line}"));
    }
    if container.name().is_some()
        && let Err(error) = container.delete()
    {
        say(format_args!("{}", Report(&error)));
    }
    drop(described.kept);
    Ok(code)
}

/// Has the command begin; with the caller's terminal for a screen, if there is one.
fn start(created: Created, caller: Option<Caller>) -> Result<(Container, Option<Relay>), skep::Error> {
    let Some(mut caller) = caller else { return Ok((created.start()?, None)) };
    caller.enter();
    if let Some(terminal) = created.terminal() {
        caller.dress(terminal);
    }
    let mut container = created.start()?;
    let terminal = container.terminal.take();
    Ok((container, terminal.map(|terminal| Relay::new(caller, terminal))))
}

fn is_about_the_program(error: &skep::Error) -> bool {
    matches!(error.object(), skep::Object::Program(_))
}

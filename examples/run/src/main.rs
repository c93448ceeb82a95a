// SPDX-License-Identifier: MIT OR Apache-2.0
//! skep-run: a program of this machine in a container on a copy-on-write view of it.
//!
//! `skep-run [OPTIONS] [--] [COMMAND [ARGS…]]` ends with the command's status: its exit code, 128+n for signal n; 125 if
//! it could not be started for a reason of ours, 126 if it cannot be executed, 127 if there is no such program.
#![forbid(unsafe_code)]

mod arguments;
mod describe;
mod failure;
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

use serde::Serialize;
use skep::{Container, Created, Report};

use arguments::{Arguments, Request};
use describe::Described;
use failure::Failure;
use outcome::Outcome;
use profile::Profile;
use signals::{Ended, Signals};
use terminal::{Caller, Relay};

fn main() -> ExitCode {
    let arguments = match arguments::parse() {
        Ok(Request::Run(arguments)) => *arguments,
        Ok(Request::Print(text)) => return print(&text).unwrap_or_else(|failure| failure.tell(false)),
        Err(problem) => {
            // Of options that are wrong none counts, but how to say so.
            let json = std::env::args_os().take_while(|word| word != "--").any(|word| word == "--json");
            return Failure::from(format!("{problem}\nTry: skep-run --help")).tell(json);
        }
    };
    let json = arguments.json;
    go(&arguments).unwrap_or_else(|failure| failure.tell(json))
}

fn go(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let caller = Caller::find();
    let described = describe::describe(arguments, caller.as_ref())?;
    if arguments.explain {
        return print(&described.builder.plan()?.explain());
    }
    // Before the start, so that none is lost; the program begins with none blocked.
    let signals = Signals::block(caller.is_some() || arguments.init);
    let signals = signals.map_err(|errno| format!("cannot watch for signals: {}", errno.desc()))?;
    Ok(ExitCode::from(run(arguments, described, &signals, caller)?))
}

/// Prints for a reader who may have gone: `skep-run --help | head -1` is no failure.
fn print(text: &str) -> Result<ExitCode, Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write the output: {error}").into())
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Says something on stderr; that nobody can read it must not change how we end.
fn say(text: std::fmt::Arguments<'_>) {
    drop(writeln!(std::io::stderr(), "skep-run: {text}"));
}

/// The same as a line of JSON.
fn say_json(value: &impl Serialize) {
    let line = serde_json::to_string(value).unwrap_or_default();
    drop(writeln!(std::io::stderr(), "{line}"));
}

/// An error of a leaf with its causes, as a sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", sentence(cause)),
        None => error.to_string(),
    }
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
    let kept_from_sweeps = leftovers::hold(created.name());
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
                failure::OURS
            }),
        ),
        Ended::BySignal(signal) => (None, 128_u8.saturating_add(signal)),
    };
    if arguments.json {
        say_json(&Outcome::of(&container, status, code, began.elapsed()));
    }
    if container.name().is_some()
        && let Err(error) = container.delete()
    {
        say(format_args!("{}", Report(&error)));
    }
    drop(kept_from_sweeps);
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

// SPDX-License-Identifier: MIT OR Apache-2.0
//! skep-run: a program of this machine in namespaces of its own.
//!
//! `skep-run [OPTIONS] [--] [COMMAND [ARGS…]]` ends with the command's status: its exit code, 128+n for signal n; 125 if
//! it could not be started for a reason of ours, 126 if it cannot be executed, 127 if there is no such program.
#![forbid(unsafe_code)]

mod arguments;
mod signals;
mod terminal;

use std::io::Write;
use std::process::ExitCode;

use skep::ns::{IdMap, NamespaceKind, Namespaces};
use skep::rootfs::{Devpts, Mounts, Proc};
use skep::{Builder, Container, ErrorKind, Report};

use arguments::{Arguments, Request};
use signals::Signals;
use terminal::{Caller, Relay};

/// A failure of ours, as docker and podman number it.
const FAILED: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

fn main() -> ExitCode {
    let arguments = match arguments::parse() {
        Ok(Request::Run(arguments)) => arguments,
        Ok(Request::Print(text)) => {
            return print(&text);
        }
        Err(problem) => {
            say(format_args!("{problem}\nTry: skep-run --help"));
            return ExitCode::from(FAILED);
        }
    };
    let caller = Caller::find();
    if arguments.explain {
        return match describe(arguments, caller.as_ref()).plan() {
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
    match run(arguments, &signals, caller) {
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

/// Says what went wrong, and ends as shells do for it.
fn report(error: &skep::Error) -> ExitCode {
    say(format_args!("{}", Report(error)));
    ExitCode::from(match error.kind() {
        ErrorKind::NotFound if is_about_the_program(error) => NOT_FOUND,
        _ if is_about_the_program(error) => NOT_EXECUTABLE,
        _ => FAILED,
    })
}

fn run(arguments: Arguments, signals: &Signals, caller: Option<Caller>) -> Result<u8, skep::Error> {
    let created = describe(arguments, caller.as_ref()).create()?;
    let (container, mut relay) = match caller {
        Some(mut caller) => {
            caller.enter();
            if let Some(terminal) = created.terminal() {
                caller.dress(terminal);
            }
            let mut container = created.start()?;
            let terminal = container.terminal.take();
            (container, terminal.map(|terminal| Relay::new(caller, terminal)))
        }
        None => (created.start()?, None),
    };
    let ended = signals.forward_until_end(&container, &mut relay);
    // The caller's terminal is as it was again before anything is said on it.
    drop(relay);
    match ended? {
        signals::Ended::ByItself(status) => Ok(status.shell_code().unwrap_or_else(|| {
            say(format_args!("{status}"));
            FAILED
        })),
        signals::Ended::BySignal(signal) => Ok(128_u8.saturating_add(signal)),
    }
}

/// The container that the arguments ask for.
fn describe(arguments: Arguments, caller: Option<&Caller>) -> Builder {
    let mut namespaces = Namespaces::new().make([
        NamespaceKind::Pid,
        NamespaceKind::Mount,
        NamespaceKind::Uts,
        NamespaceKind::Ipc,
        NamespaceKind::Net,
    ]);
    if !nix::unistd::geteuid().is_root() {
        // The only map that an ordinary user may write alone: root inside is the user outside.
        namespaces = namespaces.user(IdMap::current_as_root());
    }
    let builder = Container::anonymous()
        .namespaces(namespaces)
        .hostname(arguments.hostname)
        .mounts(Mounts::new().add(Proc::new("/proc")))
        .envs(std::env::vars_os())
        .command(arguments.program, arguments.args)
        .die_with_caller();
    let builder = match caller {
        // Its terminal is one of its own, and its keys are not kept from it as from a process 1.
        Some(caller) => {
            let mounts = Mounts::new().add(Proc::new("/proc")).add(Devpts::new("/dev/pts"));
            caller.furnish(builder.mounts(mounts)).init()
        }
        // No terminal in sight: signals to the group that we are in reach it as they would without us.
        None => builder.in_caller_session(),
    };
    arguments.binds.into_iter().fold(builder, |builder, (source, target)| builder.bind(source, target))
}

fn is_about_the_program(error: &skep::Error) -> bool {
    matches!(error.object(), skep::Object::Program(_))
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use lexopt::prelude::*;

const HELP: &str = "\
skep-run: run a program of this machine in namespaces of its own

Usage: skep-run [OPTIONS] [--] [COMMAND [ARGS...]]

The command, a shell by default, gets new pid, mount, uts, ipc and net namespaces,
an own /proc and host name; run by an ordinary user also a user namespace, in which
that user is root. Files are this machine's own: nothing is copied, nothing is hidden.

Options:
      --hostname NAME     the host name inside (default: skep-run)
      --bind SOURCE:TARGET
                          make SOURCE be seen at TARGET; both are absolute paths
      --explain           print what would be done, and do nothing
  -h, --help              print this
  -V, --version           print the version

Ends with the command's status: its exit code, 128+n for signal n; 125 for a failure
of skep-run, 126 if the command cannot be executed, 127 if there is none.
";

/// What the user asks for.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) program: OsString,
    pub(crate) args: Vec<OsString>,
    pub(crate) hostname: String,
    pub(crate) binds: Vec<(PathBuf, PathBuf)>,
    pub(crate) explain: bool,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Request {
    Run(Arguments),
    Print(String),
}

/// Reads the command line of this process.
pub(crate) fn parse() -> Result<Request, lexopt::Error> {
    from(lexopt::Parser::from_env())
}

fn from(mut parser: lexopt::Parser) -> Result<Request, lexopt::Error> {
    let mut arguments = Arguments {
        program: std::env::var_os("SHELL")
            .filter(|shell| !shell.is_empty())
            .unwrap_or_else(|| OsString::from("/bin/sh")),
        args: Vec::new(),
        hostname: "skep-run".to_owned(),
        binds: Vec::new(),
        explain: false,
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Long("hostname") => arguments.hostname = parser.value()?.string()?,
            Long("bind") => arguments.binds.push(bind(&parser.value()?)?),
            Long("explain") => arguments.explain = true,
            Short('h') | Long("help") => return Ok(Request::Print(HELP.to_owned())),
            Short('V') | Long("version") => {
                return Ok(Request::Print(format!("skep-run {}\n", env!("CARGO_PKG_VERSION"))));
            }
            // The first word is the command; whatever follows belongs to it.
            Value(program) => {
                arguments.program = program;
                arguments.args = parser.raw_args()?.collect();
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(Request::Run(arguments))
}

fn bind(text: &OsStr) -> Result<(PathBuf, PathBuf), String> {
    let mut parts = text.as_bytes().splitn(2, |byte| *byte == b':').map(|part| PathBuf::from(OsStr::from_bytes(part)));
    match (parts.next(), parts.next()) {
        (Some(source), Some(target)) if source.is_absolute() && target.is_absolute() => Ok((source, target)),
        _ => Err(format!("--bind {text:?}: expected SOURCE:TARGET, two absolute paths")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Result<Arguments, String> {
        match from(lexopt::Parser::from_args(args)) {
            Ok(Request::Run(arguments)) => Ok(arguments),
            Ok(Request::Print(text)) => Err(text),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn what_follows_the_command_belongs_to_it() {
        for args in
            [&["--hostname", "a", "ls", "--help", "--", "-x"][..], &["--hostname=a", "--", "ls", "--help", "--", "-x"]]
        {
            let arguments = run(args).unwrap();
            assert_eq!(arguments.program, "ls");
            assert_eq!(arguments.args, ["--help", "--", "-x"]);
            assert_eq!(arguments.hostname, "a");
        }
    }

    #[test]
    fn an_unknown_option_is_named() {
        assert_eq!(run(&["--frob"]).unwrap_err(), "invalid option '--frob'");
    }

    #[test]
    fn a_bind_takes_two_absolute_paths() {
        assert_eq!(run(&["--bind", "/a:/b"]).unwrap().binds, [(PathBuf::from("/a"), PathBuf::from("/b"))]);
        for bad in ["/a", "a:/b", "/a:b", ""] {
            assert!(run(&["--bind", bad]).unwrap_err().contains("two absolute paths"), "{bad}");
        }
    }
}

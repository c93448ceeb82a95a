// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line.

use std::ffi::{OsStr, OsString};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use lexopt::prelude::*;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use skep::cgroup::{Bytes, Quota};

const HELP: &str = "\
skep-run: run a program of this machine in a container

Usage: skep-run [OPTIONS] [--] [COMMAND [ARGS...]]

The command, a shell by default, sees this machine's files, and what it changes
of them is gone when it ends; /tmp, /run and /dev are its own. It has namespaces, limits and few rights of its own,
no network, and on a terminal a terminal of its own.

Files:
      --rw PATH[:TARGET]    show PATH of this machine; changes reach it
      --ro PATH[:TARGET]    show PATH of this machine, read-only
      --root DIR            DIR in place of this machine's root; it stays as it is
      --keep NAME           keep what is changed under NAME, and find it again there
      --workdir DIR         where the command begins (where you are)
Surroundings:
      --net none|host       no network, or this machine's (none)
      --hostname NAME       the host name inside (skep-run)
      --env NAME[=VALUE]    set a variable, or take it from here
      --clear-env           only the variables that --env names
      --user UID[:GID]|NAME who the command is (root)
Limits:
      --memory SIZE         512M, 2G, max (half of this machine's)
      --pids N              processes and threads, or max (1024)
      --cpus N              processors: 2, 0.5, max (max)
What is done:
      --no-init             the command is process 1 itself: keys and signals that it has no
                            handler for do nothing
      --init                a small init is (the default): it reaps, and passes signals on
      --quiet               say nothing of what is isolated and limited
      --json                say how it ended, as a line of JSON on the error output
      --profile             say how long each step of making the container took
      --explain             print what would be done, step by step, and do nothing
  -h, --help                print this
  -V, --version             print the version

Ends with the command's status: its exit code, 128+n for signal n; 125 for a failure
of skep-run, 126 if the command cannot be executed, 127 if there is none.
";

/// What the user asks for.
#[derive(Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(crate) struct Arguments {
    pub(crate) program: OsString,
    pub(crate) args: Vec<OsString>,
    pub(crate) root: Option<PathBuf>,
    pub(crate) shares: Vec<Share>,
    pub(crate) keep: Option<String>,
    pub(crate) workdir: Option<PathBuf>,
    pub(crate) network: Network,
    pub(crate) hostname: String,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) clear_env: bool,
    pub(crate) user: Option<String>,
    pub(crate) memory: Asked<Bytes>,
    pub(crate) pids: Asked<u64>,
    pub(crate) cpus: Asked<Quota>,
    pub(crate) init: bool,
    pub(crate) quiet: bool,
    pub(crate) json: bool,
    pub(crate) explain: bool,
    pub(crate) profile: bool,
}

/// Something of this machine that is shown as it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) source: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) writable: bool,
}

/// Which network there is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Network {
    None,
    Host,
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked<T> {
    /// Nothing was said.
    Default,
    /// There shall be none.
    Unlimited,
    /// This much.
    Limit(T),
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Request {
    Run(Box<Arguments>),
    Print(String),
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            program: std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into()),
            args: Vec::new(),
            root: None,
            shares: Vec::new(),
            keep: None,
            workdir: None,
            network: Network::None,
            hostname: "skep-run".to_owned(),
            env: Vec::new(),
            clear_env: false,
            user: None,
            memory: Asked::Default,
            pids: Asked::Default,
            cpus: Asked::Default,
            init: true,
            quiet: false,
            json: false,
            explain: false,
            profile: false,
        }
    }
}

/// Reads the command line of this process.
pub(crate) fn parse() -> Result<Request, lexopt::Error> {
    from(lexopt::Parser::from_env())
}

fn from(mut parser: lexopt::Parser) -> Result<Request, lexopt::Error> {
    let mut arguments = Arguments::default();
    let mut has_command = false;
    while let Some(argument) = parser.next()? {
        match argument {
            Long("rw") => arguments.shares.push(share(&parser.value()?, true)?),
            Long("ro") => arguments.shares.push(share(&parser.value()?, false)?),
            Long("root") => arguments.root = Some(absolute(Path::new(&parser.value()?))?),
            Long("keep") => arguments.keep = Some(kept(parser.value()?.string()?)?),
            Long("workdir") => arguments.workdir = Some(parser.value()?.into()),
            Long("net") => arguments.network = network(&parser.value()?)?,
            Long("hostname") => arguments.hostname = parser.value()?.string()?,
            Long("env") => arguments.env.extend(variable(&parser.value()?)),
            Long("clear-env") => arguments.clear_env = true,
            Long("user") => arguments.user = Some(parser.value()?.string()?),
            Long("memory") => arguments.memory = limit("memory", &parser.value()?.string()?)?,
            Long("pids") => arguments.pids = limit("pids", &parser.value()?.string()?)?,
            Long("cpus") => arguments.cpus = limit("cpus", &parser.value()?.string()?)?,
            Long("init") => arguments.init = true,
            Long("no-init") => arguments.init = false,
            Long("quiet") => arguments.quiet = true,
            Long("json") => arguments.json = true,
            Long("explain") => arguments.explain = true,
            Long("profile") => arguments.profile = true,
            Short('h') | Long("help") => return Ok(Request::Print(HELP.to_owned())),
            Short('V') | Long("version") => {
                return Ok(Request::Print(format!("skep-run {}\n", env!("CARGO_PKG_VERSION"))));
            }
            // The first word is the command; whatever follows belongs to it.
            Value(program) => {
                has_command = true;
                arguments.program = program;
                arguments.args = parser.raw_args()?.collect();
            }
            other => return Err(other.unexpected()),
        }
    }
    if arguments.root.is_some() && !has_command {
        // This machine's shell need not be there.
        arguments.program = "/bin/sh".into();
    }
    Ok(Request::Run(Box::new(arguments)))
}

/// A path that does not depend on where we are.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{path:?} cannot be made absolute: {error}"))
}

/// The path without links and "..", if there is such a thing: what is absent is told of as it was typed.
fn resolved(path: &Path) -> PathBuf {
    let opened = nix::fcntl::open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
    let link = opened.ok().and_then(|fd| std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok());
    link.filter(|link| link.is_absolute()).unwrap_or_else(|| path.to_owned())
}

fn share(text: &OsStr, writable: bool) -> Result<Share, String> {
    let mut parts = text.as_bytes().splitn(2, |byte| *byte == b':').map(|part| Path::new(OsStr::from_bytes(part)));
    let source = parts.next().filter(|source| !source.as_os_str().is_empty());
    let target = parts.next();
    let (Some(source), true) = (source, target.is_none_or(Path::is_absolute)) else {
        let option = if writable { "--rw" } else { "--ro" };
        return Err(format!("{option} {text:?}: expected PATH or PATH:TARGET, the target an absolute path"));
    };
    let source = resolved(&absolute(source)?);
    Ok(Share { target: target.map_or_else(|| source.clone(), Path::to_owned), source, writable })
}

/// What changes are kept under names a directory: plain letters.
fn kept(name: String) -> Result<String, String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(is_plain) {
        return Err(format!("--keep {name:?}: a name has 1 to 64 of a-z, A-Z, 0-9, _, . and -, and begins with no ."));
    }
    Ok(name)
}

fn network(text: &OsStr) -> Result<Network, String> {
    match text.to_str() {
        Some("none") => Ok(Network::None),
        Some("host") => Ok(Network::Host),
        _ => Err(format!("--net {text:?}: expected none or host")),
    }
}

/// A variable as it is given, or as it is here; nothing if it is not here either.
fn variable(text: &OsStr) -> Option<(OsString, OsString)> {
    let bytes = text.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(at) => {
            let (key, value) = bytes.split_at(at);
            let value = value.get(1..).unwrap_or_default();
            Some((OsStr::from_bytes(key).to_owned(), OsStr::from_bytes(value).to_owned()))
        }
        None => std::env::var_os(text).map(|value| (text.to_owned(), value)),
    }
}

fn limit<T: std::str::FromStr<Err: std::error::Error>>(name: &str, text: &str) -> Result<Asked<T>, String> {
    if text == "max" {
        return Ok(Asked::Unlimited);
    }
    text.parse().map(Asked::Limit).map_err(|error| format!("--{name} {text:?}: {}", crate::sentence(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Result<Arguments, String> {
        match from(lexopt::Parser::from_args(args)) {
            Ok(Request::Run(arguments)) => Ok(*arguments),
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
    fn what_is_shown_is_a_path_and_perhaps_another_place() {
        let share = |option: &str, text: &str| run(&[option, text]).map(|mut arguments| arguments.shares.remove(0));
        let here = std::env::current_dir().unwrap();
        let expected = |source: PathBuf, target: &Path, writable| Share { source, target: target.to_owned(), writable };
        assert_eq!(share("--rw", "/a").unwrap(), expected("/a".into(), Path::new("/a"), true));
        assert_eq!(share("--ro", "/a:/b:c").unwrap(), expected("/a".into(), Path::new("/b:c"), false));
        assert_eq!(share("--rw", "x").unwrap(), expected(here.join("x"), &here.join("x"), true));
        for bad in ["/a:b", ":/b", "", "/a:"] {
            assert!(share("--ro", bad).unwrap_err().contains("the target an absolute path"), "{bad}");
        }
    }

    #[test]
    fn limits_are_read_and_what_is_none_is_named() {
        let arguments = run(&["--memory", "512M", "--pids", "256", "--cpus", "1.5"]).unwrap();
        assert_eq!(arguments.memory, Asked::Limit(Bytes::new(512 << 20)));
        assert_eq!(arguments.pids, Asked::Limit(256));
        assert_eq!(arguments.cpus, Asked::Limit(Quota::millicpus(1500)));
        assert_eq!(run(&["--memory", "max"]).unwrap().memory, Asked::Unlimited);
        for (option, text) in [("--memory", "lots"), ("--pids", "-1"), ("--cpus", "")] {
            let said = run(&[option, text]).unwrap_err();
            assert!(said.starts_with(&format!("{option} {text:?}: ")), "{said}");
        }
    }

    #[test]
    fn a_name_to_keep_changes_under_is_no_path() {
        assert_eq!(run(&["--keep", "web-1.2_x"]).unwrap().keep.as_deref(), Some("web-1.2_x"));
        for bad in ["", "..", ".x", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert!(run(&["--keep", bad]).unwrap_err().contains("a name has 1 to 64"), "{bad}");
        }
    }

    #[test]
    fn a_variable_has_the_value_given_or_the_one_here() {
        let env = |text: &str| run(&["--env", text]).unwrap().env;
        assert_eq!(env("A=b=c"), [("A".into(), "b=c".into())]);
        assert_eq!(env("A="), [("A".into(), "".into())]);
        assert_eq!(env("PATH"), [("PATH".into(), std::env::var_os("PATH").unwrap())]);
        assert_eq!(env("SKEP_NO_SUCH_VARIABLE"), []);
    }
}

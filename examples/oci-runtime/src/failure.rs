// SPDX-License-Identifier: MIT OR Apache-2.0
//! Failure: what could not be done, in words for people, and those in which engines recognise it.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use skep::{Error, ErrorKind, Object, Report};

use crate::FAILED;

/// What could not be done.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// What engines look for, before what happened: they read these words out of the message.
    pub(crate) fn known_as(words: &str, error: &Error) -> Self {
        Self::from(format!("{words}: {}", Report(error)))
    }

    /// The same failure, for which the program ends with this code.
    pub(crate) fn ending_with(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// The message, perhaps of several lines.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Says it on stderr, and answers what to end with. That nobody can read it must not change how we end.
    pub(crate) fn told(&self) -> ExitCode {
        say("error", &self.message);
        ExitCode::from(self.code)
    }
}

/// Says something on stderr. Engines show one line of it, the last: for who does not read at a terminal it is one.
pub(crate) fn say(kind: &str, message: &str) {
    let mut stderr = std::io::stderr();
    let message = if stderr.is_terminal() { message.to_owned() } else { in_one_line(message) };
    drop(writeln!(stderr, "{kind}: {message}"));
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self { message, code: FAILED }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = Report(&error).to_string();
        match words(&error) {
            Some(words) => Self::from(format!("{words}: {text}")),
            None => Self::from(text.lines().map(of_configuration).collect::<Vec<_>>().join("\n")),
        }
    }
}

/// Places of a description, and where a configuration has the same: what only the machine can tell is told by the former.
/// The first that fits counts.
const PLACES: [(&str, &str); 15] = [
    ("process.directory: ", "process.cwd: "),
    ("directories[0] ", "process.cwd "),
    ("masked[", "linux.maskedPaths["),
    ("read_only[", "linux.readonlyPaths["),
    ("name: ", "container id: "),
    ("resources.cgroup: ", "linux.cgroupsPath: "),
    ("resources.scope.name: ", "linux.cgroupsPath: "),
    ("resources.scope: ", "linux.cgroupsPath: "),
    ("resources", "linux.resources"),
    ("root.base.directory: ", "root.path: "),
    ("process.rights.label: ", "process.apparmorProfile, process.selinuxLabel: "),
    ("process.rights.seccomp", "linux.seccomp"),
    ("process.rights.", "process."),
    ("sysctls: ", "linux.sysctl: "),
    ("namespaces: ", "linux.namespaces: "),
];

/// A line of an error in places of the configuration.
fn of_configuration(line: &str) -> String {
    let Some(problem) = line.strip_prefix("  ") else { return line.to_owned() };
    if problem.starts_with("mounts[") {
        return line.replacen("].target ", "].destination ", 1);
    }
    let found = PLACES.iter().find_map(|(place, theirs)| Some((theirs, problem.strip_prefix(place)?)));
    found.map_or_else(|| line.to_owned(), |(theirs, rest)| format!("  {theirs}{rest}"))
}

/// The lines of a message behind each other.
fn in_one_line(message: &str) -> String {
    let lines: Vec<&str> = message.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

/// The kernel's number for a file that is no program.
const ENOEXEC: i32 = 8;

/// The words by which engines tell a program that is not there (127) from one that may not be executed (126).
fn words(error: &Error) -> Option<String> {
    let Object::Program(program) = error.object() else { return None };
    let has_path = program.as_os_str().as_encoded_bytes().contains(&b'/');
    let why = match error.kind() {
        ErrorKind::NotFound if has_path => "no such file or directory",
        ErrorKind::NotFound => "executable file not found in $PATH",
        ErrorKind::NotExecutable if error.errno() == Some(ENOEXEC) => "exec format error",
        ErrorKind::NotExecutable | ErrorKind::Denied => "permission denied",
        _ => return None,
    };
    Some(format!("exec: {program:?}: {why}"))
}

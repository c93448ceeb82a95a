// SPDX-License-Identifier: MIT OR Apache-2.0
//! Failure: why the command did not run, and what skep-run ends with for it.

use std::process::ExitCode;

use serde::Serialize;
use skep::{ErrorKind, Object, Report};

use crate::{say, say_json};

/// A failure of ours, as docker and podman number it.
pub(crate) const OURS: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Why the command did not run.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    /// What skep-run ends with.
    code: u8,
    /// A sentence for each thing that is wrong.
    errors: Vec<String>,
}

impl Failure {
    /// Says it on stderr, at the end as a line of JSON if that is wanted.
    pub(crate) fn tell(&self, json: bool) -> ExitCode {
        for error in &self.errors {
            say(format_args!("{error}"));
        }
        if json {
            say_json(self);
        }
        ExitCode::from(self.code)
    }
}

impl From<Vec<String>> for Failure {
    fn from(errors: Vec<String>) -> Self {
        Self { code: OURS, errors }
    }
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        vec![error].into()
    }
}

/// Places of a description, and the options that they come from.
const PLACES: [(&str, &str); 8] = [
    ("mounts[", "--rw, --ro"),
    ("resources.memory", "--memory"),
    ("resources.pids", "--pids"),
    ("resources.cpu", "--cpus"),
    ("root.", "--root"),
    ("process.env", "--env"),
    ("process.directory", "--workdir"),
    ("hostname", "--hostname"),
];

/// A problem of the description as one of the options.
fn of_option(problem: &str) -> String {
    match PLACES.iter().find(|(place, _)| problem.starts_with(place)).zip(problem.split_once(' ')) {
        Some(((_, option), (_, rest))) => format!("{option}: {rest}"),
        None => problem.to_owned(),
    }
}

impl From<skep::Error> for Failure {
    fn from(error: skep::Error) -> Self {
        if !error.problems().is_empty() {
            return error.problems().iter().map(|problem| of_option(problem)).collect::<Vec<_>>().into();
        }
        let code = match (error.object(), error.kind()) {
            (Object::Program(_), ErrorKind::NotFound) => NOT_FOUND,
            (Object::Program(_), _) => NOT_EXECUTABLE,
            _ => OURS,
        };
        Self { code, errors: vec![Report(&error).to_string()] }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The log: a file that engines read the reason of a failure from.
//!
//! Engines take the last line of it for the reason, and some the whole file for one line: so nothing but a failure is
//! written to it unless `--debug` asks for more.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::json;

use crate::failure::{self, Failure};
use crate::moment;

/// How lines of the log are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// Where a failure is written down, beside stderr.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) file: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) debug: bool,
}

impl Log {
    /// Writes down why we fail.
    pub(crate) fn failure(&self, failure: &Failure) {
        self.line("error", failure.message());
    }

    /// Writes down, and says, what has gone wrong and fails nothing.
    pub(crate) fn warning(&self, message: impl AsRef<str>) {
        failure::say("warning", message.as_ref());
        self.line("warning", message.as_ref());
    }

    /// Writes down what may be worth knowing, for who asks for it.
    pub(crate) fn debug(&self, message: impl AsRef<str>) {
        if self.debug {
            self.line("debug", message.as_ref());
        }
    }

    /// A log that cannot be written changes nothing: what is said on stderr is the same.
    fn line(&self, level: &str, message: &str) {
        let time = moment::rfc3339(SystemTime::now());
        let line = match self.format {
            Format::Json => json!({"level": level, "msg": message, "time": time}).to_string(),
            Format::Text => format!("time={time:?} level={level} msg={message:?}"),
        };
        match &self.file {
            Some(file) => {
                let opened = OpenOptions::new().create(true).append(true).mode(0o644).open(file);
                drop(opened.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())));
            }
            // A failure is said there anyway.
            None if level == "debug" => drop(writeln!(std::io::stderr(), "{line}")),
            None => {}
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Failures: a sentence for the person at the terminal.

use std::fmt;

/// Why a command did not succeed.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A command line that cannot be understood (exit status 2).
#[derive(Debug)]
pub(crate) struct Usage(String);

impl Usage {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    pub(crate) fn unknown(kind: &str, word: &str) -> Self {
        Self(format!("there is no {kind} {word:?}; `cargo xtask --help` lists what there is"))
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Answers `--help` with `text`, and everything else with an error: for commands without options.
pub(crate) fn no_options(mut arguments: lexopt::Parser, text: &str) -> Result<bool, Failure> {
    match arguments.next()? {
        None => Ok(false),
        Some(lexopt::Arg::Short('h') | lexopt::Arg::Long("help")) => {
            println!("{text}");
            Ok(true)
        }
        Some(other) => Err(other.unexpected().into()),
    }
}

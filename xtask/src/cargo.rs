// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cargo, run by us: what it prints is shown when it fails.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::failure::Failure;

/// A cargo command in the directory that we were called from; the one that runs us, if one does.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Runs a command to its end and gives what it printed; its whole output is in the error.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let name = sentence(command);
    let output = command.output().map_err(|error| format!("cannot run `{name}`: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).trim_end().to_owned();
    Err(format!("`{name}` failed ({}):\n{text}", output.status).into())
}

/// One line of `--message-format=json` that we have a use for.
#[derive(Debug, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub(crate) enum Message {
    CompilerArtifact {
        package_id: String,
        target: Target,
        profile: Profile,
        executable: Option<PathBuf>,
    },
    BuildScriptExecuted {
        package_id: String,
        out_dir: PathBuf,
    },
    #[serde(other)]
    Other,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Profile {
    pub(crate) test: bool,
}

/// Builds, with the compiler's own words on our error stream, and gives cargo's messages.
pub(crate) fn messages(arguments: &[&str]) -> Result<Vec<Message>, Failure> {
    let mut build = command(arguments);
    build.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let name = sentence(&build);
    let mut child = build.spawn().map_err(|error| format!("cannot run `{name}`: {error}"))?;
    let mut messages = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            messages.push(serde_json::from_str(&line).map_err(|error| format!("cargo says {line:?}: {error}"))?);
        }
    }
    let status = child.wait()?;
    if status.success() { Ok(messages) } else { Err(format!("`{name}` failed ({status}); its words are above").into()) }
}

pub(crate) fn sentence(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let arguments = command.get_args().map(|word| format!(" {}", word.to_string_lossy()));
    format!("{name}{}", arguments.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_shows_its_output() {
        let failure = output(Command::new("sh").args(["-c", "echo told; echo loud >&2; exit 3"])).unwrap_err();
        let text = failure.to_string();
        assert!(text.contains("`sh -c ") && text.contains("told\nloud") && text.contains("exit status: 3"), "{text}");
    }

    #[test]
    fn a_message_that_we_do_not_know_is_passed_over() {
        let message: Message = serde_json::from_str(r#"{"reason":"build-finished","success":true}"#).unwrap();
        assert!(matches!(message, Message::Other));
    }
}

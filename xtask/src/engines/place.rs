// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where an engine has everything.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::{Resource, getrlimit};

use super::operations::Operation;
use crate::failure::Failure;
use crate::{busybox, cargo, oci};

/// A directory for one run.
#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    /// The group that those of its containers are below.
    group: String,
}

impl Place {
    /// The directory of the run.
    pub(super) fn at(dir: PathBuf) -> Self {
        let group = oci::name(&dir);
        Self { dir, group }
    }

    /// Makes the root of an image, and imports it.
    pub(super) fn import(&self) -> Result<(), Failure> {
        let tree = self.tree();
        busybox::tree(&tree)?;
        // Who may not raise limits has those that are there; engines ask for more.
        let limit = |resource, most| getrlimit(resource).maximum.unwrap_or(most).min(most);
        let (files, processes) = (limit(Resource::Nofile, 1024), limit(Resource::Nproc, 4096));
        let limits = format!("[\"nofile={files}:{files}\", \"nproc={processes}:{processes}\"]");
        fs::write(self.dir.join("containers.conf"), format!("[containers]\ndefault_ulimits = {limits}\n"))?;
        let archive = self.dir.join("tree.tar");
        cargo::output(Command::new("tar").arg("-C").arg(&tree).arg("-cf").arg(&archive).arg("."))?;
        cargo::output(self.command(OsStr::new("runc")).arg("import").arg(&archive).arg("box"))?;
        Ok(())
    }

    fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// podman, with everything that it keeps in the directory.
    fn command(&self, runtime: &OsStr) -> Command {
        let mut command = Command::new("podman");
        command.env("CONTAINERS_CONF", self.dir.join("containers.conf"));
        command.arg("--root").arg(self.dir.join("images")).arg("--runroot").arg(self.dir.join("run"));
        command.args(["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file"]);
        command.arg("--runtime").arg(runtime);
        command
    }

    /// Has podman do something; answers its exit code and what it printed.
    pub(super) fn podman(&self, runtime: &OsStr, operation: &Operation) -> Result<(Option<i32>, String), Failure> {
        let mut command = self.command(runtime);
        for word in words(operation.line) {
            let is_run = word == "run" && !operation.line.starts_with("healthcheck");
            command.arg(word.replace('@', &self.tree().to_string_lossy()));
            if is_run {
                command.arg("--cgroup-parent").arg(format!("/{}", self.group));
                if !operation.line.contains("--network") {
                    command.args(["--network", "none"]);
                }
            }
        }
        let mut command = if operation.on_terminal { on_terminal(&command) } else { command };
        let done = command.output()?;
        let said = [done.stdout, done.stderr].concat();
        Ok((done.status.code(), String::from_utf8_lossy(&said).into_owned()))
    }
}

/// The same command on a terminal of its own.
fn on_terminal(command: &Command) -> Command {
    let quoted = |word: &OsStr| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"));
    let line: Vec<String> = std::iter::once(command.get_program()).chain(command.get_args()).map(quoted).collect();
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command"]).arg(line.join(" ")).arg("/dev/null");
    for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        script.env(name, value);
    }
    script
}

/// The words of a line: those in '' may have blanks in them.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_quotes_keep_their_blanks() {
        assert_eq!(words("run box sh -c 'exit 7' x"), ["run", "box", "sh", "-c", "exit 7", "x"]);
    }
}

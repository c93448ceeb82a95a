// SPDX-License-Identifier: MIT OR Apache-2.0
//! One test program's execution: in a process group of its own, ended when it has been silent for too long.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::artifact::TestBinary;
use super::options::Options;
use super::place::Place;
use super::report::Report;
use crate::failure::Failure;

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Runs a test program and reads what became of its tests.
pub(super) fn run_binary(place: &Place, binary: &TestBinary, options: &Options) -> Result<Report, Failure> {
    let ledger = place.ledger(binary);
    let path = ledger.with_extension("output");
    let file = File::create(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
    let mut command = place.command(binary);
    command.env("SKEP_ROUNDS", options.rounds.to_string());
    command.arg("--test-threads=2").args(&options.filters).stdin(Stdio::null());
    // One file for both streams, and not pipes: what a test leaves running would hold them open.
    command.stdout(file.try_clone()?).stderr(file).process_group(0);
    let mut child = command.spawn().map_err(|error| format!("cannot run the tests of {}: {error}", binary.name))?;
    let title = options.progress.then(|| format!("{} {}", place.label(), binary.name));
    let (status, late) = wait(&mut child, Output::open(&path, title)?, options.patience)?;
    let mut text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
    if late {
        text.push_str(&format!("\nnothing printed for {:?}: killed\n", options.patience));
    }
    Ok(Report::of_tests(text, status, &ledger))
}

/// Waits for the end; kills the whole group when nothing has been printed for as long as `patience`, and says so.
///
/// A program may run for as long as its tests end one after the other: how many it has is nobody's fault.
fn wait(child: &mut Child, mut output: Output, patience: Duration) -> Result<(ExitStatus, bool), Failure> {
    let mut heard = Instant::now();
    while heard.elapsed() < patience {
        let status = child.try_wait()?;
        if output.look()? {
            heard = Instant::now();
        }
        if let Some(status) = status {
            return Ok((status, false));
        }
        std::thread::sleep(LOOK);
    }
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        rustix::process::kill_process_group(group, Signal::KILL)?;
    }
    Ok((child.wait()?, true))
}

/// What a running program has printed so far.
struct Output {
    file: File,
    /// Before each line that is passed on; `None` where none is.
    title: Option<String>,
    /// The line that has not ended yet.
    line: Vec<u8>,
}

impl Output {
    fn open(path: &Path, title: Option<String>) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Ok(Self { file, title, line: Vec::new() })
    }

    /// Reads what is new, passes its lines on, and answers whether there was any.
    fn look(&mut self) -> Result<bool, Failure> {
        let mut new = Vec::new();
        self.file.read_to_end(&mut new)?;
        let mut out = std::io::stdout();
        for part in new.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                if let Some(title) = &self.title {
                    let line = format!("{}{title}: {}", guest::job::PROGRESS, String::from_utf8_lossy(&self.line));
                    // A closed standard output ends us at the next line that matters.
                    let _heard = out.write_all(line.as_bytes()).and_then(|()| out.flush());
                }
                self.line.clear();
            }
        }
        Ok(!new.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn run(script: &str, patience: Duration) -> (ExitStatus, bool) {
        let dir = needs::Scratch::new();
        let path = dir.join("output");
        let file = File::create(&path).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stdout(file).process_group(0);
        let mut child = command.spawn().unwrap();
        wait(&mut child, Output::open(&path, None).unwrap(), patience).unwrap()
    }

    #[test]
    fn a_silent_program_is_killed_with_its_children_and_says_so() {
        let (status, late) = run("sleep 1000 & wait", Duration::from_millis(200));
        assert!(late && !status.success());
    }

    #[test]
    fn a_program_that_prints_now_and_then_may_take_longer_than_patience() {
        let (status, late) = run("for i in 1 2 3 4 5 6; do sleep 0.5; echo $i; done; exit 3", Duration::from_secs(2));
        assert_eq!((status.code(), late), (Some(3), false));
    }

    #[test]
    fn only_whole_lines_are_taken_and_every_byte_counts_as_a_sign_of_life() {
        let dir = needs::Scratch::new();
        let path = dir.join("output");
        let mut file = File::create(&path).unwrap();
        let mut output = Output::open(&path, None).unwrap();
        assert!(!output.look().unwrap());
        file.write_all(b"one\ntw").unwrap();
        assert!(output.look().unwrap());
        assert_eq!(output.line, b"tw");
        file.write_all(b"o\n").unwrap();
        assert!(output.look().unwrap() && output.line.is_empty());
    }
}

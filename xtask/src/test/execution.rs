// SPDX-License-Identifier: MIT OR Apache-2.0
//! One test program's execution: in a process group of its own, with a deadline.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::artifact::TestBinary;
use super::options::Options;
use super::place::Place;
use super::report::Report;
use crate::failure::Failure;

/// Runs a test program and reads what became of its tests.
pub(super) fn run_binary(place: &Place, binary: &TestBinary, options: &Options) -> Result<Report, Failure> {
    let ledger = place.ledger(binary);
    let path = ledger.with_extension("output");
    let file = File::create(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))?;
    let mut command = place.command(binary);
    command.arg("--test-threads=2").args(&options.filters).stdin(Stdio::null());
    // One file for both streams, and not pipes: what a test leaves running would hold them open.
    command.stdout(file.try_clone()?).stderr(file).process_group(0);
    let mut child = command.spawn().map_err(|error| format!("cannot run the tests of {}: {error}", binary.name))?;
    let (status, late) = wait(&mut child, options.patience)?;
    let mut text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
    if late {
        text.push_str(&format!("\nstill running after {:?}: killed\n", options.patience));
    }
    Ok(Report::of_tests(text, status, &ledger))
}

fn wait(child: &mut Child, patience: Duration) -> Result<(ExitStatus, bool), Failure> {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        if let Some(status) = child.try_wait()? {
            return Ok((status, false));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        rustix::process::kill_process_group(group, Signal::KILL)?;
    }
    Ok((child.wait()?, true))
}

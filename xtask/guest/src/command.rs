// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command: runs, is heard, and ends with everything that it has started.

use std::io::{BufRead, BufReader, PipeReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use guest::frame::{End, Frame};
use guest::job::Job;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{WaitOptions, WaitStatus};

use crate::Failure;
use crate::port::Port;

/// Runs the job's command to its end, and reaps what others leave to PID 1 meanwhile.
pub(crate) fn run(job: &Job, port: &Arc<Port>) -> Result<End, Failure> {
    let (program, arguments) = job.command.split_first().ok_or("the job has no command")?;
    let (reader, writer) = std::io::pipe()?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(job.environment.iter().map(|(name, value)| (name, value)));
    command.current_dir(&job.directory).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let child = command.spawn().map_err(|error| format!("cannot run {program}: {error}"))?;
    // It holds the writing end of the pipe, which must be the child's alone.
    drop(command);
    let listener = listen(reader, Arc::clone(port));
    let end = wait(i32::try_from(child.id())?)?;
    // What the command has left would hold the pipe open. This is all but ourselves and PID 1: only the
    // machine's end is left to do.
    kill(Pid::from_raw(-1), Signal::SIGKILL)
        .or_else(|errno| if errno == nix::Error::ESRCH { Ok(()) } else { Err(errno) })?;
    let _all_heard = listener.join();
    Ok(end)
}

fn listen(reader: PipeReader, port: Arc<Port>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            port.send(&Frame::of_line(String::from_utf8_lossy(&line).into_owned()));
            line.clear();
        }
    })
}

/// Waits for everything, because orphans are PID 1's; the answer is the command's end.
fn wait(child: i32) -> Result<End, Failure> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == child => return Ok(end(status)),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(format!("cannot wait for the command: {errno}").into()),
        }
    }
}

fn end(status: WaitStatus) -> End {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Exit(code),
        (None, signal) => End::Signal(signal.unwrap_or(0)),
    }
}

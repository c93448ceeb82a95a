// SPDX-License-Identifier: MIT OR Apache-2.0
//! The second part: from the disk's root to the end of the command.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use guest::frame::{Facts, Frame};
use guest::job::{self, Job};

use crate::port::Port;
use crate::{Failure, cgroups, command, modules, mounts};

/// How often the host hears that we still run.
const PULSE: Duration = Duration::from_secs(2);

/// What this program is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// PID 1: what a machine has, it makes.
    Init,
    /// A unit of systemd, which has made it.
    Unit,
}

/// Does the job, and says what came of it.
pub(crate) fn run(part: Part) -> Result<(), Failure> {
    let port = Arc::new(Port::open()?);
    let done = work(part, &port);
    if let Err(failure) = &done {
        port.send(&Frame::Failed(failure.to_string()));
    }
    Ok(())
}

/// Reads the job from the disk.
pub(crate) fn read_job() -> Result<Job, Failure> {
    let text = fs::read(job::PATH).map_err(|error| format!("cannot read the job {}: {error}", job::PATH))?;
    serde_json::from_slice(&text).map_err(|error| format!("cannot understand the job: {error}").into())
}

fn work(part: Part, port: &Arc<Port>) -> Result<(), Failure> {
    let job = read_job()?;
    beat(Arc::clone(port));
    let mut lacks = job.lacks.clone();
    lacks.extend(modules::load(&job.modules));
    if part == Part::Init {
        lacks.extend(prepare(&job)?);
    }
    port.send(&Frame::Ready(facts(lacks)));
    let end = command::run(&job, port)?;
    port.send(&Frame::Ended(end));
    Ok(())
}

/// Makes what a machine has; the answer is a sentence for each thing that this one cannot have.
fn prepare(job: &Job) -> Result<Vec<String>, Failure> {
    let mut lacks = mounts::second();
    for (target, path) in
        [("/proc/self/fd", "/dev/fd"), ("fd/0", "/dev/stdin"), ("fd/1", "/dev/stdout"), ("fd/2", "/dev/stderr")]
    {
        mounts::link(target, path)?;
    }
    lacks.extend(cgroups::mount(job.cgroup)?);
    mounts::share_all()?;
    lacks.extend(loopback().err().map(|failure| failure.to_string()));
    Ok(lacks)
}

fn beat(port: Arc<Port>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(PULSE);
            port.send(&Frame::Beat);
        }
    });
}

fn loopback() -> Result<(), Failure> {
    // In one of two places, whichever the host has it in.
    let mut command = Command::new("ip");
    let output = command.args(["link", "set", "lo", "up"]).env("PATH", "/usr/sbin:/usr/bin").output();
    let output = output.map_err(|error| format!("cannot run ip to raise the loopback link: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("cannot raise the loopback link: {}", String::from_utf8_lossy(&output.stderr).trim()).into())
}

fn facts(lacks: Vec<String>) -> Facts {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let release = read("/proc/sys/kernel/osrelease").trim().to_owned();
    let security = read("/sys/kernel/security/lsm").trim().split(',').map(str::to_owned).collect();
    Facts { kernel: release, controllers: cgroups::controllers(), security, lacks }
}

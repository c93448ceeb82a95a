// SPDX-License-Identifier: MIT OR Apache-2.0
//! A watch for used up memory: a command in 16 MiB, and what happened to it as it happens.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::time::Duration;
use std::{error::Error, io::Write, process, process::Stdio};

use skep::cgroup::{Cgroup, Controller, Event, Layout, Limits, MIB};

fn main() -> Result<(), Box<dyn Error>> {
    let name = format!("/skep-tour-{}", process::id());
    let group = Cgroup::create_with(&Layout::detect()?, name, [Controller::Memory])?;
    let watched = watch(&group);
    group.kill()?;
    group.remove()?;
    watched
}

fn watch(group: &Cgroup) -> Result<(), Box<dyn Error>> {
    group.apply(&Limits::new().memory_max(16 * MIB))?;
    let changes = group.changes(Duration::from_secs(60))?;
    // The last line of a text without lines is all of it; it begins when it is in the group.
    let mut command = process::Command::new("sh");
    let mut child = command.args(["-c", "read go; exec tail /dev/zero"]).stdin(Stdio::piped()).spawn()?;
    group.add(child.id())?;
    child.stdin.take().ok_or("no pipe")?.write_all(b"go\n")?;
    for event in changes {
        let event = event?;
        println!("{event}");
        if event == Event::Empty {
            break;
        }
    }
    println!("{}", child.wait()?);
    let memory = group.stat()?.memory;
    println!("killed: {:?}, at most: {:?}", memory.events.oom_kill, memory.peak.map(|peak| peak.human().to_string()));
    Ok(())
}

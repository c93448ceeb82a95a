// SPDX-License-Identifier: MIT OR Apache-2.0
//! A command in a group of its own with limits, where nobody else looks after groups: in it from its first instruction on.
//!
//! ```sh
//! 23_limit sh -c 'cat /proc/self/cgroup; make -j'
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::process::{self, Command, ExitStatus};
use std::{env, error::Error};

use skep::cgroup::{Bytes, Cgroup, Layout, Limits, MIB, Quota};
use skep_tour::join;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args_os().skip(1);
    let mut command = Command::new(words.next().ok_or("usage: 23_limit COMMAND [ARGUMENT…]")?);
    command.args(words);
    // Below the group that is ours: for root the root, for others what systemd has delegated to them.
    let layout = Layout::detect()?;
    let group = Cgroup::create_in(&layout, layout.delegated_group()?.join(format!("skep-tour-{}", process::id())))?;
    let done = run(&group, command);
    // Whatever it has left behind ends with it.
    group.kill()?;
    group.remove()?;
    println!("{}", done?);
    Ok(())
}

fn run(group: &Cgroup, mut command: Command) -> Result<ExitStatus, Box<dyn Error>> {
    let limits = Limits::new().memory_max(256 * MIB).pids_max(64).cpu(Quota::millicpus(500));
    for lack in group.apply_possible(&limits)? {
        println!("{lack}");
    }
    // The child joins by itself, by files that are opened here: src/sys.rs.
    let status = join(&mut command, group.prepare()?).status()?;
    let stat = group.stat()?;
    let peak = stat.memory.peak.map(Bytes::human).map_or("unknown".to_owned(), |peak| peak.to_string());
    println!("processor: {:.2?}, memory at most: {peak}", stat.cpu.usage.unwrap_or_default());
    Ok(status)
}

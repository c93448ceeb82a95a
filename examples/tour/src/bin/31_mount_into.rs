// SPDX-License-Identifier: MIT OR Apache-2.0
//! Has a directory of this machine appear in a process that runs in a mount namespace of its own, until Enter is pressed.
//!
//! `31_mount_into 4711 /srv/music /media/music`
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::error::Error as _;
use std::process::ExitCode;
use std::{env, io};

use skep::ns::PidFd;
use skep::rootfs::{Bind, Error, MountInfo, MountNamespace, MountTree};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let [process, source, target] = words.as_slice() else {
        eprintln!("usage: 31_mount_into PID SOURCE TARGET");
        return ExitCode::FAILURE;
    };
    let pid = process.parse().unwrap_or(0);
    let process = match PidFd::open(pid) {
        Ok(process) => process,
        Err(error) => {
            eprintln!("mount_into: {error}");
            return ExitCode::FAILURE;
        }
    };
    match run(pid, &process, source, target) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            eprintln!("mount_into: {error}: {cause}\n{}", error.hint().unwrap_or_default());
            ExitCode::FAILURE
        }
    }
}

fn run(pid: u32, process: &PidFd, source: &str, target: &str) -> Result<(), Error> {
    let there = MountNamespace::of_process(process)?;
    let bind = Bind::new(source, target).read_only().create_target();
    let Some(attached) = there.attach(&bind)? else { return Ok(()) };
    let mounts = MountInfo::of_process(pid)?;
    let tree = MountTree::new(&mounts);
    if let Some(seen) = tree.at(&attached.target) {
        println!("{} {} on {:?}: {}", seen.kind, seen.source.display(), seen.target, seen.attributes);
    }
    // Whether there is a line, or only the end of what could be one.
    let _pressed = io::stdin().read_line(&mut String::new());
    there.remove(&attached)
}

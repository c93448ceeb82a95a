// SPDX-License-Identifier: MIT OR Apache-2.0
//! The warden: the init of an isolated test.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions};

use super::marker::{Marker, Stage, VARIABLE};
use super::outer::rerun;
use crate::{groups, process};

/// Runs the inner process, reaps what it orphans, and ends with its status.
#[allow(clippy::exit, clippy::disallowed_methods, reason = "the rest of the test belongs to the outer process")]
pub(super) fn keep(marker: &Marker) -> ! {
    let code = match watch(marker) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("isolated: cannot run the test {} again: {error}", marker.test);
            125
        }
    };
    // In the box the kernel ends all others with us; groups must be empty before.
    if code != 0 {
        end_all(&marker.token);
    } else if !marker.boxed {
        end_descendants();
    }
    std::process::exit(code);
}

fn watch(marker: &Marker) -> io::Result<i32> {
    if !marker.boxed {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    }
    end_with_the_outer(marker.token.clone());
    let inner = Marker { stage: Stage::Inner, parent: own_pid(), ..marker.clone() };
    // Our own standard output is shut, so that the harness' lines appear once; the error stream leads to the record.
    let child = Command::new(std::env::current_exe()?)
        .args(rerun(&marker.test))
        .env(VARIABLE, inner.text())
        .stdin(Stdio::null())
        .stdout(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?))
        .spawn()?;
    let child = i32::try_from(child.id()).unwrap_or(0);
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == child => {
                if let Some(signal) = status.terminating_signal() {
                    eprintln!("isolated: the process of {} was ended by signal {signal}", marker.test);
                    return Ok(signal.saturating_add(128));
                }
                return Ok(status.exit_status().unwrap_or(125));
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Ends everything when the outer process closes our standard input: at its deadline, or because it is dead.
#[allow(clippy::exit, clippy::disallowed_methods, reason = "the rest of the test belongs to the outer process")]
fn end_with_the_outer(token: String) {
    std::thread::spawn(move || {
        let mut nothing = Vec::new();
        let _end = io::stdin().read_to_end(&mut nothing);
        end_all(&token);
        std::process::exit(124);
    });
}

/// Ends what a block that did not finish has left: its processes, and then its groups, which no namespace ends.
fn end_all(token: &str) {
    end_descendants();
    groups::sweep(token);
}

/// Kills every process below this one, again and again, because they may be starting others; gives up after 5 s.
fn end_descendants() {
    let end = Instant::now() + Duration::from_secs(5);
    loop {
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        let left: Vec<_> = process::descendants(own_pid()).into_iter().filter(|found| !found.is_zombie()).collect();
        if left.is_empty() || Instant::now() > end {
            return;
        }
        for pid in left.iter().filter_map(|found| Pid::from_raw(found.pid)) {
            let _gone = rustix::process::kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn own_pid() -> i32 {
    rustix::process::getpid().as_raw_nonzero().get()
}

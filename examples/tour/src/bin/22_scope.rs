// SPDX-License-Identifier: MIT OR Apache-2.0
//! A command in a scope of systemd's with limits, as `systemd-run --scope` does it: by root or, with `--user`, by anybody.
//!
//! ```sh
//! 22_scope --user sh -c 'cat /proc/self/cgroup; ulimit -a'
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::io::{Write, pipe};
use std::process::{self, Command};
use std::{env, error::Error, time::Duration};

use skep::cgroup::systemd::{CollectMode, Systemd, UnitSpec};
use skep::cgroup::{Limits, MIB, Quota};

const WAIT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    let mut words: Vec<_> = env::args_os().skip(1).collect();
    let by_user = words.first().is_some_and(|word| word == "--user");
    words.drain(..usize::from(by_user));
    if words.is_empty() {
        return Err("usage: 22_scope [--user] COMMAND [ARGUMENT…]".into());
    }
    let systemd = if by_user { Systemd::user()? } else { Systemd::system()? };

    // A shell that becomes the command once it is in the scope.
    let (hold, mut release) = pipe()?;
    let mut shell = Command::new("sh");
    let mut child = shell.args(["-c", "read go && exec \"$@\" </dev/null", "sh"]).args(words).stdin(hold).spawn()?;
    let spec = UnitSpec::new(format!("skep-tour-{}.scope", process::id()))
        .description("a command of the tour of skep")
        .process(child.id())
        .collect_mode(CollectMode::InactiveOrFailed)
        .limits(Limits::new().memory_max(256 * MIB).pids_max(64).cpu(Quota::millicpus(500)));
    match systemd.start_possible(&spec, WAIT) {
        Ok((scope, lacks)) => {
            lacks.iter().for_each(|lack| println!("{lack}"));
            println!("{} in {:?}", scope.name(), scope.state(WAIT)?.control_group.unwrap_or_default());
            release.write_all(b"go\n")?;
        }
        Err(error) => {
            // Without its line the shell ends.
            drop(release);
            child.wait()?;
            return Err(error.into());
        }
    }
    println!("{}", child.wait()?);
    Ok(())
}

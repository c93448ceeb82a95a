// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one function of std that the tour needs and that is unsafe to call.
#![allow(unsafe_code, reason = "the door of the tour to std's pre_exec")]

use std::os::unix::process::CommandExt;
use std::process::Command;

use skep::cgroup::Prepared;

/// Has the program join a group before its first instruction.
pub fn join(command: &mut Command, group: Prepared) -> &mut Command {
    // SAFETY: apply() makes system calls and nothing else: it allocates nothing and takes no lock.
    unsafe { command.pre_exec(move || group.apply()) }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The caller killed: at every one of its system calls between the beginning of `create` and the end of `start`.

use std::time::Duration;

use needs::{isolated_for, needs, rounds};
use nix::sys::ptrace::Options;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::tracer::{Traced, go_on, next_stop, pending, until_nobody_is_left};

/// Kills the role at stop number `at` of its starts, counted over its threads; false if it had done its work before that.
///
/// Its threads alone are traced: what they start runs freely, and may be anywhere when the caller dies.
fn kill_at(part: &str, threads: usize, at: usize) -> bool {
    let mut traced = Traced::start(part, threads, Options::empty());
    traced.threads.iter().for_each(|thread| go_on(*thread, true, None));
    traced.cue();
    let (mut stops, mut marks) = (0, 0);
    while stops < at && marks < 2 * threads {
        let status = next_stop().expect("the role has ended early");
        match status {
            WaitStatus::PtraceSyscall(_) if marks > 0 => stops += 1,
            WaitStatus::Stopped(_, Signal::SIGURG) => marks += 1,
            WaitStatus::Exited(..) | WaitStatus::Signaled(..) => panic!("the role has ended early: {status:?}"),
            _ => {}
        }
        if stops < at && marks < 2 * threads {
            go_on(status.pid().unwrap(), true, pending(status));
        }
    }
    traced.child.kill().unwrap();
    until_nobody_is_left(&format!("killed at stop {at} of {part:?}"));
    stops == at
}

fn kill_everywhere(part: &str, threads: usize) {
    let stride = usize::try_from(100 / rounds(100)).unwrap();
    rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1)).unwrap();
    let mut at = 1;
    while kill_at(part, threads, at) {
        at += stride;
    }
    // Two stops a call; a start takes more than twenty calls. Fewer would mean that the marks were missed.
    assert!(at > 40 * threads, "only {at} stops");
    println!("{part}: killed at {} of {at} stops", at / stride);
}

#[test]
fn a_caller_killed_at_any_system_call_of_a_start_leaves_no_process() {
    needs!(userns);
    isolated_for(Duration::from_secs(300), || kill_everywhere("starting", 1));
}

#[test]
fn a_caller_killed_with_two_starts_in_flight_leaves_no_process() {
    needs!(userns);
    isolated_for(Duration::from_secs(300), || kill_everywhere("starting twice", 2));
}

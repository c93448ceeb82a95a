// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals around a start: a program begins with none blocked and none ignored, and no handler of the caller runs in it.

use std::time::Duration;

use needs::isolated_for;

use crate::support::halted::Halted;
use crate::support::{beside, raw, sh, start_true};

const DEADLINE: Duration = Duration::from_secs(400);

/// A caller that ignores, handles and blocks; and its program.
pub(crate) fn a_program_begins_with_a_clean_slate() {
    for signal in [libc::SIGPIPE, libc::SIGUSR2, libc::SIGHUP, 35, 64] {
        raw::ignore(signal);
    }
    raw::handle(libc::SIGUSR1);
    raw::handle(40);
    let all: Vec<i32> = (1..=64).collect();
    raw::block(&all);
    let program = Halted::shell();
    let none = "0000000000000000";
    for key in ["SigBlk", "SigIgn", "SigPnd", "ShdPnd"] {
        assert_eq!(program.status(key), none, "{key}");
    }
    // The shell itself may handle some. Not these.
    let handled = u64::from_str_radix(&program.status("SigCgt"), 16).unwrap();
    assert_eq!(handled & (1 << (libc::SIGUSR1 - 1) | 1 << 39), 0, "{handled:x}");
}

/// Signals to the whole group, while programs are started that share the caller's memory for a moment.
///
/// SIGURG: who does not handle it does not mind.
pub(crate) fn no_handler_of_the_caller_runs_in_a_child() {
    rustix::process::setpgid(None, None).unwrap();
    raw::handle(libc::SIGURG);
    beside(1, || raw::signal_group(libc::SIGURG), || (0..needs::rounds(400)).for_each(|_| start_true()));
    let (here, elsewhere) = raw::handled();
    assert!(here > 0, "no signal came");
    assert_eq!(elsewhere, 0, "the handler ran in a child, in memory that is the caller's");
}

#[test]
fn a_program_begins_with_no_signal_blocked_and_none_ignored() {
    isolated_for(DEADLINE, a_program_begins_with_a_clean_slate);
}

#[test]
fn no_handler_of_the_caller_runs_in_a_child_under_a_hail_of_signals() {
    isolated_for(DEADLINE, no_handler_of_the_caller_runs_in_a_child);
}

#[test]
fn waiting_and_reading_go_on_after_a_signal() {
    isolated_for(DEADLINE, || {
        raw::handle(libc::SIGURG);
        let this = raw::this_thread();
        let hail = || raw::signal_thread(this, libc::SIGURG);
        beside(1, hail, || {
            for _ in 0..needs::rounds(50) {
                assert_eq!(sh("exit 3").status().unwrap().code(), Some(3));
                let out = sh("echo out; echo err >&2; exit 4").output().unwrap();
                assert_eq!((out.stdout.as_slice(), out.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
                let mut child = sh("exit 5").spawn().unwrap();
                assert_eq!(child.wait_for(Duration::from_secs(300)).unwrap().unwrap().code(), Some(5));
            }
        });
        assert!(raw::handled().0 > 0);
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Statuses where somebody else reaps: right, or unknown, never made up.

use std::io::Write;
use std::thread;
use std::time::Duration;

use needs::{isolated, isolated_for, needs};
use skep_ns::{Child, ErrorKind, ExitStatus, PidFd, Spawn, Stdio};

use crate::support::{beside, raw, sh};

const DEADLINE: Duration = Duration::from_secs(400);
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(300);

/// Every way to wait, for a program that exits with 7 and one that a signal ends.
fn statuses() -> Vec<(ExitStatus, ExitStatus)> {
    let (exit, killed) = (ExitStatus::from_wait_status(7 << 8), ExitStatus::from_wait_status(15));
    let mut all = Vec::new();
    for _ in 0..25 {
        all.push((sh("exit 7").status().unwrap(), exit));
        all.push((sh("exit 7").output().unwrap().status, exit));
        all.push((sh("exit 7").spawn().unwrap().wait_for(LONG).unwrap().unwrap(), exit));
        all.push((sh("kill -TERM $$").status().unwrap(), killed));
        let mut late = sh("exit 7").stdout(Stdio::Piped).spawn().unwrap();
        // Its end of the pipe closes when it ends, and only then is it waited for.
        std::io::copy(late.stdout.as_mut().unwrap(), &mut std::io::sink()).unwrap();
        all.push((late.wait().unwrap(), exit));
        assert_eq!(late.wait().unwrap(), late.try_wait().unwrap().unwrap());
    }
    all
}

fn right_or_unknown() {
    for (status, right) in statuses() {
        assert!(status == right || status == ExitStatus::UNKNOWN, "{status}");
    }
}

fn right() {
    for (status, right) in statuses() {
        assert_eq!(status, right);
    }
}

/// Runs `body` while another thread reaps every child of the process.
fn in_a_host_that_reaps_everything(body: impl FnOnce()) {
    let reap = || {
        if !raw::reap_any() {
            thread::yield_now();
        }
    };
    beside(1, reap, body);
}

#[test]
fn where_sigchld_is_ignored_a_status_is_right_or_unknown() {
    isolated_for(DEADLINE, || {
        raw::ignore(libc::SIGCHLD);
        right_or_unknown();
    });
}

#[test]
fn where_sigchld_is_ignored_a_status_is_right_on_newer_kernels() {
    needs!(kernel(6, 15));
    isolated_for(DEADLINE, || {
        raw::ignore(libc::SIGCHLD);
        right();
    });
}

#[test]
fn where_children_leave_no_zombies_a_status_is_right_or_unknown() {
    isolated_for(DEADLINE, || {
        raw::leave_no_zombies();
        right_or_unknown();
    });
}

#[test]
fn where_children_leave_no_zombies_a_status_is_right_on_newer_kernels() {
    needs!(kernel(6, 15));
    isolated_for(DEADLINE, || {
        raw::leave_no_zombies();
        right();
    });
}

#[test]
fn in_a_host_that_reaps_everything_a_status_is_right_or_unknown() {
    isolated_for(DEADLINE, || in_a_host_that_reaps_everything(right_or_unknown));
}

#[test]
fn in_a_host_that_reaps_everything_a_status_is_right_on_newer_kernels() {
    needs!(kernel(6, 15));
    isolated_for(DEADLINE, || in_a_host_that_reaps_everything(right));
}

#[test]
fn a_start_that_fails_is_told_where_sigchld_is_ignored_or_everything_reaped() {
    isolated_for(DEADLINE, || {
        let fails = || {
            for _ in 0..100 {
                assert_eq!(Spawn::new("/nowhere/at/all").spawn().unwrap_err().kind(), ErrorKind::NotFound);
            }
        };
        in_a_host_that_reaps_everything(fails);
        raw::ignore(libc::SIGCHLD);
        fails();
    });
}

/// A shell, and a process that it has started. Each line to the shell makes it go on by a step.
struct Family {
    shell: Child,
    grandchild: PidFd,
}

impl Family {
    /// The grandchild ends with 5 at the first line, the shell reaps it at the second.
    fn start() -> Self {
        let script = "(read line; exit 5) <&3 & echo $!; read line; wait; echo reaped; read line";
        let (from_us, to_grandchild) = std::io::pipe().unwrap();
        let mut spawn = sh(script);
        let mut shell = spawn.fd(3, from_us).stdin(Stdio::Piped).stdout(Stdio::Piped).spawn().unwrap();
        let mut number = [0; 16];
        let length = std::io::Read::read(shell.stdout.as_mut().unwrap(), &mut number).unwrap();
        let number = std::str::from_utf8(&number[..length]).unwrap().trim();
        let grandchild = PidFd::open(number.parse().unwrap()).unwrap();
        assert_eq!(grandchild.wait_for(Duration::from_millis(20)).unwrap(), None);
        assert!(!grandchild.wait_for_end(Duration::ZERO).unwrap());
        assert_eq!(grandchild.try_wait().unwrap(), None);
        // The end of its input.
        drop((to_grandchild, spawn));
        Self { shell, grandchild }
    }

    fn reap(&mut self) {
        self.shell.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        let mut line = [0; 7];
        std::io::Read::read_exact(self.shell.stdout.as_mut().unwrap(), &mut line).unwrap();
        assert_eq!(&line, b"reaped\n");
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        drop(self.shell.wait());
    }
}

#[test]
fn the_end_of_a_process_that_is_not_our_child_is_seen_and_its_status_is_not_made_up() {
    needs!(syscall("pidfd_open"));
    isolated(|| {
        let family = Family::start();
        // Its parent does not reap it before we are done: so nobody knows.
        assert!(family.grandchild.wait_for_end(LONG).unwrap());
        assert_eq!(family.grandchild.wait_for(LONG).unwrap(), Some(ExitStatus::UNKNOWN));
        assert_eq!(family.grandchild.wait().unwrap(), ExitStatus::UNKNOWN);
    });
}

#[test]
fn the_status_of_a_process_that_its_parent_has_reaped_is_right_on_newer_kernels() {
    needs!(syscall("pidfd_open"), kernel(6, 15));
    isolated(|| {
        let mut family = Family::start();
        family.reap();
        assert_eq!(family.grandchild.wait().unwrap().code(), Some(5));
        assert_eq!(family.grandchild.try_wait().unwrap().unwrap().code(), Some(5));
        assert_eq!(family.grandchild.signal(0).unwrap_err().kind(), ErrorKind::NotFound);
        family.grandchild.kill().unwrap();
    });
}

#[test]
fn a_wait_with_a_deadline_answers_none_while_the_program_runs() {
    isolated(|| {
        let mut child = sh("read line; exit 3").stdin(Stdio::Piped).spawn().unwrap();
        assert_eq!(child.try_wait().unwrap(), None);
        assert_eq!(child.wait_for(Duration::from_millis(20)).unwrap(), None);
        drop(child.stdin.take());
        assert_eq!(child.wait_for(Duration::MAX).unwrap().unwrap().code(), Some(3));
        child.kill().unwrap();
        assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(3));
    });
}

#[test]
fn every_signal_that_ends_a_program_is_in_its_status() {
    isolated(|| {
        for signal in [1, 2, 6, 9, 11, 15, 34, 64] {
            let mut child = sh("read line").stdin(Stdio::Piped).spawn().unwrap();
            child.pidfd().signal(signal).unwrap();
            let status = child.wait_for(LONG).unwrap().unwrap();
            assert_eq!((status.signal(), status.code()), (Some(signal), None));
        }
    });
}

#[test]
fn a_number_that_is_no_process_is_told_from_one_that_is_gone() {
    needs!(syscall("pidfd_open"));
    isolated(|| {
        let mut child = sh("exit 0").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(PidFd::open(child.pid()).unwrap_err().kind(), ErrorKind::NotFound);
        for number in [0, u32::MAX, 1 << 31] {
            let error = PidFd::open(number).unwrap_err();
            assert_eq!((error.kind(), error.problems().len()), (ErrorKind::Invalid, 1), "{number}");
        }
    });
}

#[test]
fn a_descriptor_that_is_no_pidfd_is_an_error_in_every_method() {
    isolated(|| {
        let file = std::os::fd::OwnedFd::from(std::fs::File::open("/dev/null").unwrap());
        let not_a_process = PidFd::from(file);
        assert!(not_a_process.signal(0).is_err());
        assert!(not_a_process.kill().is_err());
        assert!(not_a_process.wait().is_err());
        assert!(not_a_process.wait_for(Duration::ZERO).is_err());
        assert!(not_a_process.try_wait().is_err());
        assert!(not_a_process.has_ended().is_err());
        assert!(not_a_process.info().is_err());
        assert!(not_a_process.take_fd(0).is_err());
        assert!(not_a_process.signal_scope(0, skep_ns::SignalScope::Group).is_err());
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Supervised programs from fork to exec, and what becomes of calls whose supervisor is killed.

use std::io::{PipeReader, Read, Write, pipe};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use needs::{isolated, needs, rounds};
use rustix::event::{PollFd, PollFlags, poll};
use skep_caps_sec::{Answer, ErrorKind, Loading, Policy, Supervisor, Verdict};

use super::seccomp_notify::{asking, filtered, plain};
use super::seccomp_record::denied;

#[test]
fn a_program_that_does_not_exist_ends_its_supervision() {
    needs!(syscall("pidfd_open"));
    isolated(|| {
        let filter = asking(&["getppid"]).compile().unwrap();
        let error = Supervisor::new().start(&mut Command::new("/no/such/program"), &filter).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::NotFound, "cannot start a program under a supervised filter")
        );
    });
}

#[test]
fn even_when_every_call_is_asked_about_a_program_starts() {
    needs!(syscall("pidfd_open"));
    isolated(|| {
        let filter = Policy::new(Verdict::Notify).compile().unwrap();
        let count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&count);
        let mut supervisor = Supervisor::new();
        supervisor.otherwise(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Answer::Proceed
        });
        let mut echo = Command::new("echo");
        echo.arg("hello").stdin(Stdio::null()).stdout(Stdio::piped());
        let (child, supervision) = supervisor.start(&mut echo, &filter).unwrap();
        assert_eq!(child.wait_with_output().unwrap().stdout, b"hello\n");
        let answered = supervision.join().unwrap().unwrap();
        assert_eq!(answered, count.load(Ordering::Relaxed));
        assert!(answered > 10, "{answered}");
    });
}

/// A child that is under its filter without a supervisor can neither go on nor be told.
#[test]
fn where_no_descriptor_can_be_taken_no_program_is_left_waiting() {
    isolated(|| {
        for call in ["pidfd_open", "pidfd_getfd"] {
            let filter = asking(&["getppid"]).compile().unwrap();
            let said = denied(call, || Supervisor::new().start(&mut Command::new("true"), &filter).unwrap_err());
            assert!(said.to_string().starts_with("cannot take the child's seccomp listener"), "{call}: {said}");
        }
    });
}

#[test]
fn a_child_that_nobody_expects_does_not_start() {
    isolated(|| {
        let (prepared, expected) = Loading::new().prepare(&asking(&["getppid"]).compile().unwrap()).unwrap();
        drop(expected);
        let mut program = Command::new("true");
        // SAFETY: between fork and exec it makes system calls, and allocates nothing.
        unsafe { program.pre_exec(move || prepared.apply()) };
        assert_eq!(program.spawn().unwrap_err().raw_os_error(), Some(libc::EPIPE));
    });
}

/// Forks; the child does `body` and ends. Its number.
#[expect(
    clippy::disallowed_methods,
    reason = "the other threads of the process only wait, and glibc's heap is whole in a child"
)]
fn forked(body: impl FnOnce()) -> i32 {
    // SAFETY: the process has no other thread that holds a lock; the child ends in `body` or by the call behind it.
    match unsafe { libc::fork() } {
        0 => {
            body();
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        pid => pid,
    }
}

fn kill(pid: i32) {
    // SAFETY: no pointer; a child of this test that has not been waited for.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
}

fn reap(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: the kernel writes an int, a live local.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status
}

/// What writes to the pipe ends: all of them, or this waits for ever.
fn all_of(mut reader: PipeReader) -> Vec<u8> {
    let mut said = Vec::new();
    reader.read_to_end(&mut said).unwrap();
    said
}

/// The parent is killed while its child waits: before the filter is loaded, or after, in its launcher's calls that are asked
/// about, which nobody ever answers.
#[test]
fn a_child_whose_parent_is_killed_before_it_executes_does_not_wait_for_ever() {
    needs!(syscall("pidfd_open"));
    isolated(|| {
        let by_nobody = Policy::new(Verdict::Notify).allow(["prctl"]);
        // One that refuses prctl could not take back that it dies with its parent.
        for (policy, takes) in [(asking(&["getppid"]).deny(["prctl"]), false), (by_nobody, true)] {
            let filter = policy.compile().unwrap();
            let (alive, living) = pipe().unwrap();
            let (ready, tell) = pipe().unwrap();
            let parent = forked(|| {
                let tell = tell.try_clone().unwrap();
                let (prepared, expected) = Loading::new().prepare(&filter).unwrap();
                let promised = move || {
                    rustix::thread::set_no_new_privs(true)?;
                    prepared.apply()
                };
                let supervisor = thread::spawn(move || {
                    // Here the child waits: for us to take its listener, or for an answer.
                    let mut here = [PollFd::new(&expected, PollFlags::IN)];
                    poll(&mut here, None).unwrap();
                    let _held = if takes { Ok(expected.listener().unwrap()) } else { Err(expected) };
                    { &tell }.write_all(b"!").unwrap();
                    loop {
                        thread::park();
                    }
                });
                let mut program = Command::new("true");
                // SAFETY: between fork and exec the closure makes system calls, and allocates nothing.
                unsafe { program.pre_exec(promised) };
                let _never = program.spawn();
                drop(supervisor);
            });
            drop((tell, living));
            let mut word = [0];
            { &ready }.read_exact(&mut word).unwrap();
            kill(parent);
            reap(parent);
            assert_eq!(all_of(alive), b"", "its end is the end of every process of it");
        }
    });
}

/// A process that has the listener is killed while two calls wait, one that it has received, and one that it has not.
#[test]
fn a_supervisor_that_is_killed_in_the_middle_leaves_calls_that_are_not_there() {
    isolated(|| {
        for _ in 0..rounds(20) {
            let (listener, thread) = filtered(&asking(&["getpgid"]), || {
                let call = || thread::spawn(|| plain("getpgid"));
                let (one, other) = (call(), call());
                [one.join().unwrap(), other.join().unwrap(), plain("getpgid")]
            });
            let (ready, tell) = pipe().unwrap();
            let held = listener.as_fd().try_clone_to_owned().unwrap();
            let supervisor = forked(|| {
                let asked = listener.receive().unwrap();
                { &tell }.write_all(b"!").unwrap();
                // SAFETY: it waits for the signal that kills it.
                unsafe { libc::pause() };
                drop(asked);
            });
            let mut word = [0];
            { &ready }.read_exact(&mut word).unwrap();
            // The other call waits too: a call that can be received makes the listener readable.
            poll(&mut [PollFd::new(&held, PollFlags::IN)], None).unwrap();
            drop((held, listener));
            assert!(!thread.is_finished());
            kill(supervisor);
            assert_eq!(reap(supervisor), libc::SIGKILL);
            assert_eq!(thread.join().unwrap(), [-i64::from(libc::ENOSYS); 3]);
        }
    });
}

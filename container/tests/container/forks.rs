// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copies of the caller, which other threads of it may make at any moment, and which hold what the caller held.
#![allow(unsafe_code, reason = "a copy of a thread is what is looked at")]

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use needs::{isolated, needs};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skep::ns::Request;

use crate::common::{is_alive, program, role, shell, until};

/// A copy of this process that lives until it is killed, with every descriptor that this one has.
fn copy() -> skep::ns::Child {
    // SAFETY: the copy makes one system call for ever.
    unsafe {
        Request::new().copy(|| {
            loop {
                nix::unistd::pause();
            }
        })
    }
    .unwrap()
}

#[test]
fn a_start_does_not_wait_for_copies_of_its_caller() {
    needs!(userns);
    isolated(|| {
        static END: AtomicBool = AtomicBool::new(false);
        let copier = std::thread::spawn(|| {
            let mut copies = Vec::new();
            while !END.load(Ordering::Relaxed) {
                copies.push(copy());
                if copies.len() > 40 {
                    copies.drain(..).for_each(end);
                }
            }
            copies.into_iter().for_each(end);
        });
        for number in 0..40 {
            // While a copy holds the wire, a start that waited for its end would wait for ever.
            assert_eq!(shell("exit 5").start().unwrap().wait().unwrap().code(), Some(5), "start {number}");
        }
        END.store(true, Ordering::Relaxed);
        copier.join().unwrap();
    });
}

fn end(mut copy: skep::ns::Child) {
    copy.kill().unwrap();
    copy.wait().unwrap();
}

/// Makes a container that waits for its start, and a copy of itself, and waits to be killed.
pub(crate) fn create_and_copy() {
    let created = program("/bin/true", &[]).create().unwrap();
    let copy = copy();
    println!("\nready {} {}", created.pid(), copy.pid());
    std::io::stdout().flush().unwrap();
    loop {
        nix::unistd::pause();
    }
}

#[test]
fn a_container_ends_with_its_killed_caller_even_if_a_copy_of_that_lives() {
    needs!(userns, syscall("pidfd_open"));
    isolated(|| {
        rustix::process::set_child_subreaper(rustix::process::Pid::from_raw(1)).unwrap();
        let mut caller = role("creating and copying").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(caller.stdout.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.filter_map(|line| line.strip_prefix("ready ").map(str::to_owned)).next().unwrap();
        let pids: Vec<u32> = line.split(' ').map(|pid| pid.parse().unwrap()).collect();
        caller.kill().unwrap();
        caller.wait().unwrap();
        until("the container has ended", || !is_alive(pids[0]));
        assert!(is_alive(pids[1]), "the copy was to live on");
        let copy = Pid::from_raw(pids[1].cast_signed());
        kill(copy, Signal::SIGKILL).unwrap();
        crate::tracer::until_nobody_is_left("the copy was killed");
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts from programs with many threads.
#![allow(unsafe_code, reason = "Request::copy is unsafe, for the very reason that is shown here")]

use std::fs;
use std::hint::black_box;
use std::thread;
use std::time::Duration;

use needs::{isolated, isolated_for, rounds};
use skep_ns::{Child, ExitStatus, Request, Spawn};

use crate::support::{assert_same, beside, caller, in_second_life, live_again, said, sh, start_true};

/// As long as the most loaded machine may take; only a hang is longer.
const DEADLINE: Duration = Duration::from_secs(400);

/// One heap for all threads, so that all of them want its lock.
const ONE_HEAP: [&str; 2] = ["env", "MALLOC_ARENA_MAX=1"];

/// Takes and gives back blocks too large for the caches that need no lock.
fn allocate() {
    for size in (1..32).map(|step| step * 2048) {
        drop(black_box(Vec::<u8>::with_capacity(size)));
    }
}

#[test]
fn starts_beside_8_allocating_threads_neither_hang_nor_fail() {
    if !in_second_life() {
        live_again(&ONE_HEAP);
        return;
    }
    isolated_for(DEADLINE, || {
        beside(8, allocate, || (0..rounds(400)).for_each(|_| start_true()));
    });
}

/// What makes the test above one that can fail: the same threads, the same heap, and a copy in place of a start.
#[test]
fn copies_that_allocate_beside_8_allocating_threads_hang() {
    if !in_second_life() {
        live_again(&ONE_HEAP);
        return;
    }
    isolated_for(DEADLINE, || {
        let hung = beside(8, allocate, || (0..200).any(|_| a_copy_that_allocates_hangs()));
        assert!(hung, "200 copies, and none hangs");
    });
}

fn a_copy_that_allocates_hangs() -> bool {
    let work = || {
        allocate();
        0
    };
    // SAFETY: it is not sound, and that is the point: the copy may wait for a lock for ever. It is killed then.
    let mut copy = unsafe { Request::new().copy(work) }.unwrap();
    loop {
        if copy.wait_for(Duration::from_millis(1)).unwrap().is_some() {
            return false;
        }
        if waits_for_a_lock(&copy) {
            copy.kill().unwrap();
            assert_eq!(copy.wait().unwrap().signal(), Some(libc::SIGKILL));
            return true;
        }
    }
}

/// A process with one thread that sleeps on a futex in its own memory: nobody is left to wake it.
fn waits_for_a_lock(copy: &Child) -> bool {
    let call = fs::read_to_string(format!("/proc/{}/syscall", copy.pid())).unwrap_or_default();
    call.split(' ').next() == Some(&libc::SYS_futex.to_string())
}

#[test]
fn starts_from_the_workers_of_a_tokio_runtime_neither_hang_nor_fail() {
    isolated_for(DEADLINE, || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
        let start = |at: u8| async move {
            let mut child = sh(&format!("exit {at}")).spawn().unwrap();
            // Another thread of the pool waits for it.
            let wait = tokio::task::spawn_blocking(move || child.wait().unwrap());
            (at, wait.await.unwrap().code())
        };
        let started: Vec<_> = (0..rounds(400)).map(|at: u32| runtime.spawn(start((at % 251) as u8))).collect();
        for task in started {
            let (at, code) = runtime.block_on(task).unwrap();
            assert_eq!(code, Some(i32::from(at)));
        }
        drop(runtime);
    });
}

#[test]
fn a_pidfd_serves_on_another_thread_and_after_the_starting_one_has_ended() {
    isolated(|| {
        let child = thread::spawn(|| sh("read line; exit 9").stdin(skep_ns::Stdio::Piped).spawn().unwrap());
        while !child.is_finished() {
            thread::yield_now();
        }
        let child = child.join().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(child.pidfd().try_wait().unwrap(), None)).join().unwrap();
            scope.spawn(|| child.kill().unwrap()).join().unwrap();
            let waited = scope.spawn(|| child.pidfd().wait().unwrap()).join().unwrap();
            assert_eq!(waited, ExitStatus::from_wait_status(9));
        });
    });
}

#[test]
fn each_of_8_threads_gets_the_output_and_the_status_of_its_own_200_programs() {
    isolated_for(DEADLINE, || {
        let before = caller::descriptors();
        thread::scope(|scope| {
            for thread in 0..8 {
                scope.spawn(move || (0..rounds(200)).for_each(|at| start_that_says(thread * 200 + at)));
            }
        });
        assert_same(&before, &caller::descriptors());
    });
}

fn start_that_says(number: u32) {
    let code = number % 200;
    let out = sh("echo out $0; echo err $0 >&2; exit $1").args([number.to_string(), code.to_string()]).output();
    let out = out.unwrap_or_else(|error| panic!("{}", said::all(&error)));
    assert_eq!(out.stdout, format!("out {number}\n").into_bytes());
    assert_eq!(out.stderr, format!("err {number}\n").into_bytes());
    assert_eq!(out.status.code(), i32::try_from(code).ok());
}

#[test]
fn much_output_on_both_pipes_at_once_arrives_whole() {
    isolated(|| {
        // More than two pipes hold, and the one is full before the other has begun.
        let script = "yes out | head -c 300000; yes err | head -c 300000 >&2; exit 4";
        let out = Spawn::new("sh").args(["-c", script]).output().unwrap();
        let repeated = |text: &str| text.bytes().cycle().take(300_000).collect::<Vec<u8>>();
        assert!(out.stdout == repeated("out\n") && out.stderr == repeated("err\n"));
        assert_eq!(out.status.code(), Some(4));
    });
}

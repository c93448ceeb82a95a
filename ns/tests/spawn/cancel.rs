// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts on threads that are cancelled or end.
//!
//! Only C programs cancel threads, and they may call a library that starts programs. A cancelled thread goes on to its
//! next cancellation point, most often the close(2) of a descriptor, and ends there with what it holds. The signal that
//! carries the cancellation (32) must reach no child that shares the caller's memory.

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use needs::isolated_for;
use skep_ns::Spawn;

use crate::support::raw::{Thread, end_if_cancelled};
use crate::support::{caller, raw, sh, start_true};

const DEADLINE: Duration = Duration::from_secs(400);

static STARTED: AtomicU32 = AtomicU32::new(0);
static FAILED: AtomicU32 = AtomicU32::new(0);

/// What fails may leave a process each time: everything here ends at the first failure.
fn count(success: bool) {
    if success { &STARTED } else { &FAILED }.fetch_add(1, Ordering::SeqCst);
}

fn wait_for_starts(number: u32) {
    let goal = STARTED.load(Ordering::SeqCst) + number;
    while STARTED.load(Ordering::SeqCst) < goal {
        assert_eq!(FAILED.load(Ordering::SeqCst), 0);
        thread::yield_now();
    }
}

fn no_start_failed() {
    assert_eq!(FAILED.load(Ordering::SeqCst), 0);
    start_true();
}

extern "C-unwind" fn start_again_and_again(_: *mut c_void) -> *mut c_void {
    while FAILED.load(Ordering::SeqCst) == 0 {
        count(Spawn::new("/bin/true").status().is_ok_and(|status| status.success()));
        end_if_cancelled();
    }
    null_mut()
}

extern "C-unwind" fn fail_again_and_again(_: *mut c_void) -> *mut c_void {
    while FAILED.load(Ordering::SeqCst) == 0 {
        count(Spawn::new("/nowhere/at/all").spawn().is_err());
        end_if_cancelled();
    }
    null_mut()
}

extern "C-unwind" fn start_once(_: *mut c_void) -> *mut c_void {
    let child = Spawn::new("/bin/true").spawn();
    let code = child.and_then(|mut child| thread::spawn(move || child.wait()).join().unwrap());
    count(code.is_ok_and(|status| status.success()));
    null_mut()
}

fn cancelled_amid(body: extern "C-unwind" fn(*mut c_void) -> *mut c_void) {
    isolated_for(DEADLINE, || {
        let before = caller::descriptors();
        for round in 0..60 {
            let thread = Thread::start(body);
            wait_for_starts(1 + round % 4);
            // Somewhere in its next start: before, in, or after the moment in which the child borrows its memory.
            thread.cancel();
            assert!(thread.join());
        }
        no_start_failed();
        let held: Vec<String> =
            caller::descriptors().into_keys().filter(|number| !before.contains_key(number)).collect();
        assert!(held.len() <= 60, "a start holds a pidfd, and there were 60: {held:?}");
        held.iter().for_each(|path| raw::close(path.rsplit('/').next().unwrap().parse().unwrap()));
    });
}

#[test]
fn a_thread_cancelled_amid_its_starts_leaves_no_process_and_at_most_what_it_held() {
    cancelled_amid(start_again_and_again);
}

#[test]
fn a_thread_cancelled_amid_starts_that_fail_leaves_no_process_and_at_most_what_it_held() {
    cancelled_amid(fail_again_and_again);
}

#[test]
fn a_thread_may_end_right_after_its_start() {
    isolated_for(DEADLINE, || {
        let threads: Vec<Thread> = (0..40).map(|_| Thread::start(start_once)).collect();
        assert!(threads.into_iter().all(|thread| !thread.join()));
        assert_eq!(STARTED.load(Ordering::SeqCst), 40);
        no_start_failed();
    });
}

#[test]
fn a_program_outlives_the_thread_that_started_it() {
    isolated_for(DEADLINE, || {
        let start = || sh("read line; exit 6").stdin(skep_ns::Stdio::Piped).spawn().unwrap();
        let mut child = thread::spawn(start).join().unwrap();
        assert_eq!(child.wait_for(Duration::from_millis(50)).unwrap(), None);
        assert_eq!(child.wait().unwrap().code(), Some(6));
    });
}

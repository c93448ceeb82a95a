// SPDX-License-Identifier: MIT OR Apache-2.0
//! That performing steps allocates nothing, whether they succeed or fail: it happens between fork and exec, where another
//! thread's hold on the heap lasts for ever.

#![allow(unsafe_code, clippy::unwrap_used, reason = "an allocator that counts is unsafe to write")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::thread;

use needs::isolated;
use skep_caps_sec::{Capabilities, OomScoreAdj, Policy, Privileges, Resource, Rlimit};

struct Counting;

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does the work; the count is a thread's own and needs no allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller vouches for the layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller vouches for both.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

/// How often the heap was used in `body`.
fn counted(body: impl FnOnce()) -> u32 {
    let before = COUNT.get();
    body();
    COUNT.get() - before
}

#[test]
fn steps_allocate_nothing_when_they_succeed_and_when_they_fail() {
    isolated(|| {
        let here = Capabilities::current().unwrap();
        let good = Privileges::new()
            .capabilities(Capabilities { bounding: here.bounding, ..Capabilities::none() })
            .rlimit(Rlimit::both(Resource::Core, 0))
            .oom_score_adj(OomScoreAdj::FIRST)
            .no_new_privs()
            .seccomp(Policy::allow_all().deny(["keyctl"]));
        let bad = Privileges::new().rlimit(Rlimit::new(Resource::Core, 2, 1));
        thread::scope(|scope| {
            let body = || {
                let (good, bad) = (good.steps(None), bad.steps(None));
                assert!(counted(|| drop(Box::new(1))) > 0, "the count counts nothing");
                assert_eq!(counted(|| good.enter_thread().unwrap()), 0);
                assert_eq!(counted(|| assert!(bad.enter_thread().is_err())), 0);
            };
            scope.spawn(body).join().unwrap();
        });
    });
}

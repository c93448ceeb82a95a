// SPDX-License-Identifier: MIT OR Apache-2.0
//! That reading statistics again allocates nothing: who looks at a thousand groups a second has other use for the heap.

#![allow(unsafe_code, clippy::unwrap_used, reason = "an allocator that counts is unsafe to write")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use needs::{isolated, needs, token};
use skep_cgroup::Cgroup;

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
fn the_second_reading_and_every_later_one_allocates_nothing() {
    needs!(root);
    isolated(|| {
        let group = Cgroup::create(format!("/{}-counted", token())).unwrap();
        let mut reader = group.stat_reader().unwrap();
        assert!(counted(|| drop(Box::new(1))) > 0, "the count counts nothing");
        assert!(counted(|| drop(reader.read().unwrap().clone())) > 0);
        for _ in 0..100 {
            assert_eq!(counted(|| assert!(reader.read().unwrap().cpu.usage.is_some())), 0);
        }
        group.remove().unwrap();
    });
}

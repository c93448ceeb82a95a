// SPDX-License-Identifier: MIT OR Apache-2.0
//! A heap that counts, for tests that something allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, each of whose uses is counted for the thread that it is of. A test program has it for its own:
/// `#[global_allocator] static HEAP: needs::CountingHeap = needs::CountingHeap;`
#[derive(Debug)]
pub struct CountingHeap;

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does the work; the count is a thread's own and needs no allocation.
unsafe impl GlobalAlloc for CountingHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get().wrapping_add(1));
        BYTES.set(BYTES.get().wrapping_add(u64::try_from(layout.size()).unwrap_or(u64::MAX)));
        // SAFETY: the caller vouches for the layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        COUNT.set(COUNT.get().wrapping_add(1));
        // SAFETY: the caller vouches for both.
        unsafe { System.dealloc(at, layout) }
    }
}

/// How often this thread used the heap in `body`.
///
/// # Panics
/// If the program has another heap, of which nothing is counted.
pub fn heap_uses(body: impl FnOnce()) -> u32 {
    let count = |body: &mut dyn FnMut()| {
        let before = COUNT.get();
        body();
        COUNT.get().wrapping_sub(before)
    };
    assert!(count(&mut || drop(std::hint::black_box(Box::new(1)))) > 0, "this program's heap is not a CountingHeap");
    let mut body = Some(body);
    count(&mut || body.take().map_or((), |body| body()))
}

/// How many bytes this thread took from the heap in `body`, those too that it gave back.
///
/// # Panics
/// As [`heap_uses`].
pub fn heap_bytes(body: impl FnOnce()) -> u64 {
    let before = BYTES.get();
    let _counted = heap_uses(body);
    BYTES.get().wrapping_sub(before)
}

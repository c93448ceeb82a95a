// SPDX-License-Identifier: MIT OR Apache-2.0
//! That reading statistics again allocates nothing: who looks at a thousand groups a second has other use for the heap.

use needs::{CountingHeap, heap_uses, isolated, needs, token};
use skep_cgroup::Cgroup;

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

#[test]
fn the_second_reading_and_every_later_one_allocates_nothing() {
    needs!(root);
    isolated(|| {
        let group = Cgroup::create(format!("/{}-counted", token())).unwrap();
        let mut reader = group.stat_reader().unwrap();
        assert!(heap_uses(|| drop(reader.read().unwrap().clone())) > 0);
        for _ in 0..100 {
            assert_eq!(heap_uses(|| assert!(reader.read().unwrap().cpu.usage.is_some())), 0);
        }
        group.remove().unwrap();
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! That reading statistics again allocates nothing: who looks at a thousand groups a second has other use for the heap.
//! That joining does not, either: a child of a program with threads may find the heap locked for ever.

use std::os::unix::process::CommandExt;
use std::process::Command;

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

#[test]
fn a_child_that_joins_allocates_nothing() {
    needs!(root);
    isolated(|| {
        let group = Cgroup::create(format!("/{}-joined", token())).unwrap();
        let way = group.prepare().unwrap();
        let mut command = Command::new("true");
        let join = move || {
            let mut joined = Ok(());
            match heap_uses(|| joined = way.apply()) {
                0 => joined,
                _ => Err(std::io::Error::from_raw_os_error(libc::ENOMEM)),
            }
        };
        // SAFETY: the count is an atomic number, and apply() makes system calls and nothing else.
        #[allow(unsafe_code, reason = "std's pre_exec is")]
        unsafe {
            command.pre_exec(join);
        }
        assert!(command.status().unwrap().success());
        group.remove().unwrap();
    });
}

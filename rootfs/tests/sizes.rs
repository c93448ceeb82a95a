// SPDX-License-Identifier: MIT OR Apache-2.0
//! Ten thousand mounts: what is done with a list or a table costs ten times as much for ten times as many, counted in what
//! is taken from the heap, not by a clock.
#![allow(clippy::unwrap_used, reason = "what the tests call may be as blunt as tests")]

use std::fmt::Write as _;
use std::hint::black_box;

use needs::{CountingHeap, heap_bytes};
use skep_rootfs::{Bind, MountInfo, MountTree, Mounts, RootSpec, Setting, Steps, Tmpfs};

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

/// So many mounts, children before their parents.
fn mounts(count: usize) -> Mounts {
    (0..count).rev().fold(Mounts::new(), |mounts, number| {
        let target = format!("/srv/{}/{}", number / 100, number);
        mounts.add(if number % 2 == 0 {
            Bind::new("/etc", target).create_target().into()
        } else {
            skep_rootfs::Mount::from(Tmpfs::new(target).size(4096).create_target())
        })
    })
}

/// The table of so many mounts, a hundred of them on one place.
fn table(count: usize) -> String {
    let mut text = "1 0 8:1 / / rw - ext4 /dev/a rw\n".to_owned();
    for number in 2..=count {
        let (parent, target) =
            if number <= 100 { (number - 1, "/stacked".to_owned()) } else { (1, format!("/srv/{number}")) };
        writeln!(text, "{number} {parent} 0:{number} / {target} rw,nosuid - tmpfs t rw").unwrap();
    }
    text
}

/// What `work` takes for a thousand and for ten thousand; it must be about ten times as much.
#[track_caller]
fn grows_with_its_input<T>(what: &str, make: impl Fn(usize) -> T, work: impl Fn(T)) {
    let cost = |count| {
        let input = make(count);
        heap_bytes(|| work(input))
    };
    let (small, large) = (cost(1000), cost(10_000));
    // Names are a digit longer, and tables that double may be half empty.
    assert!(large < small.max(1000) * 25, "{what}: {small} bytes for 1,000, {large} for 10,000");
}

#[test]
fn ten_thousand_mounts_are_ordered_checked_and_compiled_at_ten_times_the_cost_of_a_thousand() {
    grows_with_its_input("ordering", mounts, |mounts| drop(black_box(mounts.parents_first())));
    grows_with_its_input("checking", mounts, |mounts| assert!(mounts.problems().is_empty()));
    grows_with_its_input("compiling", mounts, |mounts| {
        let steps = Steps::new(Some(&RootSpec::tmpfs()), &mounts, Setting::default());
        assert_eq!(steps.iter().count(), steps.len());
        drop(black_box(steps));
    });
    grows_with_its_input("text", mounts, |mounts| {
        let read = Mounts::from_fstab(mounts.to_fstab().unwrap()).unwrap();
        assert_eq!(read.mounts.len(), mounts.mounts.len());
    });
}

#[test]
fn a_table_of_ten_thousand_mounts_is_read_at_ten_times_the_cost_of_a_thousand() {
    grows_with_its_input("reading", table, |text| assert!(MountInfo::parse_all(text.as_bytes()).is_some()));
    let read = |count| MountInfo::parse_all(table(count).as_bytes()).unwrap();
    grows_with_its_input("the tree", read, |mounts| {
        let tree = MountTree::new(&mounts);
        assert_eq!(tree.at("/stacked/x".as_ref()).map(|mount| mount.id), Some(100));
        assert!(mounts.iter().skip(100).all(|mount| tree.sees(mount)));
    });
}

#[test]
fn the_longest_paths_are_checked_at_a_cost_that_is_no_more_than_a_few_times_their_length() {
    // 2,000 names in each of 50 paths, which have no directory in common.
    let deep = |count: usize| {
        (0..count).fold(Mounts::new(), |mounts, number| {
            mounts.add(Tmpfs::new(format!("/{number}{}", "/x".repeat(2000))).create_target())
        })
    };
    let (mounts, bytes) = (deep(50), 50 * 4000);
    let cost = heap_bytes(|| assert!(mounts.problems().is_empty()));
    // For each name one entry of a table, and as much again when it grows.
    assert!(cost < bytes * 200, "{cost} bytes for {bytes} of paths");
}

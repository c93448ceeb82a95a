// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups beside the least that does the same in raw calls; see [`skep_benches::cgroup`]. Takes root.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use needs::CountingHeap;
use skep_benches::cgroup::{ALONE, all};
use skep_benches::paired::Rounds;

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

fn cgroup(criterion: &mut Criterion) {
    all(ALONE, &mut |title, rounds| keep(criterion, title, rounds));
}

/// Hands criterion the times of each.
fn keep(criterion: &mut Criterion, title: &str, rounds: &Rounds) {
    let mut group = criterion.benchmark_group(format!("cgroup/{title}"));
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(20));
    for name in rounds.names() {
        let mut next = rounds.times(name).iter().cycle();
        group.bench_function(*name, |bencher| {
            bencher.iter_custom(|count| (0..count).filter_map(|_| next.next()).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, cgroup);
criterion_main!(benches);

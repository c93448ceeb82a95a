// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups beside the least that does the same in raw calls; see [`skep_benches::cgroup`]. Takes root.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use needs::CountingHeap;
use skep_benches::cgroup::{ALONE, all};
use skep_benches::keep;

#[global_allocator]
static HEAP: CountingHeap = CountingHeap;

fn cgroup(criterion: &mut Criterion) {
    all(ALONE, &mut |title, rounds| keep!(criterion, format!("cgroup/{title}"), rounds));
}

criterion_group!(benches, cgroup);
criterion_main!(benches);

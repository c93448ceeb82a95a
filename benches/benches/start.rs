// SPDX-License-Identifier: MIT OR Apache-2.0
//! Start and wait of a program that only exits: bare, and in five new namespaces, from callers of several sizes.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::ffi::CString;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use skep::Container;
use skep::ns::{NamespaceKind, Namespaces, Spawn};
use skep_benches::keep;
use skep_benches::paired::{Contestant, Rounds};
use skep_benches::{TRIVIAL, sys};

const ROUNDS: usize = 200;
const MIB: usize = 1 << 20;

/// What the differences are taken to.
const BASE: &str = "clone3 vfork, C";

fn starts(criterion: &mut Criterion) {
    let mut touched = 0;
    for size in [0, 512, 2048] {
        sys::touch((size - touched) * MIB).expect("memory for a large caller");
        touched = size;
        measure(criterion, "bare", size, bare());
        measure(criterion, "five namespaces", size, namespaced());
    }
}

/// Runs all contestants in turn, prints their table, and hands criterion the times of each.
fn measure(criterion: &mut Criterion, shape: &str, size: usize, contestants: Vec<Contestant<'_>>) {
    let rounds = Rounds::run(contestants, ROUNDS);
    println!("{}", rounds.table(&format!("start and wait, {shape}, from a caller of {size} MiB"), BASE));
    keep!(criterion, format!("start/{shape}"), rounds, |name| BenchmarkId::new(name, format!("{size} MiB")));
}

fn bare<'a>() -> Vec<Contestant<'a>> {
    let path = CString::new(TRIVIAL).expect("no NUL in a path");
    let (a, b, c) = (path.clone(), path.clone(), path);
    vec![
        Contestant::new(BASE, move || sys::clone3_vfork(&a, 0)),
        Contestant::new("clone3 copy, C", move || sys::clone3_copy(&b, 0)),
        Contestant::new("vfork, C", move || sys::vfork(&c)),
        Contestant::new("std Command", || std::process::Command::new(TRIVIAL).env_clear().status().map(drop)),
        Contestant::new("skep_ns::Spawn", || Spawn::new(TRIVIAL).env_clear().status().map(drop)),
        Contestant::new("skep::Container", || container(Namespaces::new())),
    ]
}

fn namespaced<'a>() -> Vec<Contestant<'a>> {
    use NamespaceKind::{Ipc, Mount, Net, Pid, Uts};
    let set = || Namespaces::new().make([Pid, Mount, Uts, Ipc, Net]);
    let flags = set().flags().bits();
    let path = CString::new(TRIVIAL).expect("no NUL in a path");
    let (a, b) = (path.clone(), path);
    vec![
        Contestant::new(BASE, move || sys::clone3_vfork(&a, flags)),
        Contestant::new("clone3 copy, C", move || sys::clone3_copy(&b, flags)),
        Contestant::new("skep::Container", move || container(set())),
    ]
}

fn container(namespaces: Namespaces) -> Result<(), skep::Error> {
    let no_args: [&str; 0] = [];
    Container::anonymous().namespaces(namespaces).command(TRIVIAL, no_args).start()?.wait().map(drop)
}

criterion_group!(benches, starts);
criterion_main!(benches);

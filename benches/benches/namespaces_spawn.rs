// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs in new namespaces beside the least in raw calls, and in four namespaces of another process beside nsenter.
//!
//! As root: what is made and joined takes the right to.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio as StdStdio};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use skep::ns::NamespaceKind::{self, Cgroup, Ipc, Mount, Net, Pid, Uts};
use skep::ns::{Child, IdMap, Join, Namespaces, Spawn, Stdio};
use skep_benches::keep;
use skep_benches::paired::{Contestant, Rounds};
use skep_benches::{TRIVIAL, sys};

const ROUNDS: usize = 200;
const MIB: usize = 1 << 20;
const KINDS: [NamespaceKind; 6] = [Mount, Uts, Ipc, Pid, Net, Cgroup];
const JOINED: [NamespaceKind; 4] = [Mount, Uts, Ipc, Net];

/// What the differences are taken to.
const LEAST: &str = "clone3 copy, C";
const NSENTER: &str = "nsenter";

fn namespaces(criterion: &mut Criterion) {
    let mut touched = 0;
    for size in [0, 256] {
        sys::touch((size - touched) * MIB).expect("memory for a large caller");
        touched = size;
        measure(criterion, "six new namespaces", size, LEAST, made());
        let other = neighbour();
        measure(criterion, "four namespaces of another", size, NSENTER, joined(&other));
        drop(other.pidfd().kill());
        drop(other.pidfd().wait());
    }
}

/// Runs all contestants in turn, prints their table, and hands criterion the times of each.
fn measure(criterion: &mut Criterion, shape: &str, size: usize, base: &str, contestants: Vec<Contestant<'_>>) {
    let rounds = Rounds::run(contestants, ROUNDS);
    println!("{}", rounds.table(&format!("start and wait, {shape}, from a caller of {size} MiB"), base));
    keep!(criterion, format!("namespaces/{shape}"), rounds, |name| BenchmarkId::new(name, format!("{size} MiB")));
}

fn made<'a>() -> Vec<Contestant<'a>> {
    let set = || Namespaces::new().make(KINDS);
    let flags = set().flags().bits();
    let path = CString::new(TRIVIAL).expect("no NUL in a path");
    let (a, b) = (path.clone(), path);
    let spawn = |set: Namespaces| Spawn::new(TRIVIAL).env_clear().namespaces(set).status().map(drop);
    vec![
        Contestant::new(LEAST, move || sys::clone3_copy(&a, flags)),
        Contestant::new("clone3 vfork, C", move || sys::clone3_vfork(&b, flags)),
        Contestant::new("Spawn", move || spawn(set())),
        Contestant::new("Spawn, and a user namespace", move || spawn(set().user(IdMap::current_as_root()))),
        Contestant::new("unshare", || command(&["unshare", "-muinCpf", TRIVIAL])),
    ]
}

fn joined(other: &Child) -> Vec<Contestant<'_>> {
    let pidfd = || -> std::io::Result<OwnedFd> { other.as_fd().try_clone_to_owned() };
    let target = other.pid().to_string();
    let there = pidfd().map(|pidfd| Join::new().process(pidfd, JOINED));
    vec![
        Contestant::new(NSENTER, move || command(&["nsenter", "-t", &target, "-m", "-u", "-i", "-n", TRIVIAL])),
        Contestant::new("Spawn::join_process", move || {
            let pidfd = pidfd().map_err(|error| error.to_string())?;
            let status = Spawn::new(TRIVIAL).env_clear().join_process(pidfd, JOINED).status();
            status.map(drop).map_err(|error| error.to_string())
        }),
        Contestant::new("Spawn in Join::run", move || {
            let there = there.as_ref().map_err(ToString::to_string)?;
            let status = there.run(|| Spawn::new(TRIVIAL).env_clear().status()).map_err(|error| error.to_string())?;
            status.map_err(|_| "it panicked".to_owned())?.map(drop).map_err(|error| error.to_string())
        }),
    ]
}

fn command(words: &[&str]) -> Result<(), String> {
    let (program, args) = words.split_first().ok_or("no program")?;
    let status = Command::new(program).args(args).env_clear().stdin(StdStdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// A program that waits in four new namespaces.
fn neighbour() -> Child {
    let mut spawn = Spawn::new("sleep");
    spawn.arg("600").stdin(Stdio::Null).namespaces(Namespaces::new().make(JOINED));
    spawn.spawn().expect("a program in new namespaces")
}

criterion_group!(benches, namespaces);
criterion_main!(benches);

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of a thousand mounts: read bare, by the crate procfs, by skep, and asked for by statmount(2).
//!
//! Takes root. The mounts are made in a mount namespace of the bench's own, and gone with it.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::fs::{self, File};
use std::io::Read;

use criterion::{Criterion, criterion_group, criterion_main};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use skep::rootfs::{MountInfo, MountTree};
use skep_benches::keep;
use skep_benches::paired::{Contestant, Rounds};

const ROUNDS: usize = 300;
const MOUNTS: usize = 1000;

/// What the differences are taken to.
const BASE: &str = "read alone";

fn tables(criterion: &mut Criterion) {
    thousand();
    measure(criterion);
}

/// A thousand mounts with names of a usual length, for this program alone.
#[allow(clippy::disallowed_methods, reason = "a program of its own, which has no other thread yet")]
fn thousand() {
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).expect("root makes mount namespaces");
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("it is our own");
    mount(Some("bench"), "/mnt", Some("tmpfs"), MsFlags::empty(), none).expect("root may mount");
    for number in 0..MOUNTS {
        let path = format!("/mnt/layer-{number:04}");
        fs::create_dir(&path).expect("it is new");
        mount(Some("bench"), path.as_str(), Some("tmpfs"), MsFlags::MS_NOSUID, Some("size=64k"))
            .expect("root may mount");
    }
}

fn measure(criterion: &mut Criterion) {
    let mut buffer = Vec::with_capacity(1 << 20);
    let contestants = vec![
        Contestant::new(BASE, move || {
            buffer.clear();
            File::open("/proc/thread-self/mountinfo")?.read_to_end(&mut buffer).map(drop)
        }),
        Contestant::new("MountInfo::of_this_thread", || MountInfo::of_this_thread().map(drop)),
        Contestant::new("the same, and its tree", || {
            let mounts = MountInfo::of_this_thread().map_err(|error| error.to_string())?;
            let found = MountTree::new(&mounts).at("/mnt/layer-0500".as_ref()).map(|mount| mount.id);
            found.map(drop).ok_or_else(|| "it is not there".to_owned())
        }),
        Contestant::new("MountInfo::by_statmount", || MountInfo::by_statmount().map(drop)),
        Contestant::new("procfs", || {
            let file = File::open("/proc/thread-self/mountinfo").map_err(procfs::ProcError::from)?;
            <procfs::process::MountInfos as procfs::FromRead>::from_read(file).map(drop)
        }),
    ];
    let rounds = Rounds::run(contestants, ROUNDS);
    println!("{}", rounds.table(&format!("the table of {MOUNTS} mounts"), BASE));
    keep!(criterion, "mountinfo", rounds);
}

criterion_group!(benches, tables);
criterion_main!(benches);

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups beside the least that does the same in raw calls: statistics, a group's life, and a thousand groups.
//!
//! Takes root. The groups are made at the root of the hierarchies that this machine has.
#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use skep::cgroup::{Cgroup, Controller, Layout, Limits, MIB, Version};
use skep_benches::paired::{Contestant, Rounds};

const ROUNDS: usize = 300;
const GROUPS: usize = 1000;

/// What a life is limited by.
const CONTROLLERS: [Controller; 2] = [Controller::Memory, Controller::Pids];

fn all(criterion: &mut Criterion) {
    let layout = Layout::detect().expect("this machine has cgroups");
    let mut child = Command::new("sleep").arg("600").spawn().expect("sleep can be run");
    statistics(criterion, &layout, &child);
    life(criterion, &layout, &child);
    thousand(criterion, &layout);
    child.kill().and_then(|()| child.wait()).expect("our own child ends");
}

fn statistics(criterion: &mut Criterion, layout: &Layout, child: &Child) {
    const BASE: &str = "the same files held, raw";
    let group = Cgroup::create_in(layout, name("stat")).expect("root may make groups");
    group.add(child.id()).expect("the child can join");
    let before = descriptors();
    let mut reader = group.stat_reader().expect("its files can be read");
    let paths: Vec<PathBuf> = descriptors().into_iter().filter(|path| !before.contains(path)).collect();
    println!("{} files", paths.len());
    let held: Vec<File> = paths.iter().map(|path| File::open(path).expect("it was open a moment ago")).collect();
    let (mut buffer, mut other) = (vec![0; 8192], vec![0; 8192]);
    let contestants = vec![
        contestant(BASE, move || held.iter().try_for_each(|file| file.read_at(&mut buffer, 0).map(drop))),
        contestant("StatReader::read", || reader.read().map(drop)),
        contestant("the same opened, raw", || {
            paths.iter().try_for_each(|path| File::open(path)?.read_at(&mut other, 0).map(drop))
        }),
        contestant("Cgroup::stat", || group.stat().map(drop)),
    ];
    measure(criterion, "all statistics of one group", BASE, contestants, ROUNDS);
    leave(&group, child);
    group.remove().expect("it is empty");
}

/// Made, limited, joined, left, removed: a group in the hierarchies of memory and pids.
fn life(criterion: &mut Criterion, layout: &Layout, child: &Child) {
    const BASE: &str = "mkdir, write, rmdir, raw";
    let path = name("life");
    let limits = Limits::new().memory_max(64 * MIB).pids_max(32);
    let directories = layout.directories(&path, CONTROLLERS);
    let files: Vec<(PathBuf, &str)> = [(Controller::Memory, "67108864"), (Controller::Pids, "32")]
        .into_iter()
        .filter_map(|(controller, text)| {
            let hierarchy = layout.of(controller)?;
            let file = match (controller, hierarchy.version()) {
                (Controller::Memory, Version::V1) => "memory.limit_in_bytes",
                (Controller::Memory, Version::V2) => "memory.max",
                _ => "pids.max",
            };
            Some((hierarchy.mount_point().join(path.trim_start_matches('/')).join(file), text))
        })
        .collect();
    let pid = child.id().to_string();
    let raw = || {
        directories.iter().try_for_each(fs::create_dir)?;
        files.iter().try_for_each(|(file, text)| write(file, text))?;
        directories.iter().try_for_each(|group| write(&group.join("cgroup.procs"), &pid))?;
        directories.iter().try_for_each(|group| write(&above(group).join("cgroup.procs"), &pid))?;
        directories.iter().try_for_each(fs::remove_dir)
    };
    let ours = || {
        let group = Cgroup::create_with(layout, &path, CONTROLLERS)?;
        group.apply(&limits)?;
        group.add(child.id())?;
        leave(&group, child);
        group.remove()
    };
    let contestants = vec![contestant(BASE, raw), contestant("Cgroup", ours)];
    measure(criterion, "the life of a group", BASE, contestants, ROUNDS);
}

/// The processes of a thousand groups below one.
fn thousand(criterion: &mut Criterion, layout: &Layout) {
    const BASE: &str = "readdir, read, raw";
    let path = name("many");
    let group = Cgroup::create_with(layout, &path, []).expect("root may make groups");
    let directory = group.directories().next().map(Path::to_owned).expect("it has one");
    for number in 0..GROUPS {
        fs::create_dir(directory.join(number.to_string())).expect("root may make groups");
    }
    let raw = || {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::read(entry.path().join("cgroup.procs"))?;
            }
        }
        Ok::<_, std::io::Error>(())
    };
    let contestants = vec![contestant(BASE, raw), contestant("Cgroup::procs", || group.procs().map(drop))];
    measure(criterion, "who is in 1000 groups", BASE, contestants, ROUNDS / 10);
    group.remove().expect("they are empty");
}

/// A path at the root of the hierarchies.
fn name(word: &str) -> String {
    format!("/skep-bench-{}-{word}", std::process::id())
}

fn above(group: &Path) -> &Path {
    group.parent().unwrap_or(group)
}

/// Moves the child to the groups above.
fn leave(group: &Cgroup, child: &Child) {
    for directory in group.directories() {
        write(&above(directory).join("cgroup.procs"), &child.id().to_string()).expect("root may move processes");
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    File::options().write(true).open(path)?.write_all(text.as_bytes())
}

/// What our own descriptors are of.
fn descriptors() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_link(entry.path()).ok()).collect()
}

fn contestant<'a, E: ToString>(name: &'static str, mut run: impl FnMut() -> Result<(), E> + 'a) -> Contestant<'a> {
    Contestant { name, run: Box::new(move || run().map_err(|error| error.to_string())) }
}

/// Runs all contestants in turn, prints their table, and hands criterion the times of each.
fn measure(
    criterion: &mut Criterion,
    title: &str,
    base: &'static str,
    contestants: Vec<Contestant<'_>>,
    rounds: usize,
) {
    let names: Vec<&'static str> = contestants.iter().map(|contestant| contestant.name).collect();
    let rounds = Rounds::run(contestants, rounds);
    println!("{}", rounds.table(title, base));
    let mut group = criterion.benchmark_group(format!("cgroup/{title}"));
    group.sample_size(10).warm_up_time(Duration::from_millis(1)).measurement_time(Duration::from_millis(20));
    for name in names {
        let mut next = rounds.times(name).iter().cycle();
        if rounds.times(name).is_empty() {
            continue;
        }
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|count| (0..count).filter_map(|_| next.next()).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, all);
criterion_main!(benches);

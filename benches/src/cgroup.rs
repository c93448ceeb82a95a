// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups beside the least that does the same in raw calls: statistics, a group's life, and a thousand groups.
//!
//! Takes root. The groups are made at the root of the hierarchies that this machine has. The bench of the same name runs
//! it as it is; `benches/peers`, a workspace of its own because of all that they depend on, runs it along with the crates
//! cgroups-rs and libcgroups. A caller's heap is a [`needs::CountingHeap`].
//!
//! Medians of one run on a busy virtual machine of two processors, Linux 6.18, hybrid (version 2 without controllers), as
//! ratios to the first line of each:
//!
//! | | ratio | uses of the heap |
//! |---|---|---|
//! | all statistics of a group, 39 files, held, raw (17 µs) | 1 | 0 |
//! | `StatReader::read` | 1.32 | 0 |
//! | the same opened each time, raw | 4.15 | 0 |
//! | `Cgroup::stat` | 5.81 | 366 |
//! | libcgroups, which reads fewer files, kept; made anew | 4.65; 31.95 | 488; 7794 |
//! | cgroups-rs, likewise | 10.40; 12.18 | 868; 1618 |
//! | a life in 3 hierarchies, raw (114 µs) | 1 | 20 |
//! | `Cgroup` | 1.13 | 116 |
//! | cgroups-rs, in 2 hierarchies | 0.91 | 812 |
//! | libcgroups, in all | 6.97 | 8640 |
//! | who is in 1000 groups, raw, without looking for groups below | 1 | 6082 |
//! | raw, looking | 1.37 | 2082 |
//! | `Cgroup::procs` | 1.33 | 4100 |
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a bench shows a table, and ends where it cannot run")]

use std::ffi::{CString, OsStr};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, mkdir, openat, rmdir};
use rustix::io::{Errno, pread, read, write};
use skep::cgroup::{Cgroup, Controller, Layout, Limits, MIB, Version};

use crate::paired::{Contestant, Rounds};

const ROUNDS: usize = 300;
const GROUPS: usize = 1000;

/// What a life is limited by.
const CONTROLLERS: [Controller; 2] = [Controller::Memory, Controller::Pids];
/// The most memory in a life.
pub const MEMORY: u64 = 64 << 20;
/// The most processes in a life.
pub const PIDS: u32 = 32;

/// Others that do the same.
#[derive(Debug, Clone, Copy)]
pub struct Peers {
    /// Who reads all statistics of the group of this path.
    pub statistics: fn(&str) -> Vec<Contestant<'static>>,
    /// Who makes a group of this path in the hierarchies of memory and pids, limits it to [`MEMORY`] and [`PIDS`], adds the
    /// process of this number, moves it to the groups above by [`leave`], and removes the group.
    pub life: fn(&str, u32) -> Vec<Contestant<'static>>,
}

/// Nobody.
pub const ALONE: Peers = Peers { statistics: |_| Vec::new(), life: |_, _| Vec::new() };

/// Measures all, shows the tables, and hands each to `each` under its title.
pub fn all(peers: Peers, each: &mut dyn FnMut(&str, &Rounds)) {
    let layout = Layout::detect().expect("this machine has cgroups");
    let sleep = Command::new("sleep").arg("600").stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let child = Sleeper(sleep.expect("sleep can be run"));
    statistics(peers, each, &layout, child.0.id());
    life(peers, each, &layout, child.0.id());
    thousand(each, &layout);
}

/// Ends with us, however that comes.
struct Sleeper(Child);

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ended = self.0.kill().and_then(|()| self.0.wait());
    }
}

fn statistics(peers: Peers, each: &mut dyn FnMut(&str, &Rounds), layout: &Layout, pid: u32) {
    const BASE: &str = "the same files held, raw";
    let path = name("stat");
    let group = Cgroup::create_in(layout, &path).expect("root may make groups");
    group.add(pid).expect("the child can join");
    let before = descriptors();
    let mut reader = group.stat_reader().expect("its files can be read");
    let paths = descriptors().into_iter().filter(|path| !before.contains(path));
    let paths: Vec<CString> = paths.map(|path| c_string(path.as_os_str())).collect();
    let held: Vec<OwnedFd> = paths.iter().map(|path| open(path).expect("it was open a moment ago")).collect();
    let (mut buffer, mut other) = (vec![0; 8192], vec![0; 8192]);
    let mut contestants = vec![
        Contestant::new(BASE, move || held.iter().try_for_each(|file| pread(file, &mut *buffer, 0).map(drop))),
        Contestant::new("StatReader::read", || reader.read().map(drop)),
        Contestant::new("the same opened, raw", || {
            paths.iter().try_for_each(|path| read(open(path)?, &mut *other).map(drop))
        }),
        Contestant::new("Cgroup::stat", || group.stat().map(drop)),
    ];
    contestants.extend((peers.statistics)(&path));
    let title = format!("all statistics of one group: {} files", paths.len());
    measure(each, &title, BASE, contestants, ROUNDS);
    leave(group.directories(), pid).expect("root may move processes");
    group.remove().expect("it is empty");
}

/// Made, limited, joined, left, removed: a group in the hierarchies of memory and pids.
fn life(peers: Peers, each: &mut dyn FnMut(&str, &Rounds), layout: &Layout, pid: u32) {
    const BASE: &str = "mkdir, write, rmdir, raw";
    let path = name("life");
    let limits = Limits::new().memory_max(64 * MIB).pids_max(u64::from(PIDS));
    let directories = layout.directories(&path, CONTROLLERS);
    let (memory, pids) = (MEMORY.to_string(), PIDS.to_string());
    let files: Vec<(CString, &str)> = [(Controller::Memory, memory.as_str()), (Controller::Pids, pids.as_str())]
        .into_iter()
        .filter_map(|(controller, text)| {
            let hierarchy = layout.of(controller)?;
            let file = match (controller, hierarchy.version()) {
                (Controller::Memory, Version::V1) => "memory.limit_in_bytes",
                (Controller::Memory, Version::V2) => "memory.max",
                _ => "pids.max",
            };
            let file = hierarchy.mount_point().join(path.trim_start_matches('/')).join(file);
            Some((c_string(file.as_os_str()), text))
        })
        .collect();
    let text = pid.to_string();
    let groups: Vec<CString> = directories.iter().map(|group| c_string(group.as_os_str())).collect();
    let members: Vec<CString> = directories.iter().map(|group| procs(group)).collect();
    let raw = || {
        groups.iter().try_for_each(|group| mkdir(group, Mode::from_raw_mode(0o755)))?;
        files.iter().try_for_each(|(file, text)| put(file, text))?;
        members.iter().try_for_each(|file| put(file, &text))?;
        leave(directories.iter(), pid)?;
        groups.iter().try_for_each(rmdir)
    };
    let ours = || {
        let group = Cgroup::create_with(layout, &path, CONTROLLERS).map_err(|error| error.to_string())?;
        group.apply(&limits).map_err(|error| error.to_string())?;
        group.add(pid).map_err(|error| error.to_string())?;
        leave(group.directories(), pid).map_err(|error| error.to_string())?;
        group.remove().map_err(|error| error.to_string())
    };
    let mut contestants = vec![Contestant::new(BASE, raw), Contestant::new("Cgroup", ours)];
    contestants.extend((peers.life)(&path, pid));
    measure(each, &format!("the life of a group in {} hierarchies", directories.len()), BASE, contestants, ROUNDS);
}

/// The processes of a thousand groups below one.
fn thousand(each: &mut dyn FnMut(&str, &Rounds), layout: &Layout) {
    const BASE: &str = "readdir, open, read, raw";
    const LEVELS: &str = "the same, each looked into";
    let path = name("many");
    let group = Cgroup::create_with(layout, &path, []).expect("root may make groups");
    let directory = group.directories().next().map(Path::to_owned).expect("it has one");
    for number in 0..GROUPS {
        fs::create_dir(directory.join(number.to_string())).expect("root may make groups");
    }
    let opened = || open(&c_string(directory.as_os_str()));
    // The least for who knows that there are no groups below those.
    let flat = || {
        let (above, mut buffer) = (opened()?, [0; 4096]);
        for entry in Dir::read_from(&above)? {
            let entry = entry?;
            if is_group(&entry) {
                let file = [entry.file_name().to_bytes(), b"/cgroup.procs"].concat();
                read(openat(&above, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?, &mut buffer)?;
            }
        }
        Ok::<_, Errno>(())
    };
    // And for who does not.
    let deep = || {
        let (above, mut buffer) = (opened()?, [0; 4096]);
        for entry in Dir::read_from(&above)? {
            let entry = entry?;
            if is_group(&entry) {
                let group = openat(&above, entry.file_name(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
                read(openat(&group, c"cgroup.procs", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?, &mut buffer)?;
                if rustix::fs::fstat(&group)?.st_nlink != 2 {
                    return Err(Errno::NOTEMPTY);
                }
            }
        }
        Ok::<_, Errno>(())
    };
    let contestants = vec![
        Contestant::new(BASE, flat),
        Contestant::new(LEVELS, deep),
        Contestant::new("Cgroup::procs", || group.procs().map(drop)),
    ];
    measure(each, &format!("who is in {GROUPS} groups"), BASE, contestants, ROUNDS / 10);
    group.remove().expect("they are empty");
}

fn is_group(entry: &rustix::fs::DirEntry) -> bool {
    entry.file_type() == FileType::Directory && ![c".", c".."].contains(&entry.file_name())
}

/// A path at the root of the hierarchies.
fn name(word: &str) -> String {
    format!("/skep-bench-{}-{word}", std::process::id())
}

/// Moves the process from these groups to those above.
///
/// # Errors
/// What the kernel answers.
pub fn leave(mut groups: impl Iterator<Item: AsRef<Path>>, pid: u32) -> Result<(), Errno> {
    let text = pid.to_string();
    groups.try_for_each(|group| {
        let group = group.as_ref();
        put(&procs(group.parent().unwrap_or(group)), &text)
    })
}

fn procs(group: &Path) -> CString {
    c_string(group.join("cgroup.procs").as_os_str())
}

fn c_string(text: &OsStr) -> CString {
    CString::new(text.as_bytes()).expect("paths have no NUL byte")
}

fn open(path: &CString) -> Result<OwnedFd, Errno> {
    openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

fn put(path: &CString, text: &str) -> Result<(), Errno> {
    let file = openat(CWD, path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    write(file.as_fd(), text.as_bytes()).map(drop)
}

/// What our own descriptors are of.
fn descriptors() -> Vec<PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    entries.filter_map(|entry| fs::read_link(entry.path()).ok()).collect()
}

/// Runs all contestants in turn, and prints their table.
fn measure(
    each: &mut dyn FnMut(&str, &Rounds),
    title: &str,
    base: &'static str,
    mut contestants: Vec<Contestant<'_>>,
    rounds: usize,
) {
    // The second time: the first fills what is kept.
    let uses = contestants.iter_mut().map(|contestant| {
        let _first = (contestant.run)();
        let uses = needs::heap_uses(|| drop((contestant.run)()));
        format!("{uses} {}", contestant.name)
    });
    let uses: Vec<String> = uses.collect();
    let rounds = Rounds::run(contestants, rounds);
    println!("{}uses of the heap: {}\n", rounds.table(title, base), uses.join(", "));
    each(title, &rounds);
}

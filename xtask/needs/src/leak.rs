// SPDX-License-Identifier: MIT OR Apache-2.0
//! The leak check: what an isolated block has left behind.
//!
//! Compares by identity with what was there before the block: a process by number and start, a descriptor by number and
//! target, a mount by its id. What carries this run's token is a leak wherever it is.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::process::{self, Process};
use crate::{groups, machine, scratch, token};

/// How long something that is just ending may take: an exit is over only when the parent has heard of it.
const GRACE: Duration = Duration::from_secs(2);

/// What was there before the block.
#[derive(Debug)]
pub(crate) struct Baseline {
    boxed: bool,
    processes: Vec<Process>,
    descriptors: BTreeMap<u32, PathBuf>,
    mounts: Vec<String>,
    links: Vec<String>,
    tables: Vec<String>,
    paths: Vec<PathBuf>,
    hierarchies: Vec<String>,
}

impl Baseline {
    /// Looks now.
    pub(crate) fn take(boxed: bool) -> Self {
        Self {
            boxed,
            processes: others(boxed),
            descriptors: descriptors(),
            mounts: mounts(),
            links: links(),
            tables: machine::nf_table_names(),
            paths: paths(),
            hierarchies: hierarchies(token()),
        }
    }

    /// A sentence for each thing that was not there before, after a grace.
    pub(crate) fn leaks(&self) -> Vec<String> {
        let end = Instant::now() + GRACE;
        loop {
            let leaks = self.look();
            if leaks.is_empty() || Instant::now() > end {
                return leaks;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn look(&self) -> Vec<String> {
        let mut leaks = self.new_processes();
        let known = |number: &u32, target: &PathBuf| self.descriptors.get(number) == Some(target);
        let open = descriptors().into_iter().filter(|(number, target)| !known(number, target));
        leaks.extend(open.map(|(number, target)| format!("descriptor {number} ({}) is open", target.display())));
        // Outside of the box others may mount: there a mount is ours by our token.
        let ours = |line: &String| !self.mounts.contains(line) && (self.boxed || line.contains(token()));
        leaks.extend(mounts().into_iter().filter(ours).map(|line| format!("the mount {line} is there")));
        if self.boxed {
            let new = links().into_iter().filter(|link| !self.links.contains(link));
            leaks.extend(new.map(|link| format!("the network link {link} is there")));
            let new = machine::nf_table_names().into_iter().filter(|table| !self.tables.contains(table));
            leaks.extend(new.map(|table| format!("the table {table} of nf_tables is there")));
        }
        let new = paths().into_iter().filter(|path| !self.paths.contains(path));
        leaks.extend(new.map(|path| format!("{} is there", path.display())));
        let new = hierarchies(token()).into_iter().filter(|name| !self.hierarchies.contains(name));
        leaks.extend(new.map(|name| format!("the cgroup hierarchy {name} is there, mounted or not")));
        leaks
    }

    fn new_processes(&self) -> Vec<String> {
        let known = |found: &Process| {
            self.processes.iter().any(|before| (before.pid, before.started) == (found.pid, found.started))
        };
        let new = others(self.boxed).into_iter().filter(|found| !known(found));
        let sentence = |found: Process| match found.is_zombie() {
            true => format!("{found} was not waited for"),
            false => format!("{found} is running"),
        };
        new.map(sentence).collect()
    }
}

/// Every process that is not this one or its warden: in the box all, outside of it those below the warden.
fn others(boxed: bool) -> Vec<Process> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    let warden = rustix::process::getppid().map_or(0, |pid| pid.as_raw_nonzero().get());
    let found = if boxed { process::all() } else { process::descendants(warden) };
    found.into_iter().filter(|process| process.pid != own && process.pid != warden).collect()
}

/// Open descriptors and what they lead to.
fn descriptors() -> BTreeMap<u32, PathBuf> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else {
        return BTreeMap::new();
    };
    let numbers: Vec<u32> = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // The directory was open while it was read, and is not any more: its own number has no target now.
    let target = |number: u32| Some((number, fs::read_link(format!("/proc/self/fd/{number}")).ok()?));
    numbers.into_iter().filter_map(target).collect()
}

fn mounts() -> Vec<String> {
    let text = fs::read("/proc/self/mountinfo").unwrap_or_default();
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

/// Names of network links: the first two lines are a heading.
fn links() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    text.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

/// Scratch directories and cgroups with this run's token.
fn paths() -> Vec<PathBuf> {
    let mut paths = scratch::left(token());
    paths.extend(groups::carrying(token()));
    paths
}

/// Cgroup hierarchies whose name carries `token`: one that is unmounted before the last of its groups is wholly gone stays
/// until the machine ends, or until it is mounted and unmounted again.
fn hierarchies(token: &str) -> Vec<String> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split(':').nth(1)?.strip_prefix("name="));
    names.filter(|name| name.contains(token)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_descriptors_are_seen_and_the_listing_itself_is_not() {
        let file = fs::File::open("/proc/self/status").unwrap();
        let seen = descriptors();
        drop(file);
        assert!(seen.values().any(|target| target.ends_with("status")), "{seen:?}");
        assert!(!seen.values().any(|target| target.ends_with("fd")), "{seen:?}");
    }

    #[test]
    fn the_loopback_link_is_known() {
        assert!(links().contains(&"lo".to_owned()));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The caller: after a thousand starts it is what it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use caps::CapSet;
use needs::{isolated_for, needs, rounds};
use nix::sys::signal::{SigSet, Signal};
use skep::Container;
use skep::ns::{IdMap, Namespaces};

use crate::common::{FIVE, namespace_links, namespaces};

/// All of a process that a start could change.
#[derive(Debug, PartialEq, Eq)]
struct State {
    dumpable: String,
    oom_score_adj: String,
    status: Vec<String>,
    capabilities: Vec<String>,
    descriptors: BTreeMap<String, PathBuf>,
    directory: PathBuf,
    namespaces: Vec<PathBuf>,
    limits: String,
    mounts: String,
    parent_death_signal: String,
}

impl State {
    fn now() -> Self {
        let read = |name: &str| fs::read_to_string(format!("/proc/thread-self/{name}")).unwrap();
        let keys =
            ["Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "NoNewPrivs", "Seccomp", "Threads", "Name"];
        let is_kept = |line: &&str| keys.iter().any(|key| line.split(':').next() == Some(key));
        let sets = [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Bounding, CapSet::Ambient];
        let sorted = |set| {
            let mut names: Vec<_> = caps::read(None, set).unwrap().into_iter().map(|cap| cap.to_string()).collect();
            names.sort();
            format!("{set:?}: {names:?}")
        };
        Self {
            dumpable: format!("{:?}", rustix::process::dumpable_behavior().unwrap()),
            oom_score_adj: read("oom_score_adj"),
            status: read("status").lines().filter(is_kept).map(str::to_owned).collect(),
            capabilities: sets.map(sorted).to_vec(),
            descriptors: descriptors(),
            directory: std::env::current_dir().unwrap(),
            namespaces: namespace_links("thread-self"),
            limits: read("limits"),
            mounts: read("mountinfo"),
            parent_death_signal: format!("{:?}", rustix::process::parent_process_death_signal().unwrap()),
        }
    }
}

fn descriptors() -> BTreeMap<String, PathBuf> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().flatten();
    // The directory that is read is closed by the time its link is.
    entries
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, fs::read_link(entry.path()).ok()?)))
        .collect()
}

#[track_caller]
fn a_thousand_starts_change_nothing(namespaces: &Namespaces) {
    // Some of it is not as every process has it.
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGUSR2);
    blocked.thread_block().unwrap();
    fs::write("/proc/self/oom_score_adj", "123").unwrap();
    let kept = fs::File::open("/proc/self/status").unwrap();
    let before = State::now();
    for number in 0..rounds(1000) {
        let builder = Container::anonymous().namespaces(namespaces.clone()).command("/bin/true", [""; 0]);
        let container = builder.start().unwrap_or_else(|error| panic!("{number}: {}", skep::Report(&error)));
        assert!(container.wait().unwrap().success(), "{number}");
    }
    assert_eq!(State::now(), before);
    drop(kept);
}

#[test]
fn root_s_starts_leave_root_as_it_was() {
    needs!(root);
    isolated_for(Duration::from_secs(600), || a_thousand_starts_change_nothing(&Namespaces::new().make(FIVE)));
}

#[test]
fn root_s_starts_with_a_user_namespace_leave_root_as_it_was() {
    needs!(root, userns);
    isolated_for(Duration::from_secs(600), || {
        a_thousand_starts_change_nothing(&Namespaces::new().make(FIVE).user(IdMap::whole(300_000, 65_536)));
    });
}

#[test]
fn a_user_s_starts_with_a_user_namespace_leave_the_user_as_it_was() {
    needs!(user, userns);
    isolated_for(Duration::from_secs(600), || a_thousand_starts_change_nothing(&namespaces()));
}

#[test]
fn a_user_s_starts_without_namespaces_leave_the_user_as_it_was() {
    needs!(user);
    isolated_for(Duration::from_secs(600), || a_thousand_starts_change_nothing(&Namespaces::new()));
}

#[test]
fn failed_starts_leave_the_caller_as_it_was_too() {
    isolated_for(Duration::from_secs(600), || {
        let before = State::now();
        for _ in 0..50 {
            assert!(Container::anonymous().command("/no/such/program", [""; 0]).start().is_err());
            let far = Container::anonymous().command("/bin/true", [""; 0]).current_dir("/no/such/directory");
            assert!(far.create().is_err());
            assert!(Container::anonymous().start().is_err());
        }
        assert_eq!(State::now(), before);
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is listed, beside lsns(8), and while processes come and go.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use needs::{Scratch, isolated, needs, rounds};
use rustix::mount::{UnmountFlags, mount_bind, unmount};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use skep_ns::{ErrorKind, Listed, Namespace, NamespaceKind};

use crate::support::{Sleeper, check};

/// What lsns says of each namespace: type, processes, lowest number, user, command, parent, owner.
type Told = HashMap<u64, (String, u64, u64, String, String, u64, u64)>;

fn lsns() -> Told {
    let out =
        Command::new("lsns").args(["--list", "-J", "-o", "NS,TYPE,NPROCS,PID,USER,COMMAND,PNS,ONS"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let all: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let rows = all["namespaces"].as_array().unwrap();
    let number = |row: &serde_json::Value, key: &str| row[key].as_u64().unwrap_or_default();
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    rows.iter()
        .map(|row| {
            let shape = (text(row, "type"), number(row, "nprocs"), number(row, "pid"), text(row, "user"));
            let (kind, processes, pid, user) = shape;
            let command = text(row, "command");
            (number(row, "ns"), (kind, processes, pid, user, command, number(row, "pns"), number(row, "ons")))
        })
        .collect()
}

fn ours() -> Told {
    let listing = skep_ns::list().unwrap();
    let row = |found: &Listed| {
        let first = found.first.as_ref()?;
        let inode = |id: Option<skep_ns::NamespaceId>| id.map_or(0, |id| id.inode);
        let user = first.user.clone().unwrap_or_else(|| first.uid.to_string());
        let told = (
            found.id.kind.proc_name().to_owned(),
            u64::from(found.processes),
            u64::from(first.pid),
            user,
            first.command.clone(),
            inode(found.parent),
            inode(found.owner),
        );
        Some((found.id.inode, told))
    };
    listing.namespaces.iter().filter_map(row).collect()
}

/// Lsns sees itself, as a process more of the caller's namespaces.
fn without_lsns(mut told: Told, own: &Told) -> Told {
    let mine: Vec<u64> =
        skep_ns::list_of(std::process::id()).unwrap().namespaces.iter().map(|at| at.id.inode).collect();
    for (inode, row) in &mut told {
        if mine.contains(inode) {
            row.1 -= 1;
        }
        // Blanks at the ends of a command line are ours to drop.
        if let Some(own) = own.get(inode).filter(|own| own.4 == row.4.trim()) {
            row.4.clone_from(&own.4);
        }
    }
    told
}

#[test]
fn lsns_lists_the_same() {
    needs!(root, program("lsns"), syscall("pidfd_open"));
    isolated(|| {
        let _sleepers: Vec<_> = NamespaceKind::ALL.into_iter().map(Sleeper::of_kind).collect();
        let _nested =
            Sleeper::unshared(&["--user", "--map-root-user", "--net", "--uts", "--pid", "--fork", "--kill-child"]);
        let own = ours();
        assert!(own.len() >= 8 + 8 + 4, "{own:#?}");
        assert_eq!(without_lsns(lsns(), &own), own);
    });
}

#[test]
fn a_user_is_shown_the_own_namespaces_and_told_of_what_is_hidden() {
    needs!(user, userns, program("lsns"), syscall("pidfd_open"));
    isolated(|| {
        let sleeper = Sleeper::unshared(&["--user", "--map-root-user", "--net"]);
        let own = ours();
        for found in &skep_ns::list_of(sleeper.pid).unwrap().namespaces {
            assert!(own.contains_key(&found.id.inode), "{found:?}");
        }
        let listing = skep_ns::list().unwrap();
        // Process 1 is root's.
        assert!(listing.hidden.processes > 0);
        assert!(listing.to_string().ends_with("may not be seen are not in it\n"), "{listing}");
        assert!(skep_ns::list_with_holders().unwrap().hidden.holders > 0);
    });
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn processes_that_come_and_go_are_no_error() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let done = AtomicBool::new(false);
        let done = &done;
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        let mut child = Command::new("unshare");
                        child.args(["--user", "--net", "--uts", "true"]).stdin(Stdio::null());
                        assert!(child.status().unwrap().success());
                    }
                });
            }
            // Dropped by a panic too: the threads would go on for ever.
            let _stop = Stop(done);
            for _ in 0..rounds(300) {
                let listing = skep_ns::list_with_holders().unwrap();
                let ours = listing.of_process(std::process::id()).unwrap();
                assert_eq!(ours.namespaces.len(), 8);
                assert!(ours.namespaces.iter().all(|found| found.processes > 0 && found.first.is_some()));
            }
        });
    });
}

#[test]
fn one_process_is_listed_with_all_who_share_its_namespaces() {
    needs!(userns, syscall("pidfd_open"));
    isolated(|| {
        let sleeper = Sleeper::of_kind(NamespaceKind::Uts);
        let listing = skep_ns::list_of(sleeper.pid).unwrap();
        assert_eq!(listing.namespaces.len(), 8);
        let of = |kind| listing.of_kind(kind).namespaces.remove(0);
        assert_eq!(of(NamespaceKind::Uts).processes, 1);
        assert_eq!(of(NamespaceKind::Uts).first.unwrap().command, "sleep 600");
        assert!(of(NamespaceKind::Ipc).processes >= 2, "it and us");
        let error = skep_ns::list_of(4_194_304).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        check("no process to list", &error);
    });
}

#[test]
fn names_of_users_are_read_and_no_code_is_loaded_for_them() {
    needs!(root, program("mkfifo"), syscall("pidfd_open"));
    isolated(|| {
        let directory = Scratch::new();
        let named = || skep_ns::list().unwrap().namespaces.iter().find_map(|found| found.first.clone()).unwrap().user;
        let covered = |path: &str, text: &str, work: &dyn Fn()| {
            let file = directory.join("file");
            std::fs::write(&file, text).unwrap();
            mount_bind(&file, path).unwrap();
            work();
            unmount(path, UnmountFlags::DETACH).unwrap();
        };
        // As those inside a joined mount namespace may have it: the C library would load libnss_skep.so.2.
        covered("/etc/nsswitch.conf", "passwd: skep\n", &|| assert_eq!(named().as_deref(), Some("root")));
        covered("/etc/passwd", "queen:x:0:0::/:\n", &|| assert_eq!(named().as_deref(), Some("queen")));
        // Nobody writes to it: who opens it waits for ever.
        let fifo = directory.join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        mount_bind(&fifo, "/etc/passwd").unwrap();
        assert_eq!(named(), None);
        unmount("/etc/passwd", UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn at_the_limit_on_descriptors_a_part_is_not_given_for_the_whole() {
    // In a box of its own: what others make meanwhile would be counted.
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let whole = skep_ns::list().unwrap().namespaces.len();
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: before.maximum }).unwrap();
        let mut held = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            held.push(file);
        }
        // With none left, with one, and so on, until there are enough.
        loop {
            match skep_ns::list_with_holders() {
                Ok(listing) => break assert!(listing.namespaces.len() >= whole, "{listing}"),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Exhausted, "{error:?}"),
            }
            held.pop().unwrap();
        }
        assert!(held.len() < 60);
        setrlimit(Resource::Nofile, before).unwrap();
    });
}

#[test]
fn the_namespaces_of_the_next_children_are_listed_with_a_process() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let sleeper = Sleeper::unshared(&["--pid", "--time", "--fork", "--kill-child"]);
        // Who has unshared stays outside, and its children go in.
        let status = std::fs::read_to_string(format!("/proc/{}/status", sleeper.pid)).unwrap();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap();
        let listing = skep_ns::list_of(parent).unwrap();
        assert_eq!(listing.namespaces.len(), 10, "{listing}");
        let theirs = |kind| Namespace::of(&sleeper.pidfd(), kind).unwrap().id().unwrap();
        assert_eq!(listing.for_children, [theirs(NamespaceKind::Pid), theirs(NamespaceKind::Time)]);
        assert!(skep_ns::list_of(sleeper.pid).unwrap().for_children.is_empty());
    });
}

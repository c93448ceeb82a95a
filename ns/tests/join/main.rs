// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads in other namespaces: they are there, whoever asked stays where it was, and what cannot be is said.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests may be as blunt as tests")]
#![allow(unsafe_code, reason = "pre_exec of std is unsafe to call")]

#[path = "../spawn/support/said.rs"]
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
mod said;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use needs::{isolated, isolated_for, needs, rounds};
use skep_ns::NamespaceKind::{self, Ipc, Mount, Net, Pid, Time, User, Uts};
use skep_ns::{Child, Error, ErrorKind, IdMap, Join, Namespace, Namespaces, Spawn, Stdio};

/// A waiting program in other namespaces; ended when dropped.
struct Neighbour(Child);

impl Neighbour {
    fn start(set: Namespaces) -> Self {
        let mut spawn = Spawn::new("/bin/sh");
        spawn.args(["-c", "echo; read line"]).namespaces(set).stdin(Stdio::Piped).stdout(Stdio::Piped);
        let mut child = spawn.spawn().unwrap_or_else(|error| panic!("{}", said::all(&error)));
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        Self(child)
    }

    /// Of the caller's own user namespace.
    fn of_root(kinds: &[NamespaceKind]) -> Self {
        Self::start(Namespaces::new().make(kinds.iter().copied()))
    }

    fn of_its_own(kinds: &[NamespaceKind]) -> Self {
        Self::start(Namespaces::new().make(kinds.iter().copied()).user(IdMap::current_as_root()))
    }

    fn join(&self, kinds: &[NamespaceKind]) -> Join {
        Join::new().process(self.0.as_fd().try_clone_to_owned().unwrap(), kinds.iter().copied())
    }

    fn namespace(&self, kind: NamespaceKind) -> Namespace {
        Namespace::of(self.0.pidfd(), kind).unwrap()
    }

    fn links(&self) -> BTreeMap<NamespaceKind, PathBuf> {
        links(&self.0.pid().to_string())
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn links(process: &str) -> BTreeMap<NamespaceKind, PathBuf> {
    let link = |kind: NamespaceKind| fs::read_link(format!("/proc/{process}/ns/{}", kind.proc_name())).unwrap();
    NamespaceKind::ALL.into_iter().map(|kind| (kind, link(kind))).collect()
}

/// Where the calling thread is, and what else joining could change of it.
fn here() -> (BTreeMap<NamespaceKind, PathBuf>, Vec<PathBuf>, String) {
    let link = |name: &str| fs::read_link(format!("/proc/thread-self/{name}")).unwrap();
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let lines = status.lines().filter(|line| {
        ["Umask", "Uid", "Gid", "Groups", "Cap", "Sig"]
            .iter()
            .any(|key| line.starts_with(key) && !line.starts_with("SigQ"))
    });
    (links("thread-self"), vec![link("cwd"), link("root")], lines.collect())
}

fn check(name: &str, error: &Error) {
    said::check(name, error, Path::new("/none"));
}

#[test]
fn a_closure_runs_in_the_namespaces_of_a_process_and_the_caller_stays() {
    needs!(root);
    isolated(|| {
        let other = Neighbour::of_root(&[Mount, Uts, Ipc, Net]);
        let before = here();
        let found = other.join(&[Mount, Uts, Ipc, Net]).run(|| links("thread-self")).unwrap().unwrap();
        assert_eq!(found, other.links());
        assert_eq!(here(), before);
        let by_files = [Mount, Net].into_iter().fold(Join::new(), |join, kind| join.namespace(other.namespace(kind)));
        let found = by_files.run(|| links("thread-self")).unwrap().unwrap();
        assert_eq!((&found[&Mount], &found[&Net]), (&other.links()[&Mount], &other.links()[&Net]));
        assert_eq!(found[&Uts], before.0[&Uts]);
        assert_eq!(here(), before);
    });
}

#[test]
fn a_closure_runs_in_new_namespaces_and_what_it_does_there_is_not_seen_here() {
    needs!(root);
    isolated(|| {
        let before = here();
        let name = || fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let host = name();
        let found = Join::new().make([Mount, Uts]).run(|| {
            fs::write("/proc/sys/kernel/hostname", "elsewhere").unwrap();
            name()
        });
        assert_eq!(found.unwrap().unwrap(), "elsewhere\n");
        assert_eq!((name(), here()), (host, before));
    });
}

#[test]
fn a_way_is_told_in_parts_without_what_one_is_in_already() {
    needs!(root);
    isolated(|| {
        let other = Neighbour::of_root(&[Mount, Uts, Ipc, Net]);
        let way = other.join(&[Mount, Uts, Ipc, Net, Pid]).prepare().unwrap();
        let kinds: Vec<_> = way.joins().map(|(_, kinds)| kinds.kinds().collect::<Vec<_>>()).collect();
        assert_eq!(kinds, [vec![Mount, Uts, Ipc, Net]]);
        let one_by_one = Join::new().namespace(other.namespace(Uts)).namespace(other.namespace(Net)).prepare().unwrap();
        let kinds: Vec<_> = one_by_one.joins().flat_map(|(_, kinds)| kinds.kinds().collect::<Vec<_>>()).collect();
        assert_eq!(kinds, [Uts, Net]);
        assert!(one_by_one.refused(1, 1).to_string().contains("net namespace"), "{}", one_by_one.refused(1, 1));
        assert!(one_by_one.refused(0, 1).to_string().contains("uts namespace"), "{}", one_by_one.refused(0, 1));
    });
}

#[test]
fn what_a_closure_answers_and_its_panic_are_handed_over() {
    isolated(|| {
        let text = String::from("borrowed");
        assert_eq!(Join::new().run(|| text.len()).unwrap().unwrap(), 8);
        let panic = Join::new().run(|| panic!("out")).unwrap().unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"out"));
    });
}

#[test]
fn what_no_thread_can_join_is_refused_with_the_other_ways() {
    needs!(userns, syscall("clone3"));
    isolated(|| {
        let other = Neighbour::of_its_own(&[Uts, Time]);
        let before = here();
        let error = other.join(&[User, Uts]).run(|| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        check("user namespace and a thread", &error);
        let error = Join::new().make([User]).run(|| ()).unwrap_err();
        check("new user namespace and a thread", &error);
        // The test's own thread and the harness's: two.
        let error = other.join(&[User]).enter_namespaces().unwrap_err();
        assert_eq!(error.problems().len(), 1, "{}", said::all(&error));
        let error = other.join(&[Time]).run(|| ()).unwrap_err();
        assert!(error.problems()[0].contains("time namespace"), "{}", said::all(&error));
        let error = other.join(&[]).run(|| ()).unwrap_err();
        check("no kind of a process", &error);
        assert_eq!(here(), before);
    });
}

#[test]
fn what_the_caller_is_in_already_takes_no_right_and_no_child() {
    isolated(|| {
        let mut child = Spawn::new("/bin/sh").args(["-c", "read line"]).stdin(Stdio::Piped).spawn().unwrap();
        let there = Join::new().process(child.as_fd().try_clone_to_owned().unwrap(), NamespaceKind::ALL);
        let before = here();
        let found = there.run(here).unwrap_or_else(|error| panic!("{}", said::all(&error)));
        assert_eq!(found.unwrap(), before);
        let mut spawn = Spawn::new("/bin/true");
        spawn.join_process(child.as_fd().try_clone_to_owned().unwrap(), NamespaceKind::ALL);
        assert!(spawn.status().unwrap().success());
        for name in ["user", "time"] {
            let own = File::open(format!("/proc/self/ns/{name}")).unwrap();
            Join::new().namespace(own).run(|| ()).unwrap().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    });
}

#[test]
fn without_the_right_a_thread_joins_and_makes_nothing() {
    needs!(user, userns);
    isolated(|| {
        let other = Neighbour::of_its_own(&[Net]);
        let before = here();
        check("net namespace without its owner", &Join::new().namespace(other.namespace(Net)).run(|| ()).unwrap_err());
        check("thread that may make nothing", &Join::new().make([Net, Uts]).run(|| ()).unwrap_err());
        assert_eq!(here(), before);
    });
}

#[test]
fn entering_is_for_the_calling_thread_alone() {
    needs!(root);
    isolated(|| {
        let other = Neighbour::of_root(&[Mount, Uts]);
        let before = here();
        thread::scope(|scope| {
            let entered = scope.spawn(|| {
                other.join(&[Mount, Uts]).enter_namespaces().unwrap();
                here()
            });
            let (found, directories, _) = entered.join().unwrap();
            assert_eq!((found, directories), (other.links(), vec![PathBuf::from("/"), PathBuf::from("/")]));
        });
        assert_eq!(here(), before);
    });
}

#[test]
fn the_child_of_a_command_goes_there_by_the_prepared_way() {
    needs!(userns);
    isolated(|| {
        let other = Neighbour::of_its_own(&[Mount, Uts, Net]);
        let before = here();
        let there = other.join(&[User, Mount, Uts, Net]).prepare().unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "for kind in user mnt uts net; do readlink /proc/self/ns/$kind; done"]);
        // SAFETY: apply() makes system calls and nothing else.
        unsafe { command.pre_exec(move || there.apply()) };
        let out = command.output().unwrap();
        let links = other.links();
        let expected: String = [User, Mount, Uts, Net].map(|kind| format!("{}\n", links[&kind].display())).concat();
        assert_eq!(String::from_utf8_lossy(&out.stdout), expected);
        assert_eq!(here(), before);
        // What the kernel refuses is std's error.
        let there = other.join(&[User]).prepare().unwrap();
        drop(other);
        let mut command = Command::new("/bin/true");
        // SAFETY: as above.
        unsafe { command.pre_exec(move || there.apply()) };
        assert_eq!(command.status().unwrap_err().raw_os_error(), Some(libc::ESRCH));
    });
}

#[test]
fn sixty_four_threads_that_join_and_make_at_once_leave_everybody_where_they_were() {
    needs!(root);
    isolated_for(Duration::from_secs(400), || {
        let others: Vec<Neighbour> = (0..4).map(|_| Neighbour::of_root(&[Uts, Net, Mount])).collect();
        let before = here();
        let files = fs::read_dir("/proc/self/fd").unwrap().count();
        thread::scope(|scope| {
            for number in 0..64 {
                let others = &others;
                scope.spawn(move || {
                    let own = here();
                    for round in 0..rounds(20) {
                        let other = &others[(number + usize::try_from(round).unwrap()) % others.len()];
                        let found = other.join(&[Uts, Net, Mount]).run(|| links("thread-self")).unwrap().unwrap();
                        assert_eq!(found, other.links());
                        let made = Join::new().make([Uts, Ipc]).run(|| links("thread-self")).unwrap().unwrap();
                        assert!(made[&Uts] != own.0[&Uts] && made[&Ipc] != own.0[&Ipc] && made[&Net] == own.0[&Net]);
                        assert_eq!(here(), own);
                    }
                });
            }
        });
        assert_eq!(here(), before);
        assert_eq!(fs::read_dir("/proc/self/fd").unwrap().count(), files);
    });
}

#[test]
fn a_pid_namespace_holds_what_the_thread_starts() {
    needs!(root);
    isolated(|| {
        let found =
            Join::new().make([Pid]).run(|| Spawn::new("/bin/sh").args(["-c", "echo $$"]).output().unwrap().stdout);
        assert_eq!(found.unwrap().unwrap(), b"1\n");
    });
}

#[test]
fn descriptors_that_are_none_of_what_they_should_be_are_named() {
    isolated(|| {
        let of = |file: File| Join::new().namespace(file).prepare().unwrap_err();
        let without_number = |error: &Error| {
            let text = said::all(error);
            let (before, after) = text.split_once("descriptor ").unwrap();
            format!("{before}descriptor FD{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        };
        said::MESSAGES.check("file that is no namespace", &without_number(&of(File::open("/dev/null").unwrap())));
        let directory = of(File::open("/").unwrap());
        assert!(said::all(&directory).contains("a directory, not a namespace"));
        // A descriptor that is closed cannot be had in safe code; a pidfd of nobody can.
        let ended = Spawn::new("/bin/true").spawn().unwrap();
        ended.pidfd().wait().unwrap();
        let error = Join::new().process(ended.as_fd().try_clone_to_owned().unwrap(), [Net]).prepare().unwrap_err();
        said::MESSAGES.check("process that has ended", &without_number(&error));
    });
}

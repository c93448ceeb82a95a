// SPDX-License-Identifier: MIT OR Apache-2.0
//! Copies of the calling thread, by name, in new namespaces if wished.
#![allow(unsafe_code, reason = "Request::copy is unsafe; the copies here make system calls and no more")]

use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use needs::{Need, isolated, isolated_unboxed, needs};
use skep_ns::NamespaceKind::{self, Cgroup, Ipc, Mount, Net, Pid, Time, Uts};
use skep_ns::{Child, Error, ErrorKind, IdMap, Namespaces, Request};

use crate::support::{assert_same, caller, raw, said};

/// A copy that waits at a pipe and then exits with what `then` says. By raw calls: it allocates nothing.
struct Waiting {
    copy: Child,
    gate: PipeWriter,
}

impl Waiting {
    fn start(request: &Request, then: impl Fn() -> u8) -> Result<Self, Error> {
        let (read, gate) = std::io::pipe().unwrap();
        // SAFETY: the copy reads a pipe and calls `then`, which makes a system call; neither allocates or takes a lock.
        let copy = unsafe { request.copy(|| if wait_at(&read) { then() } else { 99 }) }?;
        Ok(Self { copy, gate })
    }

    /// Lets it go on; its exit code.
    fn finish(mut self) -> Option<i32> {
        self.gate.write_all(b"x").unwrap();
        self.copy.wait().unwrap().code()
    }

    fn namespace(&self, kind: NamespaceKind) -> PathBuf {
        namespace(Path::new(&format!("/proc/{}", self.copy.pid())), kind)
    }
}

fn wait_at(gate: &PipeReader) -> bool {
    let mut byte = [0];
    rustix::io::read(gate, &mut byte) == Ok(1)
}

fn namespace(process: &Path, kind: NamespaceKind) -> PathBuf {
    // The offsets of a time namespace are set before the first process enters it: that is at its next exec.
    let name = if kind == Time { "time_for_children" } else { kind.proc_name() };
    fs::read_link(process.join("ns").join(name)).unwrap()
}

fn own(kind: NamespaceKind) -> PathBuf {
    namespace(Path::new("/proc/self"), kind)
}

#[test]
fn a_copy_exits_with_what_its_code_answers() {
    isolated(|| {
        let before = caller::descriptors();
        for code in [0, 1, 7, 255] {
            // SAFETY: the copy answers a local and makes no call.
            let mut copy = unsafe { Request::new().copy(|| code) }.unwrap();
            assert_eq!(copy.wait().unwrap().code(), Some(code.into()));
        }
        assert_same(&before, &caller::descriptors());
    });
}

#[test]
fn a_copy_of_root_has_the_new_namespaces_and_shares_the_others() {
    needs!(root);
    isolated(|| {
        for made in [&[Uts][..], &[Mount, Pid], &[Net, Ipc, Cgroup], &[Mount, Pid, Uts, Ipc, Net, Cgroup]] {
            a_copy_has_these_and_shares_the_others(made);
        }
    });
}

#[test]
fn a_copy_of_root_has_a_new_time_namespace() {
    // clone(2) cannot express it.
    needs!(root, syscall("clone3"), kernel(5, 6));
    isolated(|| {
        for made in [&[Time][..], &[Time, Uts]] {
            a_copy_has_these_and_shares_the_others(made);
        }
    });
}

fn a_copy_has_these_and_shares_the_others(made: &[NamespaceKind]) {
    let request = Request::new().namespaces(Namespaces::new().make(made.iter().copied()));
    let waiting = Waiting::start(&request, || 0).unwrap();
    for kind in [Mount, Pid, Uts, Ipc, Net, Cgroup, Time, NamespaceKind::User] {
        assert_eq!(waiting.namespace(kind) != own(kind), made.contains(&kind), "{kind:?} of {made:?}");
    }
    assert_eq!(waiting.finish(), Some(0));
}

/// The copy's ids in its own eyes.
fn is_root() -> u8 {
    u8::from(!rustix::process::getuid().is_root() || !rustix::process::getgid().is_root())
}

fn a_user_namespace_is_mapped_while_the_copy_waits() {
    let set = Namespaces::new().make([Mount, Uts]).user(IdMap::current_as_root());
    let waiting = Waiting::start(&Request::new().namespaces(set.clone()), is_root).unwrap();
    for kind in [NamespaceKind::User, Mount, Uts] {
        assert_ne!(waiting.namespace(kind), own(kind));
    }
    let process = File::open(format!("/proc/{}", waiting.copy.pid())).unwrap();
    set.id_map().unwrap().write_to(process.as_fd(), waiting.copy.pid()).unwrap();
    assert_eq!(waiting.finish(), Some(0));
    // The other way: nobody is mapped, and nobody is root.
    let waiting = Waiting::start(&Request::new().namespaces(set), is_root).unwrap();
    assert_eq!(waiting.finish(), Some(1));
}

#[test]
fn the_id_map_of_a_copy_is_written_while_it_waits() {
    needs!(userns);
    isolated(a_user_namespace_is_mapped_while_the_copy_waits);
}

#[test]
fn an_ordinary_user_is_denied_namespaces_without_a_user_namespace() {
    needs!(user);
    isolated(|| {
        let before = caller::descriptors();
        let request = Request::new().namespaces(Namespaces::new().make([Uts]));
        let error = Waiting::start(&request, || 0).map(|_| ()).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Denied, Some(libc::EPERM)));
        said::check("copy denied", &error, Path::new("/none"));
        assert_same(&before, &caller::descriptors());
    });
}

#[test]
fn a_copy_gets_the_number_it_was_given() {
    needs!(root, syscall("clone3"));
    isolated(|| {
        let waiting = Waiting::start(&Request::new().pids([4242]), || 0).unwrap();
        assert_eq!(waiting.copy.pid(), 4242);
        let taken = Waiting::start(&Request::new().pids([4242]), || 0).map(|_| ()).unwrap_err();
        assert_eq!(taken.errno(), Some(libc::EEXIST));
        assert_eq!(waiting.finish(), Some(0));
        // The innermost first: number 1 there, 4300 here.
        let inner = Request::new().namespaces(Namespaces::new().make([Pid])).pids([1, 4300]);
        let own_number = || u8::try_from(rustix::process::getpid().as_raw_nonzero().get()).unwrap_or(255);
        let waiting = Waiting::start(&inner, own_number).unwrap();
        assert_eq!((waiting.copy.pid(), waiting.finish()), (4300, Some(1)));
    });
}

/// Where a cgroup v2 hierarchy is mounted.
pub(crate) fn cgroup2() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let line = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    line.split(' ').nth(4).map(PathBuf::from)
}

#[test]
fn a_copy_begins_in_the_given_cgroup() {
    needs!(root, syscall("clone3"), kernel(5, 7));
    if Need::new("a cgroup v2 hierarchy", cgroup2().is_none().then(|| "none is mounted".to_owned())).skip() {
        return;
    }
    isolated_unboxed(|| {
        let directory = cgroup2().unwrap().join(needs::token());
        fs::create_dir(&directory).unwrap();
        let request = Request::new().into_cgroup(File::open(&directory).unwrap());
        let waiting = Waiting::start(&request, || 0).unwrap();
        let members = fs::read_to_string(directory.join("cgroup.procs")).unwrap();
        assert_eq!(members, format!("{}\n", waiting.copy.pid()));
        assert_eq!(waiting.finish(), Some(0));
        fs::remove_dir(&directory).unwrap();
    });
}

#[test]
fn a_panic_in_a_copy_ends_it_and_does_not_go_on_in_the_caller_s_frames() {
    isolated(|| {
        let (mut read, write) = std::io::pipe().unwrap();
        let own = rustix::process::getpid();
        // SAFETY: no other thread of this process is doing anything: the panic may allocate and print.
        let copy = unsafe { Request::new().copy(|| panic!("on purpose")) };
        if rustix::process::getpid() != own {
            // Where a copy must never come to.
            (&write).write_all(b"unwound").unwrap();
        }
        assert_eq!(copy.unwrap().wait().unwrap().code(), Some(134));
        drop(write);
        let mut said = String::new();
        read.read_to_string(&mut said).unwrap();
        assert_eq!(said, "");
    });
}

#[test]
fn a_copy_is_waited_for_with_a_deadline_and_killed() {
    isolated(|| {
        let mut waiting = Waiting::start(&Request::new(), || 0).unwrap();
        assert_eq!(waiting.copy.wait_for(Duration::from_millis(20)).unwrap(), None);
        waiting.copy.kill().unwrap();
        assert_eq!(waiting.copy.wait().unwrap().signal(), Some(libc::SIGKILL));
    });
}

#[test]
fn a_copy_has_the_caller_s_signal_mask() {
    isolated(|| {
        raw::block(&[40, libc::SIGTERM]);
        let own = raw::mask();
        assert_eq!(own, 1 << 39 | 1 << 14);
        let waiting = Waiting::start(&Request::new(), || u8::from(raw::mask() != own)).unwrap();
        assert_eq!(waiting.finish(), Some(0));
        assert_eq!(raw::mask(), own);
    });
}

#[test]
fn without_clone3_a_copy_is_made_by_clone_as_far_as_that_goes() {
    needs!(userns);
    isolated(|| {
        needs::deny(&"clone3".parse().unwrap()).unwrap();
        a_user_namespace_is_mapped_while_the_copy_waits();
        let refused = |name, request: Request| {
            let error = Waiting::start(&request, || 0).map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", said::all(&error));
            said::check(name, &error, Path::new("/none"));
        };
        refused("clone3 denied, numbers", Request::new().pids([4242]));
        refused("clone3 denied, cgroup", Request::new().into_cgroup(File::open("/").unwrap()));
        refused("clone3 denied, time", Request::new().namespaces(Namespaces::new().make([Time])));
    });
}

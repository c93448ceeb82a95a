// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts where a filter refuses the better call.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use needs::{isolated_for, needs};
use rustix::fs::MemfdFlags;
use skep_ns::NamespaceKind::{Mount, Pid, Time, User, Uts};
use skep_ns::{ClockOffset, ErrorKind, IdMap, Namespaces, PidFd, Spawn, Stdio, TimeOffsets};

use crate::signals::{a_program_begins_with_a_clean_slate, no_handler_of_the_caller_runs_in_a_child};
use crate::support::caller::open_above;
use crate::support::halted::{HALT, Halted, WAIT};
use crate::support::{assert_same, caller, said, sh, start_true};

const DEADLINE: Duration = Duration::from_secs(400);

/// Runs `body` in an isolated process under the denials.
fn under(denials: &str, body: impl FnOnce()) {
    isolated_for(DEADLINE, || {
        needs::deny(&denials.parse().unwrap()).unwrap();
        body();
    });
}

fn starts_work() {
    assert_eq!(sh("exit 3").status().unwrap().code(), Some(3));
    let out = sh("cat; echo out; echo err >&2").output().unwrap();
    assert_eq!((out.stdout.as_slice(), out.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
    let error = Spawn::new("/nowhere/at/all").spawn().unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(2)));
}

fn unlisted_descriptors_are_closed() {
    let _held = [3, 17, 64, 300, 700].map(open_above);
    let listed = File::open("/dev/zero").unwrap();
    let found = Halted::start(sh(HALT).fd(70, listed).stdin(Stdio::Null)).descriptors();
    let numbers: Vec<i32> = found.keys().copied().collect();
    assert_eq!((numbers, found[&70].as_path()), (vec![0, 1, 2, 70], Path::new("/dev/zero")));
    // A number above those that the kernel's table had room for until now.
    let _held = open_above(900);
    assert_eq!(Halted::shell().descriptors().into_keys().collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn starts_work_without_clone3() {
    under("clone3", || {
        starts_work();
        unlisted_descriptors_are_closed();
    });
}

#[test]
fn starts_work_where_clone3_is_forbidden() {
    under("clone3=EPERM", starts_work);
}

#[test]
fn starts_work_on_a_kernel_whose_clone3_knows_less() {
    under("clone3=EINVAL", starts_work);
}

#[test]
fn a_refusal_for_want_of_memory_is_not_taken_for_an_absent_clone3() {
    under("clone3=ENOMEM", || {
        let error = Spawn::new("/bin/true").spawn().unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Exhausted, Some(libc::ENOMEM)), "{}", said::all(&error));
    });
}

#[test]
fn without_clone3_a_program_begins_with_no_signal_blocked_and_none_ignored() {
    under("clone3", a_program_begins_with_a_clean_slate);
}

#[test]
fn without_clone3_no_handler_of_the_caller_runs_in_a_child_under_a_hail_of_signals() {
    under("clone3", no_handler_of_the_caller_runs_in_a_child);
}

#[test]
fn without_clone3_200_starts_change_nothing_of_the_caller() {
    under("clone3", || {
        let held = caller::become_unusual();
        let before = caller::look();
        (0..needs::rounds(200)).for_each(|_| start_true());
        assert_same(&before, &caller::look());
        drop(held);
    });
}

#[test]
fn without_close_range_unlisted_descriptors_are_closed_one_by_one() {
    under("close_range", || {
        starts_work();
        unlisted_descriptors_are_closed();
    });
}

#[test]
fn without_close_range_a_number_far_above_the_present_limit_is_closed() {
    under("close_range", || {
        // The limit was higher when the descriptor was opened.
        let _held = open_above(900);
        let limits = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let low = rustix::process::Rlimit { current: Some(100), maximum: limits.maximum };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, low).unwrap();
        assert_eq!(Halted::shell().descriptors().into_keys().collect::<Vec<_>>(), [0, 1, 2]);
        rustix::process::setrlimit(rustix::process::Resource::Nofile, limits).unwrap();
    });
}

#[test]
fn where_close_range_is_forbidden_unlisted_descriptors_are_closed_too() {
    under("close_range=EPERM", unlisted_descriptors_are_closed);
}

#[test]
fn without_execveat_a_file_is_executed_by_its_descriptor_all_the_same() {
    needs!(syscall("memfd_create"));
    under("execveat", || {
        let mut memory = File::from(rustix::fs::memfd_create("shell", MemfdFlags::CLOEXEC).unwrap());
        memory.write_all(&fs::read("/bin/sh").unwrap()).unwrap();
        let found = Halted::start(sh(HALT).executable(memory).stdin(Stdio::Null)).descriptors();
        let own = |number: i32| fs::read_link(format!("/proc/self/fd/{number}")).unwrap();
        let expected: BTreeMap<i32, PathBuf> = [(0, "/dev/null".into()), (1, own(1)), (2, own(2))].into();
        assert_eq!(found, expected);
    });
}

/// Made, mapped, joined by files and by pidfd, a pid namespace among them.
fn starts_in_namespaces_work() {
    let set = Namespaces::new().make([Mount, Pid, Uts]).user(IdMap::current_as_root());
    let other = Halted::waiting(sh(WAIT).namespaces(set).hostname("hive"));
    let mut spawn = sh("cat; uname -n; exit 3");
    spawn.join_process(other.fd().try_clone_to_owned().unwrap(), [User, Mount, Pid, Uts]).stdin(Stdio::Null);
    let out = spawn.output().unwrap();
    assert_eq!((out.stdout.as_slice(), out.status.code()), (&b"hive\n"[..], Some(3)));
    let mut spawn = sh("uname -n");
    for name in ["uts", "user"] {
        spawn.join(File::open(format!("/proc/{}/ns/{name}", other.pid())).unwrap());
    }
    assert_eq!(spawn.output().unwrap().stdout, b"hive\n");
}

#[test]
fn starts_in_namespaces_work_without_clone3() {
    needs!(userns);
    under("clone3", || {
        starts_in_namespaces_work();
        let time = || Namespaces::new().make([Time, Pid]).user(IdMap::current_as_root());
        // Made by another call where its clocks are to be set.
        let offsets = TimeOffsets::new().boottime(ClockOffset::ahead(Duration::from_secs(7)));
        let out = sh("cat /proc/self/timens_offsets").namespaces(time()).time_offsets(offsets).output().unwrap();
        assert!(String::from_utf8_lossy(&out.stdout).contains(" 7 "), "{out:?}");
        let refused = [sh("").namespaces(time()).spawn(), sh("").pids([4242]).spawn()];
        for error in refused.map(Result::unwrap_err) {
            said::check("clone3 denied, start", &error, Path::new("/none"));
        }
    });
}

#[test]
fn starts_in_namespaces_work_without_any_of_the_newer_calls() {
    needs!(userns);
    under("clone3,close_range,execveat,pidfd_open,openat2,statx,faccessat2", starts_in_namespaces_work);
}

#[test]
fn without_setns_joining_is_refused_and_making_works() {
    needs!(userns);
    under("setns", || {
        let set = Namespaces::new().make([Uts]).user(IdMap::current_as_root());
        let other = Halted::waiting(sh(WAIT).namespaces(set));
        let mut spawn = sh("exit 0");
        spawn.join_process(other.fd().try_clone_to_owned().unwrap(), [User, Uts]);
        let error = spawn.spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", said::all(&error));
    });
}

#[test]
fn without_pidfd_open_starts_work_and_opening_says_so() {
    under("pidfd_open", || {
        starts_work();
        let child = Halted::shell();
        let error = PidFd::open(child.pid()).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::Unsupported, Some(libc::ENOSYS)));
        assert_eq!(error.hint(), Some("a seccomp profile refuses pidfd_open; starts through skep do not need it"));
        drop(child);
    });
}

#[test]
fn without_any_of_the_newer_calls_starts_work() {
    under("clone3,close_range,execveat,pidfd_open,openat2,statx,faccessat2", || {
        starts_work();
        unlisted_descriptors_are_closed();
    });
}

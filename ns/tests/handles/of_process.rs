// SPDX-License-Identifier: MIT OR Apache-2.0
//! The namespaces of other processes, their relatives, and numbers seen from inside.

use std::collections::HashSet;
use std::fs::read_link;
use std::process::{Command, Stdio};
use std::thread;

use needs::{isolated, needs, rounds};
use skep_ns::{ErrorKind, Namespace, NamespaceId, NamespaceKind, PidFd};

use crate::support::{Sleeper, check};

fn shown(pid: u32, kind: NamespaceKind) -> String {
    read_link(format!("/proc/{pid}/ns/{}", kind.proc_name())).unwrap().to_string_lossy().into_owned()
}

#[test]
fn a_namespace_of_every_kind_is_told_from_the_caller_s() {
    needs!(userns, syscall("pidfd_open"));
    isolated(|| {
        for kind in NamespaceKind::ALL {
            let other = Sleeper::of_kind(kind);
            let theirs = Namespace::of(&other.pidfd(), kind).unwrap();
            let id = theirs.id().unwrap();
            assert_eq!(id.to_string(), shown(other.pid, kind));
            assert_eq!(Namespace::of_pid(other.pid, kind).unwrap().id().unwrap(), id);
            assert_ne!(Namespace::of_this_thread(kind).unwrap().id().unwrap(), id);
        }
    });
}

#[test]
fn a_namespace_outlives_its_last_process_in_a_handle() {
    needs!(userns, syscall("pidfd_open"));
    isolated(|| {
        let other = Sleeper::of_kind(NamespaceKind::Uts);
        let held = Namespace::of(&other.pidfd(), NamespaceKind::Uts).unwrap();
        let id = held.id().unwrap();
        drop(other);
        assert_eq!(held.id().unwrap(), id);
        let listing = skep_ns::list_with_holders().unwrap();
        let found = listing.get(id).unwrap();
        assert_eq!((found.processes, &found.first), (0, &None));
        assert_eq!(found.holders, [std::process::id()]);
        assert_eq!(skep_ns::list().unwrap().get(id), None, "who holds it was not asked");
    });
}

#[test]
fn the_owner_and_the_parent_are_those_that_made_it() {
    needs!(userns, syscall("pidfd_open"));
    isolated(|| {
        let other = Sleeper::unshared(&["--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child"]);
        let user = Namespace::of(&other.pidfd(), NamespaceKind::User).unwrap();
        let ours = |kind| Namespace::of_this_thread(kind).unwrap().id().unwrap();
        let id = |namespace: Option<Namespace>| namespace.unwrap().id().unwrap();
        for kind in [NamespaceKind::Net, NamespaceKind::Pid] {
            let namespace = Namespace::of(&other.pidfd(), kind).unwrap();
            assert_eq!(id(namespace.owner().unwrap()), user.id().unwrap(), "{kind}");
        }
        let pid = Namespace::of(&other.pidfd(), NamespaceKind::Pid).unwrap();
        assert_eq!(id(pid.parent().unwrap()), ours(NamespaceKind::Pid));
        assert_eq!(id(user.parent().unwrap()), ours(NamespaceKind::User));
        assert_eq!(id(user.owner().unwrap()), ours(NamespaceKind::User));
        assert_eq!(user.owner_uid().unwrap(), rustix::process::geteuid().as_raw());
        // Above one's own pid namespace nothing can be seen.
        assert!(Namespace::of_this_thread(NamespaceKind::Pid).unwrap().parent().unwrap().is_none());
    });
}

#[test]
fn a_mount_namespace_has_a_number_that_no_other_has() {
    needs!(userns, kernel(6, 11), syscall("pidfd_open"));
    isolated(|| {
        let other = Sleeper::of_kind(NamespaceKind::Mount);
        let number = |namespace: Namespace| namespace.mount_namespace_id().unwrap();
        let theirs = number(Namespace::of(&other.pidfd(), NamespaceKind::Mount).unwrap());
        assert_ne!(theirs, number(Namespace::of_this_thread(NamespaceKind::Mount).unwrap()));
    });
}

#[test]
fn numbers_are_translated_in_and_out_of_a_pid_namespace() {
    needs!(userns, syscall("pidfd_open"));
    isolated(|| {
        let other = Sleeper::of_kind(NamespaceKind::Pid);
        let inside = Namespace::of(&other.pidfd(), NamespaceKind::Pid).unwrap();
        assert_eq!(inside.pid_inside(other.pid).unwrap(), 1);
        assert_eq!(inside.pid_outside(1).unwrap(), other.pid);
        // We are not in it, and it has no process 77.
        let error = inside.pid_inside(std::process::id()).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(3)));
        assert_eq!(inside.pid_outside(77).unwrap_err().kind(), ErrorKind::NotFound);
        let uts = Namespace::of_this_thread(NamespaceKind::Uts).unwrap();
        assert_eq!(uts.pid_outside(1).unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(inside.pid_outside(0).unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn a_process_that_has_ended_is_said_to_have() {
    needs!(userns, syscall("pidfd_open"));
    isolated(|| {
        let mut child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
        let process = PidFd::open(child.id()).unwrap();
        child.kill().unwrap();
        // First not reaped yet, then gone.
        while !process.has_ended().unwrap() {
            thread::yield_now();
        }
        for _ in 0..2 {
            let error = Namespace::of(&process, NamespaceKind::Net).unwrap_err();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(3)), "{error:?}");
            check("ended, by pidfd", &error);
            let error = Namespace::of_pid(child.id(), NamespaceKind::Net).unwrap_err();
            assert_eq!((error.kind(), error.errno()), (ErrorKind::NotFound, Some(3)), "{error:?}");
            child.wait().unwrap();
        }
        check("ended, by number", &Namespace::of_pid(4_194_304, NamespaceKind::Net).unwrap_err());
        check("number 0", &Namespace::of_pid(0, NamespaceKind::Net).unwrap_err());
        check("not there", &Namespace::open("/proc/no-such-thing/ns/net").unwrap_err());
        check("no namespace", &Namespace::open("/dev/null").unwrap_err());
    });
}

#[test]
fn another_user_s_process_is_denied_with_what_it_takes() {
    needs!(user, syscall("pidfd_open"));
    isolated(|| {
        let error = Namespace::of_pid(1, NamespaceKind::Net).unwrap_err();
        check("denied", &error);
        assert_eq!(Namespace::open("/proc/1/ns/net").unwrap_err().kind(), ErrorKind::Denied);
        assert_eq!(Namespace::of(&PidFd::open(1).unwrap(), NamespaceKind::Net).unwrap_err().kind(), ErrorKind::Denied);
        assert_eq!(skep_ns::list_of(1).unwrap_err().kind(), ErrorKind::Denied);
        assert!(skep_ns::list().unwrap().hidden.processes > 0);
    });
}

#[test]
fn many_threads_that_ask_at_once_leave_the_caller_where_it_was() {
    needs!(userns, syscall("pidfd_open"));
    isolated(|| {
        let other = Sleeper::unshared(&["--user", "--map-root-user", "--mount", "--uts", "--ipc", "--net", "--cgroup"]);
        let (ours, theirs) = (ids(std::process::id()), ids(other.pid));
        thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| {
                    for _ in 0..rounds(20) {
                        assert_eq!(ids(other.pid), theirs);
                        assert_eq!(skep_ns::list_of(other.pid).unwrap().namespaces.len(), theirs.len());
                        assert_eq!(ids_of_thread(), ours);
                    }
                });
            }
        });
        assert_eq!(ids_of_thread(), ours);
    });
}

fn ids(pid: u32) -> HashSet<NamespaceId> {
    let process = PidFd::open(pid).unwrap();
    NamespaceKind::ALL.into_iter().map(|kind| Namespace::of(&process, kind).unwrap().id().unwrap()).collect()
}

fn ids_of_thread() -> HashSet<NamespaceId> {
    NamespaceKind::ALL.into_iter().map(|kind| Namespace::of_this_thread(kind).unwrap().id().unwrap()).collect()
}

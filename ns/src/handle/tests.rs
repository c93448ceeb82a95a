// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of handles that need no other process: every way to one's own namespaces, and what is refused.

use std::fs::File;
use std::os::fd::OwnedFd;

use needs::needs;

use super::*;
use crate::pidfd::PidFd;

fn problem(error: &Error) -> &str {
    assert_eq!(error.kind(), ErrorKind::Invalid);
    &error.problems()[0]
}

#[test]
fn every_way_to_one_s_own_namespace_leads_to_the_same() {
    needs!(syscall("pidfd_open"));
    let pid = std::process::id();
    let this = PidFd::open(pid).unwrap();
    for kind in NamespaceKind::ALL {
        let ways = [
            Namespace::of(&this, kind).unwrap(),
            Namespace::by_number(&this, kind).unwrap(),
            Namespace::of_pid(pid, kind).unwrap(),
            Namespace::of_this_thread(kind).unwrap(),
            Namespace::open(format!("/proc/self/ns/{}", kind.proc_name())).unwrap(),
        ];
        let link = std::fs::read_link(format!("/proc/self/ns/{}", kind.proc_name())).unwrap();
        for namespace in ways {
            assert_eq!(namespace.kind(), kind);
            assert_eq!(namespace.id().unwrap().to_string(), link.to_string_lossy());
            let again = Namespace::from_fd(OwnedFd::from(namespace.try_clone().unwrap())).unwrap();
            assert_eq!(again.kind(), kind, "asked of the kernel");
            assert_eq!(again.id().unwrap(), namespace.id().unwrap());
        }
    }
}

#[test]
fn what_is_no_namespace_is_told_what_it_is() {
    needs!(syscall("pidfd_open"));
    let (pipe, _) = rustix::pipe::pipe().unwrap();
    let what = [
        (OwnedFd::from(File::open("/proc/self/status").unwrap()), "a regular file"),
        (File::open("/").unwrap().into(), "a directory"),
        (File::open("/dev/null").unwrap().into(), "a character device"),
        (pipe, "a pipe"),
        (std::os::unix::net::UnixStream::pair().unwrap().0.into(), "a socket"),
    ];
    for (fd, what) in what {
        let number = fd.as_raw_fd();
        let error = Namespace::from_fd(fd).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot use descriptor {number}"));
        assert_eq!(problem(&error), format!("descriptor {number} is {what}, not a namespace"));
    }
    let error = Namespace::from_fd(PidFd::open(std::process::id()).unwrap().into()).unwrap_err();
    assert!(problem(&error).contains("pidfd"), "{error:?}");
    let error = Namespace::open("/dev/null").unwrap_err();
    assert_eq!(problem(&error), "\"/dev/null\" is a character device, not a namespace");
    let path = rustix::fs::open("/proc/self/ns/uts", OFlags::PATH, Mode::empty()).unwrap();
    assert!(problem(&Namespace::from_fd(path).unwrap_err()).contains("O_PATH"));
}

#[test]
fn another_kind_than_expected_is_told_with_both() {
    let uts = Namespace::of_this_thread(NamespaceKind::Uts).unwrap().of_kind(NamespaceKind::Uts).unwrap();
    let number = uts.as_fd().as_raw_fd();
    let error = uts.of_kind(NamespaceKind::Net).unwrap_err();
    assert_eq!(problem(&error), format!("descriptor {number} is a uts namespace, not a net namespace"));
    let error = Namespace::of_this_thread(NamespaceKind::Uts).unwrap().parent().unwrap_err();
    assert!(problem(&error).ends_with("is a uts namespace; pid and user namespaces alone have a parent"));
}

#[test]
fn one_s_own_number_is_one_s_own_in_one_s_own_namespace() {
    let ours = Namespace::of_this_thread(NamespaceKind::Pid).unwrap();
    let pid = std::process::id();
    for told in [ours.pid_inside(pid), ours.inside_by_proc(pid), ours.pid_outside(pid), ours.outside_by_proc(pid)] {
        assert_eq!(told.unwrap(), pid);
    }
}

#[test]
fn a_handle_goes_between_threads() {
    fn both<T: Send + Sync>() {}
    both::<Namespace>();
    both::<NamespaceId>();
}

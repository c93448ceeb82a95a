// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking at descriptors: which namespace one is, whose, and what it is if it is none.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::fstat;

use crate::error::{Error, ErrorKind, Object};
use crate::kind::{NamespaceFlags, NamespaceKind};
use crate::sys::nsfs;

/// What makes a namespace that one and no other.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(namespace: BorrowedFd<'_>) -> Option<Identity> {
    fstat(namespace).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

/// The kind of an open namespace.
pub(super) fn kind_of(fd: BorrowedFd<'_>) -> Result<NamespaceKind, Error> {
    let flag = nsfs::kind(fd).ok().map(NamespaceFlags::from_bits_retain);
    flag.and_then(|flag| flag.kinds().next()).ok_or_else(|| {
        let why = format!("it is {}, not a namespace", what_it_is(fd));
        Error::because("join", Object::Descriptor(fd.as_raw_fd()), ErrorKind::Invalid, why)
    })
}

/// What a descriptor leads to, for a sentence.
pub(crate) fn what_it_is(fd: BorrowedFd<'_>) -> String {
    let Ok(target) = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())) else {
        return "closed, or cannot be looked at".to_owned();
    };
    let text = target.to_string_lossy();
    let namespace = NamespaceKind::ALL.into_iter().find(|kind| text.starts_with(&format!("{}:[", kind.proc_name())));
    match namespace {
        Some(kind) => format!("a {kind} namespace"),
        None if text.contains("pidfd") => "a process (a pidfd)".to_owned(),
        None if text.starts_with("socket:") => "a socket".to_owned(),
        None if text.starts_with("pipe:") => "a pipe".to_owned(),
        None => format!("the file {target:?}"),
    }
}

/// The process that a pidfd holds, by its number in the caller's pid namespace; 0 for one that cannot be seen from there.
pub(super) fn process_of(pidfd: BorrowedFd<'_>) -> Result<u32, Error> {
    let object = || Object::Descriptor(pidfd.as_raw_fd());
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).unwrap_or_default();
    match info.lines().find_map(|line| line.strip_prefix("Pid:")).map(str::trim) {
        Some("-1") => Err(ended("join the namespaces of", object())),
        Some(number) => Ok(number.parse().unwrap_or(0)),
        None => {
            let why = format!("it is {}, not a process (a pidfd)", what_it_is(pidfd));
            Err(Error::because("join the namespaces of", object(), ErrorKind::Invalid, why))
        }
    }
}

pub(super) fn ended(op: &'static str, object: Object) -> Error {
    const ESRCH: i32 = 3;
    Error::explained(op, object, ErrorKind::NotFound, ESRCH, "the process has ended")
}

/// The calling thread's own namespace.
pub(super) fn own(kind: NamespaceKind) -> Option<Identity> {
    let path = format!("/proc/thread-self/ns/{}", kind.proc_name());
    let stat = rustix::fs::stat(path.as_str()).ok()?;
    Some((stat.st_dev, stat.st_ino))
}

/// Whether `namespace` belongs to the user namespace `user`, or to one below it.
pub(super) fn is_owned_by(namespace: BorrowedFd<'_>, user: Identity) -> bool {
    let mut owner = nsfs::relative(namespace, nsfs::Request::Owner).ok();
    // The kernel has 32 levels; it answers an error above those that the caller can see.
    while let Some(above) = owner {
        if identity(above.as_fd()) == Some(user) {
            return true;
        }
        owner = nsfs::relative(above.as_fd(), nsfs::Request::Parent).ok();
    }
    false
}

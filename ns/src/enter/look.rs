// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looking at descriptors: which namespace one is, and whose.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::fstat;
use rustix::io::Errno;

use crate::descriptor::{A_NAMESPACE, A_PROCESS, Held, held_process, why_not};
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
        let why = format!("it is {}", why_not(fd, A_NAMESPACE));
        Error::because("join", Object::Descriptor(fd.as_raw_fd()), ErrorKind::Invalid, why)
    })
}

/// The process that a pidfd holds, by its number in the caller's pid namespace; 0 for one that cannot be seen from there.
pub(super) fn process_of(pidfd: BorrowedFd<'_>) -> Result<u32, Error> {
    let object = || Object::Descriptor(pidfd.as_raw_fd());
    match held_process(pidfd) {
        Ok(Held::Number(number)) => Ok(number),
        Ok(Held::Elsewhere) => Ok(0),
        Ok(Held::Ended) => Err(ended("join the namespaces of", object())),
        Err(errno @ (Errno::MFILE | Errno::NFILE)) => Err(Error::os("look at", object(), errno.raw_os_error())),
        Ok(Held::NoProcess) | Err(_) => {
            let why = format!("it is {}", why_not(pidfd, A_PROCESS));
            Err(Error::because("join the namespaces of", object(), ErrorKind::Invalid, why))
        }
    }
}

pub(super) fn ended(op: &'static str, object: Object) -> Error {
    const ESRCH: i32 = 3;
    Error::explained(op, object, ErrorKind::NotFound, ESRCH, "the process has ended")
}

/// Whether it is the calling thread's own namespace, and that of its children.
pub(super) fn is_own(kind: NamespaceKind, namespace: BorrowedFd<'_>) -> bool {
    let own = |name: &str| {
        let stat = rustix::fs::stat(format!("/proc/thread-self/ns/{name}").as_str()).ok()?;
        Some((stat.st_dev, stat.st_ino))
    };
    let is = |name: &str| identity(namespace).is_some_and(|identity| own(name) == Some(identity));
    is(kind.proc_name())
        && match kind {
            NamespaceKind::Pid => is("pid_for_children"),
            NamespaceKind::Time => is("time_for_children"),
            _ => true,
        }
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

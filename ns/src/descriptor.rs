// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors of others: what one leads to, in words, and which process a pidfd holds.
//!
//! Man: pidfd_open(2), proc_pid_fdinfo(5), namespaces(7).

use std::fs::{read_link, read_to_string};
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat, fstatfs};
use rustix::io::Errno;

use crate::kind::NamespaceKind;

/// `NSFS_MAGIC`, linux/magic.h.
pub(crate) const NSFS: i64 = 0x6e73_6673;
/// `PID_FS_MAGIC`, linux/magic.h: pidfds, from Linux 6.9 on.
const PIDFS: i64 = 0x5049_4446;

/// What is wanted where a descriptor is asked for, for a sentence.
pub(crate) const A_NAMESPACE: &str = "a namespace";
/// The other.
pub(crate) const A_PROCESS: &str = "a process (a pidfd)";

/// Why a descriptor is not what was wanted: "a pipe, not a namespace".
pub(crate) fn why_not(fd: BorrowedFd<'_>, wanted: &str) -> String {
    let what = what_it_is(fd);
    if fcntl_getfl(fd).is_ok_and(|flags| flags.contains(OFlags::PATH)) {
        format!("{what} opened with O_PATH, which answers nothing: {wanted} has to be open to be read")
    } else {
        format!("{what}, not {wanted}")
    }
}

/// What a descriptor leads to: "a net namespace", "a pipe", "closed".
pub(crate) fn what_it_is(fd: BorrowedFd<'_>) -> String {
    let (Ok(file_system), Ok(stat)) = (fstatfs(fd), fstat(fd)) else { return "closed".to_owned() };
    let what = match (file_system.f_type, FileType::from_raw_mode(stat.st_mode)) {
        (NSFS, FileType::RegularFile) => return namespace_by_name(fd),
        (PIDFS, _) => A_PROCESS,
        (_, FileType::RegularFile) => "a regular file",
        (_, FileType::Directory) => "a directory",
        (_, FileType::Symlink) => "a symbolic link",
        (_, FileType::Fifo) => "a pipe",
        (_, FileType::Socket) => "a socket",
        (_, FileType::CharacterDevice) => "a character device",
        (_, FileType::BlockDevice) => "a block device",
        (_, FileType::Unknown) => return without_file_type(fd),
    };
    what.to_owned()
}

/// By its link: one opened with `O_PATH` does not answer for its kind.
fn namespace_by_name(fd: BorrowedFd<'_>) -> String {
    let text = link(fd);
    let kind = NamespaceKind::ALL.into_iter().find(|kind| text.starts_with(&format!("{}:[", kind.proc_name())));
    kind.map_or_else(|| A_NAMESPACE.to_owned(), |kind| format!("a {kind} namespace"))
}

/// Eventfds and their like, and before Linux 6.9 pidfds: their link has a name in brackets.
fn without_file_type(fd: BorrowedFd<'_>) -> String {
    match link(fd).strip_prefix("anon_inode:").map(|name| name.trim_matches(['[', ']'])) {
        Some("pidfd") => A_PROCESS.to_owned(),
        Some(name) => format!("a descriptor of {}", crate::words::shown(name)),
        None => "something without a file type".to_owned(),
    }
}

// Of the thread, here and below: it may have a table of descriptors to itself.
fn link(fd: BorrowedFd<'_>) -> String {
    let link = read_link(format!("/proc/thread-self/fd/{}", fd.as_raw_fd())).unwrap_or_default();
    link.to_string_lossy().into_owned()
}

/// Which process a pidfd holds, as /proc tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// The process with this number in the pid namespace of /proc.
    Number(u32),
    /// One that is in a pid namespace from which it cannot be seen.
    Elsewhere,
    /// One that has ended and was reaped.
    Ended,
    /// The descriptor is no pidfd.
    NoProcess,
}

/// The process of a pidfd. An error if there is no /proc to read, or the descriptor is closed.
pub(crate) fn held_process(fd: BorrowedFd<'_>) -> Result<Held, Errno> {
    let told = read_to_string(format!("/proc/thread-self/fdinfo/{}", fd.as_raw_fd()))
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let told = told.lines().find_map(|line| line.strip_prefix("Pid:"));
    Ok(match told.and_then(|told| told.trim().parse::<i64>().ok()).map(u32::try_from) {
        Some(Ok(0)) => Held::Elsewhere,
        Some(Ok(number)) => Held::Number(number),
        Some(Err(_)) => Held::Ended,
        None => Held::NoProcess,
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::{AsFd, OwnedFd};

    use rustix::fs::{CWD, Mode, openat};

    use super::*;

    #[test]
    fn a_descriptor_is_told_by_what_it_leads_to() {
        let words = |fd: &OwnedFd| why_not(fd.as_fd(), A_NAMESPACE);
        let (pipe, _other) = rustix::pipe::pipe().unwrap();
        assert_eq!(words(&pipe), "a pipe, not a namespace");
        assert_eq!(words(&File::open("/").unwrap().into()), "a directory, not a namespace");
        let event = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).unwrap();
        assert_eq!(words(&event), "a descriptor of \"eventfd\", not a namespace");
        let path = openat(CWD, "/proc/self/ns/net", OFlags::PATH, Mode::empty()).unwrap();
        assert_eq!(
            words(&path),
            "a net namespace opened with O_PATH, which answers nothing: a namespace has to be open to be read"
        );
        let net = OwnedFd::from(File::open("/proc/self/ns/net").unwrap());
        assert_eq!(why_not(net.as_fd(), A_PROCESS), "a net namespace, not a process (a pidfd)");
        assert_eq!(held_process(net.as_fd()), Ok(Held::NoProcess));
    }
}

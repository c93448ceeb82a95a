// SPDX-License-Identifier: MIT OR Apache-2.0
//! The namespaces of a process: by its pidfd, by its number, and of the calling thread.
//!
//! A pidfd is asked itself (Linux 6.11). Before that the way is by its number to /proc/PID, and afterwards the pidfd is
//! asked whether the process still is: until it was reaped nobody else can have had the number.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;

use super::{Namespace, OPEN};
use crate::descriptor::{A_PROCESS, Held, held_process, why_not};
use crate::error::{Error, ErrorKind, Object};
use crate::kind::NamespaceKind;
use crate::pidfd::PidFd;
use crate::sys::nsfs;

impl Namespace {
    /// The namespace of this kind that a process is in.
    ///
    /// A pid or time namespace is the one that the process itself is in, which its children need not be.
    ///
    /// # Errors
    /// `NotFound` if the process has ended, `Denied` if the caller may not trace it, `Unsupported` if the kernel has no
    /// such namespaces.
    /// # Privileges
    /// Those to trace it: the same user, or `CAP_SYS_PTRACE` over its user namespace. See ptrace(2), "Ptrace access mode
    /// checking".
    /// # Kernel
    /// Linux 6.11 asks the pidfd; before that /proc is read, and has to be the caller's pid namespace's.
    #[doc(alias = "PIDFD_GET_MNT_NAMESPACE")]
    pub fn of(process: &PidFd, kind: NamespaceKind) -> Result<Self, Error> {
        process.demand_process("open a namespace of")?;
        match nsfs::of_pidfd(process.as_fd(), pidfd_request(kind)) {
            Ok(fd) => return Ok(Self::known(fd, kind)),
            // ENOTTY: an older kernel. EOPNOTSUPP: without this kind. EINVAL: pidfds know requests, but none of these.
            Err(errno) if matches!(Errno::from_raw_os_error(errno.0.into()), Errno::NOTTY | Errno::INVAL) => {}
            Err(errno) => {
                let errno = Errno::from_raw_os_error(errno.0.into());
                // What has ended has no number any more.
                let pid = if errno == Errno::SRCH { None } else { number(process.as_fd()).ok().flatten() };
                return Err(explain(Object::Namespace(kind, pid), kind, errno));
            }
        }
        Self::by_number(process, kind)
    }

    /// [`of`](Self::of) for kernels whose pidfds do not answer.
    pub(super) fn by_number(process: &PidFd, kind: NamespaceKind) -> Result<Self, Error> {
        let Some(pid) = number(process.as_fd())? else {
            return Err(explain(Object::Namespace(kind, None), kind, Errno::SRCH));
        };
        let namespace = Self::of_pid(pid, kind);
        // Asked last: what has not been reaped now was not when its directory was opened either. What has ended has no
        // namespaces.
        if process.has_ended()? {
            return Err(explain(Object::Namespace(kind, None), kind, Errno::SRCH));
        }
        namespace
    }

    /// The namespace of this kind that the process, or thread, with this number in the caller's pid namespace is in.
    ///
    /// Whether it still is the process one means is for the caller to know; [`of`](Self::of) has no such gap.
    ///
    /// # Errors
    /// As [`of`](Self::of); `Invalid` for 0.
    /// # Privileges
    /// As [`of`](Self::of).
    /// # Kernel
    /// Reads /proc, which has to be the caller's pid namespace's. See proc_pid_ns(5).
    pub fn of_pid(pid: u32, kind: NamespaceKind) -> Result<Self, Error> {
        if pid == 0 {
            let problem = "0 is not the number of a process".to_owned();
            return Err(Error::invalid("open", Object::Pid(0), vec![problem]));
        }
        // The directory first: one that is not there is a process that has ended, and a link that is not, a kind.
        let failed = |errno| explain(Object::Namespace(kind, Some(pid)), kind, errno);
        let directory = openat(CWD, format!("/proc/{pid}"), DIRECTORY, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT => failed(Errno::SRCH),
            _ => failed(errno),
        })?;
        open_link(directory.as_fd(), kind).map(|fd| Self::known(fd, kind)).map_err(failed)
    }

    /// The namespace of this kind that the calling thread is in.
    ///
    /// # Errors
    /// `Unsupported` if the kernel has no such namespaces; `NotFound` where no /proc is mounted.
    /// # Kernel
    /// Reads /proc/thread-self/ns (Linux 3.17). See proc_pid_ns(5).
    pub fn of_this_thread(kind: NamespaceKind) -> Result<Self, Error> {
        let thread = rustix::thread::gettid().as_raw_pid().cast_unsigned();
        let failed = |errno| explain(Object::Namespace(kind, Some(thread)), kind, errno);
        let directory = openat(CWD, "/proc/thread-self", DIRECTORY, Mode::empty())
            .map_err(|errno| Error::os("open", Object::Path("/proc/thread-self".into()), errno.raw_os_error()))?;
        open_link(directory.as_fd(), kind).map(|fd| Self::known(fd, kind)).map_err(failed)
    }
}

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

fn open_link(directory: BorrowedFd<'_>, kind: NamespaceKind) -> Result<OwnedFd, Errno> {
    openat(directory, format!("ns/{}", kind.proc_name()), OPEN, Mode::empty())
}

/// The number of `PIDFD_GET_*_NAMESPACE`.
const fn pidfd_request(kind: NamespaceKind) -> u8 {
    match kind {
        NamespaceKind::Cgroup => 1,
        NamespaceKind::Ipc => 2,
        NamespaceKind::Mount => 3,
        NamespaceKind::Net => 4,
        NamespaceKind::Pid => 5,
        NamespaceKind::Time => 7,
        NamespaceKind::User => 9,
        NamespaceKind::Uts => 10,
    }
}

/// The number that a pidfd's process has in the caller's pid namespace; `None` if it has ended and was reaped.
fn number(pidfd: BorrowedFd<'_>) -> Result<Option<u32>, Error> {
    let object = || Object::Descriptor(pidfd.as_raw_fd());
    match held_process(pidfd) {
        Ok(Held::Number(pid)) => Ok(Some(pid)),
        Ok(Held::Ended) => Ok(None),
        Ok(Held::Elsewhere) => {
            let why = "the process is outside of the pid namespace that /proc shows";
            Err(Error::explained("read the number of", object(), ErrorKind::NotFound, 0, why))
        }
        Ok(Held::NoProcess) => {
            let problem = format!("descriptor {} is {}", pidfd.as_raw_fd(), why_not(pidfd, A_PROCESS));
            Err(Error::invalid("use", object(), vec![problem]))
        }
        Err(errno) => Err(Error::os("read the number of", object(), errno.raw_os_error())),
    }
}

/// Why a process' namespace could not be opened.
fn explain(object: Object, kind: NamespaceKind, errno: Errno) -> Error {
    let raw = errno.raw_os_error();
    match errno {
        Errno::ACCESS | Errno::PERM => denied(object, errno),
        Errno::OPNOTSUPP => Error::os("open", object, raw).with_hint(absent_kind(kind)),
        // The links of a process that has ended and was not reaped lead nowhere.
        Errno::NOENT if kind_exists(kind) => {
            let ended = Errno::SRCH.raw_os_error();
            Error::explained("open", object, ErrorKind::NotFound, ended, "the process has ended")
        }
        Errno::NOENT => Error::os("open", object, Errno::OPNOTSUPP.raw_os_error()).with_hint(absent_kind(kind)),
        Errno::SRCH => Error::explained("open", object, ErrorKind::NotFound, raw, "the process has ended"),
        _ => Error::os("open", object, raw),
    }
}

/// A namespace of a process that the caller may not trace.
pub(super) fn denied(object: Object, errno: Errno) -> Error {
    let why = "the caller may not trace that process";
    Error::explained("open", object, ErrorKind::Denied, errno.raw_os_error(), why)
        .with_hint("being the same user, or having CAP_SYS_PTRACE in its user namespace, gives that right (ptrace(2))")
}

/// Whether this kernel has namespaces of this kind.
pub(crate) fn kind_exists(kind: NamespaceKind) -> bool {
    rustix::fs::readlinkat(CWD, format!("/proc/thread-self/ns/{}", kind.proc_name()), Vec::new()).is_ok()
}

fn absent_kind(kind: NamespaceKind) -> String {
    let (major, minor) = kind.first_kernel();
    format!("this kernel has no {kind} namespaces; they came with Linux {major}.{minor}, and can be configured out")
}

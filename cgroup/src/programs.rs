// SPDX-License-Identifier: MIT OR Apache-2.0
//! Programs of the user's own, attached to a group by their descriptors.
//!
//! What such a program does, and how it came to be loaded, is not asked. It is attached beside others: the kernel runs all
//! of them, and those of the groups above.
//!
//! Man: bpf(2). Kernel: include/uapi/linux/bpf.h, `enum bpf_attach_type`.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use crate::devices::refused;
use crate::error::{Error, ErrorKind, Object};
use crate::group::{Cgroup, Directory};
use crate::sys;

/// What a program is asked about, the place of the kernel where it is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProgramKind {
    /// Each packet that comes in.
    #[doc(alias = "BPF_CGROUP_INET_INGRESS")]
    Ingress,
    /// Each packet that goes out.
    #[doc(alias = "BPF_CGROUP_INET_EGRESS")]
    Egress,
    /// Each socket that is made.
    #[doc(alias = "BPF_CGROUP_INET_SOCK_CREATE")]
    SockCreate,
    /// Each socket that is closed; Linux 5.9.
    #[doc(alias = "BPF_CGROUP_INET_SOCK_RELEASE")]
    SockRelease,
    /// The life of TCP connections.
    #[doc(alias = "BPF_CGROUP_SOCK_OPS")]
    SockOps,
    /// Each access to a device node, beside the program that [`DeviceRules`](crate::DeviceRules) become.
    #[doc(alias = "BPF_CGROUP_DEVICE")]
    Device,
    /// Each bind(2) of IPv4.
    #[doc(alias = "BPF_CGROUP_INET4_BIND")]
    Bind4,
    /// Each bind(2) of IPv6.
    #[doc(alias = "BPF_CGROUP_INET6_BIND")]
    Bind6,
    /// Each connect(2) of IPv4.
    #[doc(alias = "BPF_CGROUP_INET4_CONNECT")]
    Connect4,
    /// Each connect(2) of IPv6.
    #[doc(alias = "BPF_CGROUP_INET6_CONNECT")]
    Connect6,
    /// Each sendmsg(2) of UDP over IPv4.
    #[doc(alias = "BPF_CGROUP_UDP4_SENDMSG")]
    SendMsg4,
    /// Each sendmsg(2) of UDP over IPv6.
    #[doc(alias = "BPF_CGROUP_UDP6_SENDMSG")]
    SendMsg6,
    /// Each reading and writing below `/proc/sys`.
    #[doc(alias = "BPF_CGROUP_SYSCTL")]
    Sysctl,
}

impl ProgramKind {
    /// `enum bpf_attach_type`.
    pub(crate) const fn number(self) -> u32 {
        match self {
            Self::Ingress => 0,
            Self::Egress => 1,
            Self::SockCreate => 2,
            Self::SockOps => 3,
            Self::Device => 6,
            Self::Bind4 => 8,
            Self::Bind6 => 9,
            Self::Connect4 => 10,
            Self::Connect6 => 11,
            Self::SendMsg4 => 14,
            Self::SendMsg6 => 15,
            Self::Sysctl => 18,
            Self::SockRelease => 34,
        }
    }
}

const ATTACH: &str = "attach a program to";
const DETACH: &str = "detach a program from";

impl Cgroup {
    /// Attaches a loaded program to the group's directory of version 2, beside others (`BPF_F_ALLOW_MULTI`).
    ///
    /// It stays there when the descriptor is closed, until it is [detached](Self::detach_program) or the group removed.
    ///
    /// # Errors
    /// `Unsupported` if the group has no directory of version 2; `Invalid` if the descriptor is not that of a program of
    /// this kind, or the program is attached already; `Denied` without the right, and where a program is attached, here or
    /// above, that lets no others be beside it; `Exhausted` at 64 of them; `NotFound` if the group was removed.
    /// # Privileges
    /// `CAP_NET_ADMIN` of the first user namespace.
    #[doc(alias = "BPF_PROG_ATTACH")]
    pub fn attach_program(&self, program: impl AsFd, kind: ProgramKind) -> Result<(), Error> {
        let directory = self.of_programs(ATTACH)?;
        let attached = sys::attach(directory.fd(), program.as_fd(), kind.number(), None);
        attached.map_err(|errno| explain(ATTACH, directory, program.as_fd(), errno))
    }

    /// Takes a program from the group again.
    ///
    /// # Errors
    /// Those of [`attach_program`](Self::attach_program); `NotFound` if it is not attached.
    /// # Privileges
    /// `CAP_NET_ADMIN` of the first user namespace.
    #[doc(alias = "BPF_PROG_DETACH")]
    pub fn detach_program(&self, program: impl AsFd, kind: ProgramKind) -> Result<(), Error> {
        let directory = self.of_programs(DETACH)?;
        let detached = sys::detach(directory.fd(), program.as_fd(), kind.number());
        detached.map_err(|errno| explain(DETACH, directory, program.as_fd(), errno))
    }

    /// The directory that programs are attached to.
    fn of_programs(&self, op: &'static str) -> Result<&Directory, Error> {
        let held = self.held(op)?;
        self.v2().ok_or_else(|| {
            let why = "the group has no directory of version 2, and programs are attached to no other";
            Error::explained(op, Object::Group(held.path().to_owned()), ErrorKind::Unsupported, 0, why)
        })
    }
}

fn explain(op: &'static str, directory: &Directory, program: BorrowedFd<'_>, errno: Errno) -> Error {
    let object = || Object::Group(directory.path().to_owned());
    let problem = |why: &str| Error::invalid(op, object(), vec![why.to_owned()]);
    match errno {
        _ if directory.is_gone() => refused::attach(op, object(), Errno::NODEV),
        Errno::INVAL | Errno::BADF if sys::info(program).is_err() => problem("the descriptor is not that of a program"),
        Errno::INVAL => problem("the program is not of this kind, or it is attached already"),
        Errno::NOENT => {
            let raw = errno.raw_os_error();
            Error::explained(op, object(), ErrorKind::NotFound, raw, "it is not attached to this group")
        }
        _ => refused::attach(op, object(), errno),
    }
}

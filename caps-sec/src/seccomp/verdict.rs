// SPDX-License-Identifier: MIT OR Apache-2.0
//! Verdicts: what becomes of a system call.

use std::fmt;

use nix::errno::Errno as Named;

/// An error number that a refused call is answered with, 1 to 4095.
///
/// Displays as the kernel's name of it ("EPERM").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Errno(u16);

impl Errno {
    /// Operation not permitted: what programs expect of a call that is denied.
    #[doc(alias = "EPERM")]
    pub const PERM: Self = Self(1);
    /// Permission denied.
    #[doc(alias = "EACCES")]
    pub const ACCES: Self = Self(13);
    /// Invalid argument.
    #[doc(alias = "EINVAL")]
    pub const INVAL: Self = Self(22);
    /// Function not implemented: what programs expect of a kernel that does not have a call; they try an older one then.
    #[doc(alias = "ENOSYS")]
    pub const NOSYS: Self = Self(38);

    /// An error number. What is not from 1 to 4095 is a [problem](super::Policy::problems) of the policy.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Named::from_raw(self.0.into()) {
            Named::UnknownErrno => write!(f, "error {}", self.0),
            named => write!(f, "{named:?}"),
        }
    }
}

/// What becomes of a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Verdict {
    /// It is made.
    #[doc(alias = "SECCOMP_RET_ALLOW")]
    Allow,
    /// It is made, and written to the machine's audit log (see the sysctl `kernel.seccomp.actions_logged`).
    #[doc(alias = "SECCOMP_RET_LOG")]
    Log,
    /// It is not made, and answers this error.
    #[doc(alias = "SECCOMP_RET_ERRNO")]
    Errno(Errno),
    /// A tracer (ptrace(2), `PTRACE_O_TRACESECCOMP`) is told, with this number, and decides; without one it answers
    /// `ENOSYS`.
    #[doc(alias = "SECCOMP_RET_TRACE")]
    Trace(u16),
    /// Another process is told, and decides ([`Listener`](super::Listener)); where nobody listens it answers `ENOSYS`.
    #[doc(alias = "SECCOMP_RET_USER_NOTIF")]
    Notify,
    /// It is not made, and its thread gets the signal SIGSYS, which it may handle.
    #[doc(alias = "SECCOMP_RET_TRAP")]
    Trap,
    /// The thread is killed. The others of its process go on, which few programs survive.
    #[doc(alias = "SECCOMP_RET_KILL_THREAD")]
    KillThread,
    /// The process is killed, as by SIGSYS.
    #[doc(alias = "SECCOMP_RET_KILL_PROCESS")]
    KillProcess,
}

impl Verdict {
    /// Whether the call is made.
    #[must_use]
    pub const fn lets_through(self) -> bool {
        matches!(self, Self::Allow | Self::Log)
    }

    /// Whether it is refused, by the filter itself.
    pub(super) const fn refuses(self) -> bool {
        matches!(self, Self::Errno(_) | Self::Trap | Self::KillThread | Self::KillProcess)
    }

    /// What a filter answers for it, `SECCOMP_RET_*` of linux/seccomp.h.
    pub(super) const fn answer(self) -> u32 {
        match self {
            Self::Allow => 0x7fff_0000,
            Self::Log => 0x7ffc_0000,
            Self::Errno(errno) => 0x0005_0000 | errno.0 as u32,
            Self::Trace(number) => 0x7ff0_0000 | number as u32,
            Self::Notify => 0x7fc0_0000,
            Self::Trap => 0x0003_0000,
            Self::KillThread => 0,
            Self::KillProcess => 0x8000_0000,
        }
    }

    /// The verdict of a filter's answer. One that the kernel does not know kills the process.
    pub(super) fn of(answer: u32) -> Self {
        match (answer & 0xffff_0000, answer & 0xffff) {
            (0x7fff_0000, _) => Self::Allow,
            (0x7ffc_0000, _) => Self::Log,
            (0x0005_0000, errno) => Self::Errno(Errno(u16::try_from(errno).unwrap_or(u16::MAX))),
            (0x7ff0_0000, number) => Self::Trace(u16::try_from(number).unwrap_or(u16::MAX)),
            (0x7fc0_0000, _) => Self::Notify,
            (0x0003_0000, _) => Self::Trap,
            (0, _) => Self::KillThread,
            _ => Self::KillProcess,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Log => f.write_str("allow and log"),
            Self::Errno(errno) => write!(f, "deny with {errno}"),
            Self::Trace(number) => write!(f, "ask the tracer ({number})"),
            Self::Notify => f.write_str("ask the supervisor"),
            Self::Trap => f.write_str("deny with the signal SIGSYS"),
            Self::KillThread => f.write_str("kill the thread"),
            Self::KillProcess => f.write_str("kill the process"),
        }
    }
}

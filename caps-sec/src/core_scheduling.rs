// SPDX-License-Identifier: MIT OR Apache-2.0
//! Core scheduling: who may run on the sibling of one's processor, and so measure what one does there.
//!
//! Threads with the same cookie may share a core; those of others wait.
//!
//! Man: PR_SCHED_CORE(2const). Kernel: Documentation/admin-guide/hw-vuln/core-scheduling.rst.

use crate::error::{Error, Object};
use crate::floor::sys::{Errno, sched};

/// The cookie of a thread: a number that means nothing but that others have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CoreCookie(u64);

/// For whom a cookie is made or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CoreScope {
    /// One thread.
    Thread,
    /// Every thread of a process.
    Process,
    /// Every process of a group.
    Group,
}

impl CoreScope {
    const fn number(self) -> u32 {
        match self {
            Self::Thread => 0,
            Self::Process => 1,
            Self::Group => 2,
        }
    }
}

impl CoreCookie {
    /// The number: an address that the kernel has scrambled.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The cookie of thread `pid`, or of the calling one for 0; `None` if it has none, and so shares with all that have none.
    ///
    /// # Errors
    /// As [`create_for`](Self::create_for).
    /// # Privileges
    /// Those to trace the process.
    #[doc(alias = "PR_SCHED_CORE_GET")]
    pub fn of_thread(pid: u32) -> Result<Option<Self>, Error> {
        let cookie = sched::core_cookie(pid).map_err(|errno| failed("read the core scheduling of", pid, errno))?;
        Ok((cookie != 0).then_some(Self(cookie)))
    }

    /// Gives those of `scope` around thread `pid`, or around the calling one for 0, a cookie that nobody else has.
    ///
    /// # Errors
    /// `Os` (`ENODEV`) on a machine whose cores are no two processors each: there nobody is a sibling; `Invalid` on a kernel
    /// built without it (`CONFIG_SCHED_CORE`); `NotFound`; `Denied`.
    /// # Privileges
    /// Those to trace the processes.
    /// # Kernel
    /// Linux 5.14.
    #[doc(alias = "PR_SCHED_CORE_CREATE")]
    pub fn create_for(pid: u32, scope: CoreScope) -> Result<(), Error> {
        sched::create_core_cookie(pid, scope.number()).map_err(|errno| failed("give cores of their own to", pid, errno))
    }

    /// Gives the calling thread's cookie to those of `scope` around thread `pid`.
    ///
    /// # Errors
    /// As [`create_for`](Self::create_for).
    /// # Privileges
    /// Those to trace the processes.
    #[doc(alias = "PR_SCHED_CORE_SHARE_TO")]
    pub fn share_with(pid: u32, scope: CoreScope) -> Result<(), Error> {
        sched::copy_core_cookie(pid, scope.number(), true).map_err(|errno| failed("share cores with", pid, errno))
    }

    /// Takes thread `pid`'s cookie on for the calling thread.
    ///
    /// # Errors
    /// As [`create_for`](Self::create_for).
    /// # Privileges
    /// Those to trace the process.
    #[doc(alias = "PR_SCHED_CORE_SHARE_FROM")]
    pub fn enter_that_of(pid: u32) -> Result<(), Error> {
        sched::copy_core_cookie(pid, 0, false).map_err(|errno| failed("take on the cores of", pid, errno))
    }
}

fn failed(op: &'static str, pid: u32, errno: Errno) -> Error {
    const ENODEV: u16 = 19;
    let object = if pid == 0 { Object::Named("the calling thread") } else { Object::Pid(pid) };
    let error = Error::os(op, object, errno.0.into());
    match errno {
        Errno(ENODEV) => {
            error.with_hint("the cores of this machine are one processor each: nobody has a sibling to fear")
        }
        Errno::INVAL => error.with_hint("this kernel has no core scheduling: it is new in 5.14, and CONFIG_SCHED_CORE"),
        _ => error,
    }
}

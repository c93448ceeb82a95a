// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel tells of a held process.

use std::os::fd::AsFd;

use super::PidFd;
use crate::error::{Error, ErrorKind, Object};
use crate::status::ExitStatus;
use crate::sys::{self, PidfdInfo};

/// A held process as it was when the kernel was asked: [`PidFd::info`].
///
/// Of a process that has ended and was reaped nothing is left but its exit status and the cgroup that it ended in.
///
/// See pidfd_open(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "pidfd_info")]
pub struct ProcessInfo {
    /// Its numbers, while it has them.
    pub numbers: Option<ProcessNumbers>,
    /// Its users, while it has them, as the caller's user namespace shows them.
    pub users: Option<ProcessIds>,
    /// Its groups, likewise.
    pub groups: Option<ProcessIds>,
    /// The number of its cgroup in the second version's hierarchy: the inode of the directory.
    pub cgroup: Option<u64>,
    /// How it ended, if it was reaped. Linux 6.15.
    pub status: Option<ExitStatus>,
}

/// A process by number, as the caller's pid namespace has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessNumbers {
    /// The held thread, for a process its first.
    pub thread: u32,
    /// The process.
    pub process: u32,
    /// Its parent; 0 if that cannot be seen from here.
    pub parent: u32,
}

/// The four forms of a user or of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessIds {
    /// Who started it.
    pub real: u32,
    /// Who it is judged by.
    pub effective: u32,
    /// Who it may become again.
    pub saved: u32,
    /// Who it is to files.
    pub file_system: u32,
}

impl PidFd {
    /// What the kernel tells of the process: numbers, ids, cgroup, exit status; all of it of one moment.
    ///
    /// ```
    /// # fn main() -> Result<(), skep_ns::Error> {
    /// let itself = skep_ns::PidFd::open(std::process::id())?;
    /// match itself.info() {
    ///     Ok(info) => assert_eq!(info.numbers.map(|numbers| numbers.process), Some(std::process::id())),
    ///     Err(error) => assert_eq!(error.kind(), skep_ns::ErrorKind::Unsupported),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// `Unsupported` before Linux 6.13; `NotFound` if it has ended and was reaped, and the kernel kept nothing.
    /// # Kernel
    /// Linux 6.13; 6.15 for what was reaped. See `PIDFD_GET_INFO` in ioctl_pidfd(2).
    #[doc(alias = "PIDFD_GET_INFO")]
    pub fn info(&self) -> Result<ProcessInfo, Error> {
        let all = PidfdInfo::PID | PidfdInfo::CREDS | PidfdInfo::CGROUP | PidfdInfo::EXIT;
        // A request to another file could be a request for something else.
        self.demand_process("ask about")?;
        sys::pidfd_info(self.as_fd(), all).map(|info| ProcessInfo::read(&info)).map_err(|errno| {
            const ENOTTY: i32 = 25;
            const EINVAL: i32 = 22;
            match i32::from(errno.0) {
                errno @ (ENOTTY | EINVAL) if self.is_pidfd() => {
                    let why = "the kernel tells it from Linux 6.13 on";
                    Error::explained("ask about", Object::Named("process"), ErrorKind::Unsupported, errno, why)
                }
                errno => self.refused("ask about", errno),
            }
        })
    }
}

impl ProcessInfo {
    fn read(info: &PidfdInfo) -> Self {
        let told = |bit: u64| info.mask & bit != 0;
        let [uid, gid, euid, egid, suid, sgid, fsuid, fsgid] = info.ids;
        let ids = |[real, effective, saved, file_system]: [u32; 4]| {
            told(PidfdInfo::CREDS).then_some(ProcessIds { real, effective, saved, file_system })
        };
        let numbers = ProcessNumbers { thread: info.pid, process: info.tgid, parent: info.ppid };
        Self {
            numbers: told(PidfdInfo::PID).then_some(numbers),
            users: ids([uid, euid, suid, fsuid]),
            groups: ids([gid, egid, sgid, fsgid]),
            cgroup: told(PidfdInfo::CGROUP).then_some(info.cgroup_id),
            status: told(PidfdInfo::EXIT).then(|| ExitStatus::from_wait_status(info.exit_code)),
        }
    }
}

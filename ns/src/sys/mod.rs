// SPDX-License-Identifier: MIT OR Apache-2.0
//! The unsafe half: the assembly of a start, the copying clone, and calls that rustix lacks.
//!
//! The floor has a door of its own; nothing else in this crate is unsafe.
#![allow(unsafe_code, reason = "the door of this crate's std half; the floor has its own")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "arguments and answers are registers: the kernel takes the low half of one where it wants 32 bits"
)]

mod copy;
mod mask;
#[cfg(feature = "net")]
pub(crate) mod netlink;
pub(crate) mod nsfs;
pub(crate) mod probe;
pub(crate) mod stages;
mod vfork;

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::floor::sys::{Errno, nr, syscall};

pub(crate) use vfork::vfork_exec;

/// `struct clone_args`, uapi/linux/sched.h, in the size of Linux 5.7 (`CLONE_ARGS_SIZE_VER2`).
#[repr(C)]
#[derive(Debug, Default, Clone)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}
const _: () = assert!(size_of::<CloneArgs>() == 88);

/// What clone3 alone can express.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Extras<'a> {
    /// The cgroup that the child begins in.
    pub(crate) cgroup: Option<BorrowedFd<'a>>,
    /// Its numbers, the innermost pid namespace's first.
    pub(crate) pids: &'a [i32],
}

impl Extras<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.cgroup.is_none() && self.pids.is_empty()
    }

    fn add_to(&self, args: &mut CloneArgs) {
        if let Some(cgroup) = &self.cgroup {
            args.flags |= CLONE_INTO_CGROUP;
            args.cgroup = u64::from(cgroup.as_raw_fd().cast_unsigned());
        }
        if !self.pids.is_empty() {
            args.set_tid = address(self.pids.as_ptr().cast_mut());
            args.set_tid_size = self.pids.len() as u64;
        }
    }
}

const CLONE_VM: u64 = 0x100;
const CLONE_PIDFD: u64 = 0x1000;
const CLONE_VFORK: u64 = 0x4000;
const CLONE_PARENT: u64 = 0x8000;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
const CLONE_CLEAR_SIGHAND: u64 = 0x1_0000_0000;
const SIGCHLD: u64 = 17;

/// The address of what the kernel will read or write.
fn address<T>(pointer: *mut T) -> u64 {
    pointer.expose_provenance() as u64
}

/// Takes over a descriptor that the kernel has just made for us.
fn adopt(fd: RawFd) -> OwnedFd {
    // SAFETY: the callers of this crate pass what a system call of theirs answered as a new descriptor.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Whether descriptor `fd` is open in this process.
pub(crate) fn is_open(fd: RawFd) -> bool {
    const F_GETFD: usize = 1;
    // SAFETY: no pointer; a number that is not open is EBADF.
    unsafe { syscall(nr::FCNTL, [fd as usize, F_GETFD, 0, 0, 0, 0]) }.is_ok()
}

/// A copy of descriptor `fd` under the first free number above `number`, to be closed on exec.
pub(crate) fn copy_above(fd: RawFd, number: RawFd) -> Result<OwnedFd, Errno> {
    const F_DUPFD_CLOEXEC: usize = 1030;
    let above = number.saturating_add(1);
    // SAFETY: no pointer; a number that is not open is EBADF.
    let copy = unsafe { syscall(nr::FCNTL, [fd as usize, F_DUPFD_CLOEXEC, above as usize, 0, 0, 0]) }?;
    Ok(adopt(copy as RawFd))
}

/// Whether the kernel closes ranges of descriptors, asked with a range that is always empty.
pub(crate) fn has_close_range() -> bool {
    // SAFETY: no pointer; no process has a descriptor of this number (the kernel's limit is below 2^31).
    unsafe { syscall(nr::CLOSE_RANGE, [0xffff_ffff, 0xffff_ffff, 0, 0, 0, 0]) }.is_ok()
}

/// pidfd_send_signal(2) by number: the real-time signals have no names.
pub(crate) fn pidfd_send_signal(pidfd: BorrowedFd<'_>, signal: i32, flags: u32) -> Result<(), Errno> {
    let args = [pidfd.as_raw_fd() as usize, signal as usize, 0, flags as usize, 0, 0];
    // SAFETY: the null pointer stands for a siginfo that the kernel makes itself.
    unsafe { syscall(nr::PIDFD_SEND_SIGNAL, args) }.map(drop)
}

/// pidfd_getfd(2): a copy of another process' descriptor.
pub(crate) fn pidfd_getfd(pidfd: BorrowedFd<'_>, number: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: no pointer.
    let fd = unsafe { syscall(nr::PIDFD_GETFD, [pidfd.as_raw_fd() as usize, number as usize, 0, 0, 0, 0]) }?;
    Ok(adopt(fd as RawFd))
}

/// `struct pidfd_info`, uapi/linux/pidfd.h, in its first size.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct PidfdInfo {
    /// Asked for, and answered: `PIDFD_INFO_*`.
    pub(crate) mask: u64,
    pub(crate) cgroup_id: u64,
    pub(crate) pid: u32,
    pub(crate) tgid: u32,
    pub(crate) ppid: u32,
    /// Real, effective, saved and file-system ids, each of the user and the group.
    pub(crate) ids: [u32; 8],
    pub(crate) exit_code: i32,
}
const _: () = assert!(size_of::<PidfdInfo>() == 64);

impl PidfdInfo {
    /// `PIDFD_INFO_PID`.
    pub(crate) const PID: u64 = 1;
    /// `PIDFD_INFO_CREDS`.
    pub(crate) const CREDS: u64 = 1 << 1;
    /// `PIDFD_INFO_CGROUPID`.
    pub(crate) const CGROUP: u64 = 1 << 2;
    /// `PIDFD_INFO_EXIT`, Linux 6.15.
    pub(crate) const EXIT: u64 = 1 << 3;
}

/// What the kernel tells of a held process. Linux 6.13.
pub(crate) fn pidfd_info(pidfd: BorrowedFd<'_>, mask: u64) -> Result<PidfdInfo, Errno> {
    const PIDFD_GET_INFO: usize = 0xc040_ff0b;
    let mut info = PidfdInfo { mask, ..PidfdInfo::default() };
    let at = (&raw mut info).expose_provenance();
    // SAFETY: the request's number holds the size of what the kernel reads and writes: 64 bytes, which this struct has.
    unsafe { syscall(nr::IOCTL, [pidfd.as_raw_fd() as usize, PIDFD_GET_INFO, at, 0, 0, 0]) }?;
    Ok(info)
}

/// The wait status that the kernel keeps with a pidfd after the process was reaped. Linux 6.15.
pub(crate) fn pidfd_exit_code(pidfd: BorrowedFd<'_>) -> Option<i32> {
    let info = pidfd_info(pidfd, PidfdInfo::EXIT).ok()?;
    (info.mask & PidfdInfo::EXIT != 0).then_some(info.exit_code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_s_numbers_are_libc_s() {
        let ours = [
            (nr::READ, libc::SYS_read),
            (nr::WRITE, libc::SYS_write),
            (nr::CLOSE, libc::SYS_close),
            (nr::FSTAT, libc::SYS_fstat),
            (nr::MMAP, libc::SYS_mmap),
            (nr::RT_SIGACTION, libc::SYS_rt_sigaction),
            (nr::RT_SIGPROCMASK, libc::SYS_rt_sigprocmask),
            (nr::IOCTL, libc::SYS_ioctl),
            (nr::PPOLL, libc::SYS_ppoll),
            (nr::SOCKET, libc::SYS_socket),
            (nr::RECVFROM, libc::SYS_recvfrom),
            (nr::SENDMSG, libc::SYS_sendmsg),
            (nr::SETSOCKOPT, libc::SYS_setsockopt),
            (nr::CLONE, libc::SYS_clone),
            (nr::EXECVE, libc::SYS_execve),
            (nr::FCNTL, libc::SYS_fcntl),
            (nr::CHDIR, libc::SYS_chdir),
            (nr::UMASK, libc::SYS_umask),
            (nr::SETPGID, libc::SYS_setpgid),
            (nr::SETSID, libc::SYS_setsid),
            (nr::SETNS, libc::SYS_setns),
            (nr::PIDFD_GETFD, libc::SYS_pidfd_getfd),
            (nr::SETGROUPS, libc::SYS_setgroups),
            (nr::SETRESUID, libc::SYS_setresuid),
            (nr::SETRESGID, libc::SYS_setresgid),
            (nr::PRCTL, libc::SYS_prctl),
            (nr::SETHOSTNAME, libc::SYS_sethostname),
            (nr::SETDOMAINNAME, libc::SYS_setdomainname),
            (nr::SOCKETPAIR, libc::SYS_socketpair),
            (nr::EXIT_GROUP, libc::SYS_exit_group),
            (nr::OPENAT, libc::SYS_openat),
            (nr::FACCESSAT, libc::SYS_faccessat),
            (nr::UNSHARE, libc::SYS_unshare),
            (nr::DUP3, libc::SYS_dup3),
            (nr::EXECVEAT, libc::SYS_execveat),
            (nr::PIDFD_SEND_SIGNAL, libc::SYS_pidfd_send_signal),
            (nr::CLONE3, libc::SYS_clone3),
            (nr::CLOSE_RANGE, libc::SYS_close_range),
        ];
        for (number, theirs) in ours {
            assert_eq!(i64::try_from(number).unwrap(), theirs);
        }
    }
}

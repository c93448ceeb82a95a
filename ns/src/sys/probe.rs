// SPDX-License-Identifier: MIT OR Apache-2.0
//! Questions to the kernel that change nothing: each is refused or answered before anything is done.

use std::os::fd::{AsRawFd, BorrowedFd};

use super::PidfdInfo;
use crate::floor::sys::{Errno, nr, syscall};

/// Whether clone3 is there and no filter refuses it: it is asked with arguments of no size, which is EINVAL.
pub(crate) fn has_clone3() -> bool {
    // SAFETY: no argument is read: a size of 0 is refused first.
    let answer = unsafe { syscall(nr::CLONE3, [0, 0, 0, 0, 0, 0]) };
    answer == Err(Errno::INVAL)
}

/// Whether setns takes pidfds, as far as it can be told without joining: no flags are EINVAL. No filter refuses it then.
pub(crate) fn has_setns(pidfd: BorrowedFd<'_>) -> bool {
    const SETNS: usize = if cfg!(target_arch = "aarch64") { 268 } else { 308 };
    // SAFETY: no pointer; without a kind of namespace the call is refused.
    let answer = unsafe { syscall(SETNS, [pidfd.as_raw_fd() as usize, 0, 0, 0, 0, 0]) };
    answer == Err(Errno::INVAL)
}

/// Whether a pidfd tells of its process (`PIDFD_GET_INFO`). Linux 6.13.
pub(crate) fn has_pidfd_info(pidfd: BorrowedFd<'_>) -> bool {
    const PIDFD_GET_INFO: usize = 0xc040_ff0b;
    let mut info = PidfdInfo::default();
    let at = (&raw mut info).expose_provenance();
    // SAFETY: the request's number holds the size of what the kernel reads and writes: 64 bytes, which this struct has.
    unsafe { syscall(nr::IOCTL, [pidfd.as_raw_fd() as usize, PIDFD_GET_INFO, at, 0, 0, 0]) }.is_ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn setns_is_libc_s() {
        let ours = if cfg!(target_arch = "aarch64") { 268 } else { 308 };
        assert_eq!(libc::SYS_setns, ours);
    }
}

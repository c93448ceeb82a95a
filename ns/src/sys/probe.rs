// SPDX-License-Identifier: MIT OR Apache-2.0
//! Questions to the kernel that change nothing: each is refused or answered before anything is done.

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::floor::sys::{Errno, nr, syscall};

/// Whether clone3 is there and no filter refuses it: it is asked with arguments of no size, which is EINVAL.
pub(crate) fn has_clone3() -> bool {
    // SAFETY: no argument is read: a size of 0 is refused first.
    let answer = unsafe { syscall(nr::CLONE3, [0, 0, 0, 0, 0, 0]) };
    answer == Err(Errno::INVAL)
}

/// Whether setns takes pidfds, as far as it can be told without joining: no flags are EINVAL. No filter refuses it then.
pub(crate) fn has_setns(pidfd: BorrowedFd<'_>) -> bool {
    // SAFETY: no pointer; without a kind of namespace the call is refused.
    let answer = unsafe { syscall(nr::SETNS, [pidfd.as_raw_fd() as usize, 0, 0, 0, 0, 0]) };
    answer == Err(Errno::INVAL)
}

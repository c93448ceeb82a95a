// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a thread leaves and joins: of a thread that is let die, or of a copy of this process.
//!
//! Man: unshare(2), setns(2).

use std::os::fd::{AsRawFd, BorrowedFd};

use super::nr;
use crate::floor::Errno;
use crate::floor::sys::syscall;

const CLONE_FS: usize = 0x200;
const CLONE_NEWNS: usize = 0x2_0000;
const CLONE_NEWUSER: usize = 0x1000_0000;

fn setns(namespace: BorrowedFd<'_>, kind: usize) -> Result<(), Errno> {
    let fd = usize::try_from(namespace.as_raw_fd()).unwrap_or_default();
    // SAFETY: no pointer; it changes this thread alone, which was made for it.
    unsafe { syscall(nr::SETNS, [fd, kind, 0, 0, 0, 0]) }.map(drop)
}

fn unshare(what: usize) -> Result<(), Errno> {
    // SAFETY: no pointer; it changes this thread alone, which was made for it.
    unsafe { syscall(nr::UNSHARE, [what, 0, 0, 0, 0, 0]) }.map(drop)
}

/// Moves this thread, which must be one that was made for it, into a mount namespace: its top becomes the thread's root,
/// directory and mask its own.
pub(crate) fn enter_mounts_of(namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    unshare(CLONE_FS)?;
    setns(namespace, CLONE_NEWNS)
}

/// Moves this thread into a user namespace: it must be the only one of its process.
pub(crate) fn enter_user_of(namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    setns(namespace, CLONE_NEWUSER)
}

/// New user and mount namespaces for this thread: it must be the only one of its process.
pub(crate) fn leave_user_and_mounts() -> Result<(), Errno> {
    unshare(CLONE_NEWUSER | CLONE_NEWNS)
}

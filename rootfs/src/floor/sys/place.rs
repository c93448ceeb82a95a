// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a thread has for its root, its directory and its mask.

use core::ffi::CStr;

use super::{Errno, nr, syscall, text};

/// chroot(2).
pub fn chroot(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::CHROOT, [text(path), 0, 0, 0, 0, 0]) }.map(drop)
}

/// chdir(2).
pub fn chdir(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::CHDIR, [text(path), 0, 0, 0, 0, 0]) }.map(drop)
}

/// fchdir(2).
#[inline(never)]
pub fn fchdir(fd: i32) -> Result<(), Errno> {
    // SAFETY: no pointer.
    unsafe { syscall(nr::FCHDIR, [fd as usize, 0, 0, 0, 0, 0]) }.map(drop)
}

/// umask(2): answers the mask that was.
pub(in super::super) fn umask(mask: u32) -> u32 {
    // SAFETY: no pointer; it cannot fail.
    unsafe { syscall(nr::UMASK, [mask as usize, 0, 0, 0, 0, 0]) }.map_or(0o022, |old| old as u32)
}

/// geteuid(2).
#[must_use]
pub fn effective_user() -> u32 {
    // SAFETY: no pointer; it cannot fail.
    unsafe { syscall(nr::GETEUID, [0; 6]) }.map_or(u32::MAX, |uid| uid as u32)
}

/// unshare(2) of the mount namespace, which takes root and working directory along (`CLONE_NEWNS`).
pub fn unshare_mounts() -> Result<(), Errno> {
    const CLONE_NEWNS: usize = 0x2_0000;
    // SAFETY: no pointer; it changes what paths mean to this thread, which the callers are told.
    unsafe { syscall(nr::UNSHARE, [CLONE_NEWNS, 0, 0, 0, 0, 0]) }.map(drop)
}

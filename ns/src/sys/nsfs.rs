// SPDX-License-Identifier: MIT OR Apache-2.0
//! The requests that a namespace's file and a pidfd answer.
//!
//! Kernel: include/uapi/linux/nsfs.h, include/uapi/linux/pidfd.h.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::adopt;
use crate::floor::sys::{Errno, nr, syscall};

/// A request of nsfs that takes nothing and answers a descriptor or a number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Request {
    /// The user namespace that owns it. Linux 4.9.
    Owner = 0xb701,
    /// The namespace above it. Linux 4.9.
    Parent = 0xb702,
}

/// A number given to a pid namespace, for the same process' number elsewhere. Linux 6.11.
#[derive(Debug, Clone, Copy)]
#[repr(u32)]
pub(crate) enum Translation {
    /// From that namespace's to the caller's (`NS_GET_PID_FROM_PIDNS`).
    ToCaller = 0x8004_b706,
    /// From the caller's to that namespace's (`NS_GET_PID_IN_PIDNS`).
    FromCaller = 0x8004_b708,
}

/// Another namespace, by a descriptor of it.
pub(crate) fn relative(namespace: BorrowedFd<'_>, request: Request) -> Result<OwnedFd, Errno> {
    // SAFETY: both requests take no argument.
    let fd = unsafe { syscall(nr::IOCTL, [namespace.as_raw_fd() as usize, request as usize, 0, 0, 0, 0]) }?;
    Ok(adopt(fd as RawFd))
}

/// The request for which every kernel that knows one of them has an answer.
pub(crate) const PIDFD_GET_UTS_NAMESPACE: u8 = 10;

/// The namespace of a process by its pidfd: `request` is a number of `PIDFD_GET_*_NAMESPACE`. Linux 6.11.
pub(crate) fn of_pidfd(pidfd: BorrowedFd<'_>, request: u8) -> Result<OwnedFd, Errno> {
    let number = 0xff00 | usize::from(request);
    // SAFETY: the requests take no argument, and the kernel demands that it be 0.
    let fd = unsafe { syscall(nr::IOCTL, [pidfd.as_raw_fd() as usize, number, 0, 0, 0, 0]) }?;
    Ok(adopt(fd as RawFd))
}

/// The clone flag of a namespace's kind (`NS_GET_NSTYPE`). Linux 4.11.
pub(crate) fn kind(namespace: BorrowedFd<'_>) -> Result<u64, Errno> {
    const NS_GET_NSTYPE: usize = 0xb703;
    // SAFETY: the request takes no argument.
    let flag = unsafe { syscall(nr::IOCTL, [namespace.as_raw_fd() as usize, NS_GET_NSTYPE, 0, 0, 0, 0]) }?;
    Ok(flag as u64)
}

/// The user who made a user namespace, as the caller's user namespace numbers them (`NS_GET_OWNER_UID`). Linux 4.11.
pub(crate) fn owner_uid(namespace: BorrowedFd<'_>) -> Result<u32, Errno> {
    const NS_GET_OWNER_UID: usize = 0xb704;
    let mut uid = 0_u32;
    let at = (&raw mut uid).expose_provenance();
    // SAFETY: the kernel writes a uid_t, four bytes, to a live local of that size.
    unsafe { syscall(nr::IOCTL, [namespace.as_raw_fd() as usize, NS_GET_OWNER_UID, at, 0, 0, 0]) }?;
    Ok(uid)
}

/// The number that statmount(2) and listmount(2) know a mount namespace by (`NS_GET_MNTNS_ID`). Linux 6.11.
pub(crate) fn mount_namespace_id(namespace: BorrowedFd<'_>) -> Result<u64, Errno> {
    const NS_GET_MNTNS_ID: usize = 0x8008_b705;
    let mut id = 0_u64;
    let at = (&raw mut id).expose_provenance();
    // SAFETY: the kernel writes eight bytes to a live local of that size.
    unsafe { syscall(nr::IOCTL, [namespace.as_raw_fd() as usize, NS_GET_MNTNS_ID, at, 0, 0, 0]) }?;
    Ok(id)
}

/// Translates the number of a process or thread.
pub(crate) fn translate(namespace: BorrowedFd<'_>, way: Translation, pid: u32) -> Result<u32, Errno> {
    // SAFETY: the argument is a number, not a pointer.
    let told = unsafe { syscall(nr::IOCTL, [namespace.as_raw_fd() as usize, way as usize, pid as usize, 0, 0, 0]) }?;
    Ok(told as u32)
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts by their descriptors: numbers, attributes, propagation, the end.
//!
//! Man: mount_setattr(2), statx(2).

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use super::{nr, owned};
use crate::floor::sys::{self, syscall};
use crate::floor::text::Number;
use crate::floor::{Errno, Fd};

const AT_EMPTY_PATH: usize = 0x1000;
const AT_RECURSIVE: usize = 0x8000;

/// `struct mount_attr`, uapi/linux/mount.h, in its first size.
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    user: u64,
}
const _: () = assert!(size_of::<MountAttr>() == 32);

fn set(mount: BorrowedFd<'_>, attr: &MountAttr, recursive: bool) -> Result<(), Errno> {
    let flags = AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    let fd = usize::try_from(mount.as_raw_fd()).unwrap_or_default();
    let (path, at) = (c"".as_ptr().expose_provenance(), std::ptr::from_ref(attr).expose_provenance());
    // SAFETY: the kernel reads a live string that ends in NUL, and 32 bytes of a live struct of that size.
    unsafe { syscall(nr::MOUNT_SETATTR, [fd, path, flags, at, size_of::<MountAttr>(), 0]) }.map(drop)
}

/// Sets `MOUNT_ATTR_*`. Linux 5.12.
pub(crate) fn add(mount: BorrowedFd<'_>, attributes: u32, recursive: bool) -> Result<(), Errno> {
    set(mount, &MountAttr { set: attributes.into(), clear: 0, propagation: 0, user: 0 }, recursive)
}

/// Has its files have the owners that a user namespace maps theirs to. Linux 5.12.
pub(crate) fn map_ids(mount: BorrowedFd<'_>, user: BorrowedFd<'_>) -> Result<(), Errno> {
    let user = u64::try_from(user.as_raw_fd()).unwrap_or_default();
    set(mount, &MountAttr { set: super::statmount::MOUNT_ATTR_IDMAP, clear: 0, propagation: 0, user }, false)
}

/// The number that no other mount ever had or will have (`STATX_MNT_ID_UNIQUE`). Linux 6.8.
pub(crate) fn unique_id(mount: i32) -> Option<u64> {
    const STATX_MNT_ID_UNIQUE: usize = 0x4000;
    // `struct statx`, uapi/linux/stat.h: the answered mask is the first half of word 0, the mount's number word 18.
    let mut answer = [0_u64; 32];
    let (path, to) = (c"".as_ptr().expose_provenance(), (&raw mut answer).expose_provenance());
    let fd = usize::try_from(mount).unwrap_or_default();
    // SAFETY: the kernel reads a live string that ends in NUL, and writes one struct statx: 256 bytes, as many as there are.
    unsafe { syscall(nr::STATX, [fd, path, AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE, to, 0]) }.ok()?;
    let (mask, id) = (answer[0], answer[18]);
    (mask & STATX_MNT_ID_UNIQUE as u64 != 0).then_some(id)
}

/// Unmounts what `place` is open on, with what is mounted below it: `links` is open on this thread's descriptors in a proc.
/// It changes the thread's working directory.
pub(crate) fn unmount(links: &Fd, place: &Fd) -> Result<(), Errno> {
    const MNT_DETACH: usize = 2;
    sys::fchdir(links.number())?;
    sys::umount2(Number::of(place.number()).as_c_str(), MNT_DETACH)
}

/// Removes an empty file or directory.
pub(crate) fn unlink(directory: &Fd, name: &CStr, is_directory: bool) -> Result<(), Errno> {
    const AT_REMOVEDIR: usize = 0x200;
    let fd = usize::try_from(directory.number()).unwrap_or_default();
    let flags = if is_directory { AT_REMOVEDIR } else { 0 };
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::UNLINKAT, [fd, name.as_ptr().expose_provenance(), flags, 0, 0, 0]) }.map(drop)
}

/// The user namespace that owns a namespace (`NS_GET_USERNS`, Linux 4.9).
pub(crate) fn owner(namespace: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    const NS_GET_USERNS: usize = 0xb701;
    let fd = usize::try_from(namespace.as_raw_fd()).unwrap_or_default();
    // SAFETY: the request takes no argument.
    let owner = unsafe { syscall(nr::IOCTL, [fd, NS_GET_USERNS, 0, 0, 0, 0]) }?;
    adopt(owner)
}

/// A descriptor that a copy of this process has opened, or that a call has just answered.
pub(crate) fn adopt(number: usize) -> Result<OwnedFd, Errno> {
    i32::try_from(number).map(|number| owned(Fd::new(number))).map_err(|_| Errno::INVAL)
}

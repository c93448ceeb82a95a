// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts by path, one each.

use core::ffi::CStr;

use super::sys::{self, Errno};

const MS_NOSUID: usize = 0x2;
const MS_NODEV: usize = 0x4;
const MS_NOEXEC: usize = 0x8;
const MS_BIND: usize = 0x1000;
const MS_REC: usize = 0x4000;
const MS_SLAVE: usize = 0x8_0000;

/// Cuts the way back: what is mounted here from now on is not seen outside, while what is unmounted outside goes away here.
///
/// Slave, not private: a private copy would keep the machine's file systems busy after their owner has unmounted them.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN` over the mount namespace; `EINVAL` in a chroot that is no mount.
pub fn receive_only() -> Result<(), Errno> {
    sys::mount(None, c"/", None, MS_REC | MS_SLAVE, None)
}

/// Makes what is at `source`, with everything mounted below it, appear at `target` too.
///
/// # Errors
/// `ENOENT` if either is absent; `ENOTDIR` for a directory over a file or the other way round.
pub fn bind(source: &CStr, target: &CStr) -> Result<(), Errno> {
    sys::mount(Some(source), target, None, MS_BIND | MS_REC, None)
}

/// Mounts a proc of this pid namespace.
///
/// # Errors
/// `EPERM` in a user namespace whose own view of /proc is covered in part.
pub fn proc(target: &CStr) -> Result<(), Errno> {
    sys::mount(Some(c"proc"), target, Some(c"proc"), MS_NOSUID | MS_NODEV | MS_NOEXEC, None)
}

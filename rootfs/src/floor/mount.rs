// SPDX-License-Identifier: MIT OR Apache-2.0
//! Propagation: what is mounted here is not seen outside.

use super::sys::{self, Errno};

/// `MS_REC`: all that is mounted below it too.
pub const REC: u32 = 0x4000;
/// `MS_UNBINDABLE`, `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`.
pub const HOW: [u32; 4] = [0x2_0000, 0x4_0000, 0x8_0000, 0x10_0000];
const MS_REC: usize = REC as usize;
const MS_SLAVE: usize = 0x8_0000;

/// Cuts the way back: what is mounted here from now on is not seen outside, while what is unmounted outside goes away here.
///
/// Slave, not private: a private copy would keep the machine's file systems busy after their owner has unmounted them.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN` over the mount namespace; `EINVAL` in a chroot that is no mount.
pub fn receive_only() -> Result<(), Errno> {
    propagate(MS_REC | MS_SLAVE)
}

/// What `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED`, `MS_UNBINDABLE`, and `MS_REC` with them, say of what "/" is.
///
/// # Errors
/// As [`receive_only`].
pub fn propagate(how: usize) -> Result<(), Errno> {
    sys::mount(None, c"/", None, how, None)
}

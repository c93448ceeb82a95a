// SPDX-License-Identifier: MIT OR Apache-2.0
//! Propagation: what is mounted here is not seen outside.

use super::sys::{self, Errno};

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

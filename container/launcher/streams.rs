// SPDX-License-Identifier: MIT OR Apache-2.0
//! The standard streams as they came from the caller.

use ns_floor::Errno;

use crate::floors::rootfs::sys::{self as disk, open};
use crate::sys::terminal::duplicate;

/// Device 1:3, as stat(2) tells it.
const NULL: u64 = 1 << 8 | 3;

/// Opens the container's null device for each stream that is this machine's: who has that open may change its mode and its
/// owner, by /proc, for the whole machine.
///
/// # Errors
/// `ENODEV` if the container's /dev/null is none.
pub fn own_null() -> Result<(), Errno> {
    for stream in 0..3 {
        let is_null = |fd| disk::fstat(fd).is_ok_and(|found| found.is_character_device(NULL));
        if !is_null(stream) {
            continue;
        }
        let own = disk::openat(disk::CWD, c"/dev/null", open::RDWR | open::NOCTTY | open::NOFOLLOW, 0)
            .map_err(|errno| Errno(errno.0))?;
        if !is_null(own.number()) {
            return Err(Errno::NODEV);
        }
        duplicate(own.number(), stream)?;
    }
    Ok(())
}

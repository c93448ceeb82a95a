// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parameters of the namespaces that this thread is in.

use core::ffi::CStr;

use super::sys::{self, Errno};

/// Writes a value to the file of a parameter, `/proc/sys/…`, in one call: the kernel takes no part of one.
///
/// # Errors
/// `ENOENT` if the kernel, or this namespace, has no such parameter; `EINVAL` for a value that it does not take; `EACCES`
/// or `EPERM` without the right.
pub fn write(path: &CStr, value: &[u8]) -> Result<(), Errno> {
    let fd = sys::open_to_write(path)?;
    let taken = sys::write(fd, value);
    sys::close(fd);
    match taken {
        Ok(taken) if taken == value.len() => Ok(()),
        Ok(_) => Err(Errno::INVAL),
        Err(errno) => Err(errno),
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of the machine, as a uts namespace holds them.

use core::ffi::CStr;

use super::sys::{self, Errno};

/// Sets the host name of this uts namespace.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN` over it; `EINVAL` above 64 bytes.
pub fn hostname(name: &CStr) -> Result<(), Errno> {
    sys::sethostname(name)
}

/// Sets the NIS domain name of this uts namespace.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN` over it; `EINVAL` above 64 bytes.
pub fn domainname(name: &CStr) -> Result<(), Errno> {
    sys::setdomainname(name)
}

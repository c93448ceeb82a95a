// SPDX-License-Identifier: MIT OR Apache-2.0
//! The floor's descriptors as std's, and the calls that only the std half makes.
#![allow(unsafe_code, reason = "std believes a number to be an open descriptor on somebody's word alone")]

pub(crate) mod copy;
pub(crate) mod mounted;
pub(crate) mod nr;
pub(crate) mod statmount;
pub(crate) mod threads;

use std::os::fd::{FromRawFd, OwnedFd};

use crate::floor::Fd;

/// The same descriptor, owned by std's type.
pub(crate) fn owned(fd: Fd) -> OwnedFd {
    // SAFETY: `Fd` owns an open descriptor, and gives it away here.
    unsafe { OwnedFd::from_raw_fd(fd.into_number()) }
}

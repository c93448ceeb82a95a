// SPDX-License-Identifier: MIT OR Apache-2.0
//! A descriptor that is closed when it goes: std's `OwnedFd` for where there is no std.

use core::mem::ManuallyDrop;

use super::sys;

/// A descriptor of ours.
#[derive(Debug, PartialEq, Eq)]
pub struct Fd(i32);

impl Fd {
    /// Owns a descriptor that a system call has just made.
    pub(crate) const fn new(number: i32) -> Self {
        Self(number)
    }

    /// Its number, for a system call.
    #[must_use]
    pub const fn number(&self) -> i32 {
        self.0
    }

    /// Gives the descriptor away: the number's new owner closes it.
    #[must_use]
    pub fn into_number(self) -> i32 {
        ManuallyDrop::new(self).0
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        sys::close(self.0);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Securebits: switches of a thread that take the special treatment of user 0 away.
//!
//! Man: capabilities(7), "The securebits flags". Kernel: include/uapi/linux/securebits.h.

use std::fmt;

use rustix::thread::capabilities_secure_bits;

use crate::error::{Error, Object};
use crate::floor;
use crate::words::flag_words;

bitflags::bitflags! {
    /// Switches that take the special treatment of user 0 away; each has a lock, which cannot be undone.
    ///
    /// They are passed on to children and kept over an exec, but `KEEP_CAPS`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    pub struct Securebits: u32 {
        /// An exec gives user 0 no capabilities.
        #[doc(alias = "SECBIT_NOROOT")]
        const NOROOT = 1 << 0;
        /// `NOROOT` stays as it is.
        #[doc(alias = "SECBIT_NOROOT_LOCKED")]
        const NOROOT_LOCKED = 1 << 1;
        /// A change from or to user 0 leaves the capabilities as they are.
        #[doc(alias = "SECBIT_NO_SETUID_FIXUP")]
        const NO_SETUID_FIXUP = 1 << 2;
        /// `NO_SETUID_FIXUP` stays as it is.
        #[doc(alias = "SECBIT_NO_SETUID_FIXUP_LOCKED")]
        const NO_SETUID_FIXUP_LOCKED = 1 << 3;
        /// The permitted set outlives a change from user 0; cleared by an exec.
        #[doc(alias = "SECBIT_KEEP_CAPS")]
        const KEEP_CAPS = 1 << 4;
        /// `KEEP_CAPS` stays as it is.
        #[doc(alias = "SECBIT_KEEP_CAPS_LOCKED")]
        const KEEP_CAPS_LOCKED = 1 << 5;
        /// Nothing can be added to the ambient set. Linux 4.3.
        #[doc(alias = "SECBIT_NO_CAP_AMBIENT_RAISE")]
        const NO_CAP_AMBIENT_RAISE = 1 << 6;
        /// `NO_CAP_AMBIENT_RAISE` stays as it is.
        #[doc(alias = "SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED")]
        const NO_CAP_AMBIENT_RAISE_LOCKED = 1 << 7;
        /// Script interpreters are asked to run only files that may be executed. Linux 6.14.
        #[doc(alias = "SECBIT_EXEC_RESTRICT_FILE")]
        const EXEC_RESTRICT_FILE = 1 << 8;
        /// `EXEC_RESTRICT_FILE` stays as it is.
        #[doc(alias = "SECBIT_EXEC_RESTRICT_FILE_LOCKED")]
        const EXEC_RESTRICT_FILE_LOCKED = 1 << 9;
        /// Script interpreters are asked to run nothing that is typed in. Linux 6.14.
        #[doc(alias = "SECBIT_EXEC_DENY_INTERACTIVE")]
        const EXEC_DENY_INTERACTIVE = 1 << 10;
        /// `EXEC_DENY_INTERACTIVE` stays as it is.
        #[doc(alias = "SECBIT_EXEC_DENY_INTERACTIVE_LOCKED")]
        const EXEC_DENY_INTERACTIVE_LOCKED = 1 << 11;
    }
}

const THREAD: Object = Object::Named("the calling thread");

impl Securebits {
    /// Every second bit: the switches without their locks.
    const SWITCHES: u32 = 0b0101_0101_0101;

    /// User 0 is a user like others, for good: what capabilities(7) recommends for a world of capabilities alone.
    #[must_use]
    pub fn no_special_root() -> Self {
        (Self::NOROOT | Self::NO_SETUID_FIXUP | Self::NO_CAP_AMBIENT_RAISE).locked() | Self::KEEP_CAPS_LOCKED
    }

    /// The same switches, each locked.
    #[must_use]
    pub const fn locked(self) -> Self {
        Self::from_bits_retain(self.bits() | (self.bits() & Self::SWITCHES) << 1)
    }

    /// The securebits of the calling thread.
    ///
    /// # Errors
    /// Where a filter forbids prctl(2).
    #[doc(alias = "PR_GET_SECUREBITS")]
    pub fn current() -> Result<Self, Error> {
        let bits = capabilities_secure_bits()
            .map_err(|errno| Error::os("read the securebits of", THREAD, errno.raw_os_error()))?;
        Ok(Self::from_bits_retain(bits.bits()))
    }

    /// Gives these, and no others, to the calling thread, and so to what it starts.
    ///
    /// # Errors
    /// `Denied` without `CAP_SETPCAP`, for a bit that is locked, and for one that this kernel does not have.
    /// # Privileges
    /// `CAP_SETPCAP` in the thread's user namespace.
    #[doc(alias = "PR_SET_SECUREBITS")]
    pub fn enter_thread(self) -> Result<(), Error> {
        floor::thread::securebits(self.bits())
            .map_err(|failure| Error::os("change the securebits of", THREAD, failure.errno.0.into()))
    }
}

impl fmt::Display for Securebits {
    /// "noroot, noroot_locked", or "none".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        flag_words(f, *self, "none")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_those_of_libc() {
        let ours = Securebits::all().iter_names().map(|(name, bit)| (name, i64::from(bit.bits())));
        let libcs = [
            ("NOROOT", libc::SECBIT_NOROOT),
            ("NOROOT_LOCKED", libc::SECBIT_NOROOT_LOCKED),
            ("NO_SETUID_FIXUP", libc::SECBIT_NO_SETUID_FIXUP),
            ("NO_SETUID_FIXUP_LOCKED", libc::SECBIT_NO_SETUID_FIXUP_LOCKED),
            ("KEEP_CAPS", libc::SECBIT_KEEP_CAPS),
            ("KEEP_CAPS_LOCKED", libc::SECBIT_KEEP_CAPS_LOCKED),
            ("NO_CAP_AMBIENT_RAISE", libc::SECBIT_NO_CAP_AMBIENT_RAISE),
            ("NO_CAP_AMBIENT_RAISE_LOCKED", libc::SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED),
        ];
        for ((name, bit), (theirs, value)) in ours.zip(libcs) {
            assert_eq!((name, bit), (theirs, i64::from(value)));
        }
    }

    #[test]
    fn a_lock_stands_above_its_switch() {
        assert_eq!(Securebits::NOROOT.locked(), Securebits::NOROOT | Securebits::NOROOT_LOCKED);
        assert_eq!(Securebits::all().locked(), Securebits::all());
        let bits = Securebits::no_special_root();
        assert_eq!(bits.bits(), 0b1110_1111);
        assert_eq!(Securebits::NOROOT.locked().to_string(), "noroot, noroot_locked");
        assert_eq!(Securebits::empty().to_string(), "none");
        assert_eq!(Securebits::from_bits_retain(0x8001).to_string(), "noroot, 0x8000");
    }
}

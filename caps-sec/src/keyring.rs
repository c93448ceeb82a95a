// SPDX-License-Identifier: MIT OR Apache-2.0
//! The session keyring: keys that a login has, and whatever is started from it.
//!
//! Man: keyrings(7), session-keyring(7).

use crate::error::{Error, Object};
use crate::floor::{sys, thread};

const THREAD: Object = Object::Named("the calling thread");

/// The serial number of the calling thread's session keyring.
///
/// # Errors
/// `Unsupported` on a kernel without keys; where a filter forbids keyctl(2), as Docker's does.
#[doc(alias = "KEYCTL_GET_KEYRING_ID")]
pub fn session_keyring() -> Result<i32, Error> {
    sys::session_keyring().map_err(|errno| Error::os("find the session keyring of", THREAD, errno.0.into()))
}

/// Leaves the calling thread's session keyring, and the keys in it, for a new one that is empty. Allocates nothing where it
/// succeeds.
///
/// # Errors
/// `Os` (`EDQUOT`) where the user has as many keyrings as `kernel.keys.maxkeys` allows. A kernel without keys has nothing to
/// leave, and who is forbidden keyctl(2) reaches no key by it: neither is an error.
#[doc(alias = "KEYCTL_JOIN_SESSION_KEYRING")]
pub fn enter_session_keyring() -> Result<(), Error> {
    thread::session_keyring().map_err(|failure| Error::os("make a session keyring for", THREAD, failure.errno.0.into()))
}

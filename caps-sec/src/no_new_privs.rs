// SPDX-License-Identifier: MIT OR Apache-2.0
//! No new privileges: a promise of a thread that no exec will ever give it more than it has.
//!
//! Setuid and setgid bits and file capabilities have no effect from then on, for it and all that it starts.
//!
//! Man: prctl(2), `PR_SET_NO_NEW_PRIVS`. Kernel: Documentation/userspace-api/no_new_privs.rst.

use crate::error::{Error, ErrorKind, Object};
use crate::floor;
use crate::status::Status;

const OP: &str = "read no_new_privs of";

/// Whether the calling thread has promised it.
///
/// # Errors
/// Where a filter forbids prctl(2).
#[doc(alias = "PR_GET_NO_NEW_PRIVS")]
pub fn no_new_privs() -> Result<bool, Error> {
    rustix::thread::no_new_privs()
        .map_err(|errno| Error::os(OP, Object::Named("the calling thread"), errno.raw_os_error()))
}

/// Whether the first thread of another process has promised it, from /proc/PID/status.
///
/// # Errors
/// `NotFound` if there is no such process; else the error number of reading.
/// # Kernel
/// Linux 4.10.
#[doc(alias = "NoNewPrivs")]
pub fn no_new_privs_of(pid: u32) -> Result<bool, Error> {
    let status = Status::read(OP, pid)?;
    match status.line("NoNewPrivs") {
        Some(value) => Ok(value == "1"),
        None => {
            let why = format!("{} has no line NoNewPrivs", status.path.display());
            Err(Error::because(OP, Object::Pid(pid), ErrorKind::Unsupported, why))
        }
    }
}

/// Promises it for the calling thread and all that it starts; there is no way back.
///
/// Other threads of the process have not promised anything.
///
/// # Errors
/// None that the kernel documents.
#[doc(alias = "PR_SET_NO_NEW_PRIVS")]
pub fn enter_no_new_privs() -> Result<(), Error> {
    floor::thread::no_new_privs().map_err(|failure| {
        Error::os("set no_new_privs of", Object::Named("the calling thread"), failure.errno.0.into())
    })
}

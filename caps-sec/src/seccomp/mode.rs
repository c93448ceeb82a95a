// SPDX-License-Identifier: MIT OR Apache-2.0
//! The mode of a process: whether its system calls are filtered.
//!
//! Man: proc_pid_status(5), `Seccomp`.

use std::fmt;

use crate::error::{Error, ErrorKind, Object};
use crate::status::Status;

/// Whether the system calls of a thread are filtered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SeccompMode {
    /// They are not.
    Off,
    /// It can do nothing but read, write, exit and return from a signal.
    #[doc(alias = "SECCOMP_MODE_STRICT")]
    Strict,
    /// By one filter or more.
    #[doc(alias = "SECCOMP_MODE_FILTER")]
    Filter,
}

impl fmt::Display for SeccompMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "not filtered",
            Self::Strict => "strict",
            Self::Filter => "filtered",
        })
    }
}

/// Whether the system calls of the first thread of a process are filtered, from /proc/PID/status.
///
/// # Errors
/// `NotFound` if there is no such process; `Unsupported` for a kernel that was built without seccomp.
/// # Kernel
/// Linux 3.8.
#[doc(alias = "Seccomp")]
pub fn seccomp_mode_of(pid: u32) -> Result<SeccompMode, Error> {
    const OP: &str = "read the seccomp mode of";
    let status = Status::read(OP, pid)?;
    match status.line("Seccomp") {
        Some("0") => Ok(SeccompMode::Off),
        Some("1") => Ok(SeccompMode::Strict),
        Some("2") => Ok(SeccompMode::Filter),
        Some(other) => {
            let why = format!("{} says Seccomp {other:?}", status.path.display());
            Err(Error::because(OP, Object::Pid(pid), ErrorKind::Unsupported, why))
        }
        None => {
            let why = format!("{} has no line Seccomp", status.path.display());
            Err(Error::because(OP, Object::Pid(pid), ErrorKind::Unsupported, why))
        }
    }
}

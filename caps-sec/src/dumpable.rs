// SPDX-License-Identifier: MIT OR Apache-2.0
//! Dumpable: whether others may look into a process.
//!
//! Man: prctl(2), `PR_SET_DUMPABLE`; proc_pid_mem(5), ptrace(2).

use rustix::process::{DumpableBehavior, dumpable_behavior};

use crate::error::{Error, Object};
use crate::floor;

const PROCESS: Object = Object::Named("this process");

/// Whether processes of the same user may trace this process, read its memory and its files in /proc, and whether it
/// leaves a core dump.
///
/// # Errors
/// Where a filter forbids prctl(2).
#[doc(alias = "PR_GET_DUMPABLE")]
pub fn dumpable() -> Result<bool, Error> {
    let behaviour =
        dumpable_behavior().map_err(|errno| Error::os("ask who may look into", PROCESS, errno.raw_os_error()))?;
    Ok(behaviour == DumpableBehavior::Dumpable)
}

/// Denies everybody below root to look into this *process*, all threads of it, until it executes a program.
///
/// Its files in /proc belong to root from then on. A change of ids does the same where `fs.suid_dumpable` is 0.
///
/// # Errors
/// None that the kernel documents.
#[doc(alias = "PR_SET_DUMPABLE")]
pub fn enter_undumpable() -> Result<(), Error> {
    floor::thread::undumpable()
        .map_err(|failure| Error::os("deny others to look into", PROCESS, failure.errno.0.into()))
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Identity: who this thread is.

use super::sys::{self, Errno};

/// What to do with the supplementary groups that the caller had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    /// Leave them, as a user namespace with `setgroups` denied demands.
    Keep,
    /// Drop them all.
    Drop,
}

/// Becomes `uid` and `gid` in all three forms (real, effective, saved), groups first: after the uid the right is gone.
///
/// # Errors
/// `EPERM` without the capabilities over this user namespace; `EINVAL` for an id that is not mapped, and for the largest
/// number, by which the kernel would understand "no change".
pub fn become_user(uid: u32, gid: u32, groups: Groups) -> Result<(), Errno> {
    if uid == u32::MAX || gid == u32::MAX {
        return Err(Errno::INVAL);
    }
    if groups == Groups::Drop {
        sys::setgroups(&[])?;
    }
    sys::setresgid(gid)?;
    sys::setresuid([uid; 3])
}

/// Has root of the user namespace as the effective user, and for files; who it really is stays. A process that could be
/// looked into, its own files in /proc among that, can be after it.
///
/// # Errors
/// `EPERM` without `CAP_SETUID` over the user namespace; `EINVAL` where it has no root.
pub fn act_as_root() -> Result<(), Errno> {
    const SAME: u32 = u32::MAX;
    let was_dumpable = sys::is_dumpable();
    sys::setresuid([SAME, 0, SAME])?;
    if was_dumpable { sys::make_dumpable() } else { Ok(()) }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who this thread is where it makes files, and whether others may look into it.

use super::{nr, syscall};

/// As an id: none, or no change.
const NONE: usize = u32::MAX as usize;
const PR_GET_DUMPABLE: usize = 3;
const PR_SET_DUMPABLE: usize = 4;

/// setfsuid(2) and setfsgid(2), of this thread alone. Neither tells whether it has done anything.
pub(in super::super) fn set_file_ids(uid: u32, gid: u32) {
    // SAFETY: no pointer. The group first: after the user the right may be gone.
    let _ = unsafe { syscall(nr::SETFSGID, [gid as usize, 0, 0, 0, 0, 0]) };
    // SAFETY: as above.
    let _ = unsafe { syscall(nr::SETFSUID, [uid as usize, 0, 0, 0, 0, 0]) };
}

/// What files this thread makes belong to: a user and a group.
pub(in super::super) fn file_ids() -> (u32, u32) {
    let ask = |number| {
        // SAFETY: no pointer; an id that there is not changes nothing, and the answer is the one that is in force.
        unsafe { syscall(number, [NONE, 0, 0, 0, 0, 0]) }.map_or(u32::MAX, |id| id as u32)
    };
    (ask(nr::SETFSUID), ask(nr::SETFSGID))
}

/// Has them be the effective ids again, which may have no number in this user namespace: setreuid(2) and setregid(2) that
/// change nothing else do that.
pub(in super::super) fn reset_file_ids() {
    // SAFETY: no pointer; two times "no change".
    let _ = unsafe { syscall(nr::SETREUID, [NONE, NONE, 0, 0, 0, 0]) };
    // SAFETY: as above.
    let _ = unsafe { syscall(nr::SETREGID, [NONE, NONE, 0, 0, 0, 0]) };
}

/// Whether this process can be looked into by its like (`PR_GET_DUMPABLE`).
pub(in super::super) fn is_dumpable() -> bool {
    // SAFETY: no pointer.
    let answer = unsafe { syscall(nr::PRCTL, [PR_GET_DUMPABLE, 0, 0, 0, 0, 0]) };
    answer == Ok(1)
}

/// Has it be so (`PR_SET_DUMPABLE`).
pub(in super::super) fn make_dumpable() {
    // SAFETY: no pointer.
    let _ = unsafe { syscall(nr::PRCTL, [PR_SET_DUMPABLE, 1, 0, 0, 0, 0]) };
}

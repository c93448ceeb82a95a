// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making the child: a sibling of the launcher in new namespaces, so that the caller is its parent.

use ns_floor::Errno;

use crate::sys::{self, CloneArgs};

const CLONE_PIDFD: u64 = 0x1000;
const CLONE_PARENT: u64 = 0x8000;
const CLONE_NEWTIME: u64 = 0x80;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// On which side of the clone one is.
#[derive(Debug)]
pub enum Side {
    /// In the new process.
    Child {
        /// Namespaces that the clone could not make: to be unshared once ids are mapped.
        late_flags: u64,
    },
    /// In the launcher.
    Launcher {
        /// The child's number.
        pid: u32,
        /// The child.
        pidfd: i32,
        /// Whether it was born in the cgroup.
        in_cgroup: bool,
    },
}

/// Clones into the namespaces of `flags`, and into a cgroup of version 2 by its directory. The child's parent is the
/// launcher's parent.
///
/// A cgroup that cannot be cloned into is left to the parent, who joins the child to it before it does anything: it knows
/// more of why, and has other ways.
///
/// # Errors
/// What clone3(2) says, or clone(2) where a filter refuses clone3.
pub fn sibling(flags: u64, cgroup: Option<i32>) -> Result<Side, Errno> {
    let flags = flags | CLONE_PARENT | CLONE_PIDFD;
    let mut pidfd = -1;
    if let Some(cgroup) = cgroup
        && let Ok(pid) = sys::clone3(CloneArgs::into_cgroup(flags | CLONE_INTO_CGROUP, cgroup), &mut pidfd)
    {
        return Ok(side(pid, pidfd, 0, true));
    }
    // No exit signal: with CLONE_PARENT the kernel takes the launcher's own.
    match sys::clone3(CloneArgs::new(flags), &mut pidfd) {
        // Some filters say EPERM to a call that they do not know; if it is the namespaces that are refused, clone says so
        // too, but for the one that it cannot be asked for.
        Err(errno) if errno == Errno::NOSYS || (errno == Errno::PERM && flags & CLONE_NEWTIME == 0) => {
            // clone(2) has the number of CLONE_NEWTIME within its exit signal: that one is left for an unshare.
            let pid = sys::clone(flags & !CLONE_NEWTIME, &mut pidfd)?;
            Ok(side(pid, pidfd, flags & CLONE_NEWTIME, false))
        }
        other => Ok(side(other?, pidfd, 0, false)),
    }
}

const fn side(pid: u32, pidfd: i32, late_flags: u64, in_cgroup: bool) -> Side {
    if pid == 0 { Side::Child { late_flags } } else { Side::Launcher { pid, pidfd, in_cgroup } }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Making the child: a sibling of the launcher in new namespaces, so that the caller is its parent.

use ns_floor::Errno;

use crate::sys::{self, CloneArgs};

const CLONE_PIDFD: u64 = 0x1000;
const CLONE_PARENT: u64 = 0x8000;
const CLONE_NEWTIME: u64 = 0x80;

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
    },
}

/// Clones into the namespaces of `flags`. The child's parent is the launcher's parent.
///
/// # Errors
/// What clone3(2) says, or clone(2) where a filter refuses clone3.
pub fn sibling(flags: u64) -> Result<Side, Errno> {
    let mut pidfd = -1;
    // No exit signal: with CLONE_PARENT the kernel takes the launcher's own.
    let args = CloneArgs::new(flags | CLONE_PARENT | CLONE_PIDFD);
    let (pid, late_flags) = match sys::clone3(args, &mut pidfd) {
        // Some filters say EPERM to a call that they do not know; if it is the namespaces that are refused, clone says so
        // too, but for the one that it cannot be asked for.
        Err(errno) if errno == Errno::NOSYS || (errno == Errno::PERM && flags & CLONE_NEWTIME == 0) => {
            // clone(2) has the number of CLONE_NEWTIME within its exit signal: that one is left for an unshare.
            let now = (flags & !CLONE_NEWTIME) | CLONE_PARENT | CLONE_PIDFD;
            (sys::clone(now, &mut pidfd)?, flags & CLONE_NEWTIME)
        }
        other => (other?, 0),
    };
    Ok(if pid == 0 { Side::Child { late_flags } } else { Side::Launcher { pid, pidfd } })
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Joining: this thread's way into other namespaces, from a list that was finished before.

use super::sys::{self, Errno};

/// One step of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Keep this process' memory from those who are there already: it is a copy of somebody's. Not for a thread of a program
    /// that goes on, since all of them share that.
    Hide,
    /// Stop sharing root, working directory and umask with other threads, as the kernel demands for a mount namespace.
    OwnDirectory,
    /// Join a namespace by its descriptor, or those of these kinds of a process by its pidfd.
    Join {
        /// A namespace, or a pidfd.
        fd: i32,
        /// The kinds, in the bits of setns(2).
        kinds: u64,
    },
    /// Make new namespaces of these kinds, in the bits of unshare(2).
    Make {
        /// The kinds.
        kinds: u64,
    },
}

/// Takes every step.
///
/// # Errors
/// The number of the step that failed, and the kernel's answer to it. Those before it are in effect.
pub fn enter(entries: &[Entry]) -> Result<(), (usize, Errno)> {
    const CLONE_FS: u64 = 0x200;
    for (at, entry) in entries.iter().enumerate() {
        match *entry {
            Entry::Hide => sys::hide_memory(),
            Entry::OwnDirectory => sys::unshare(CLONE_FS),
            Entry::Join { fd, kinds } => sys::setns(fd, kinds),
            Entry::Make { kinds } => sys::unshare(kinds),
        }
        .map_err(|errno| (at, errno))?;
    }
    Ok(())
}

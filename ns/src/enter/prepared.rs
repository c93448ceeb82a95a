// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way as a finished list, for a child that somebody else makes.

use std::io;
use std::os::fd::BorrowedFd;

use super::order::Way;
use crate::error::Error;
use crate::floor::join;
use crate::floor::sys::Errno;
use crate::kind::NamespaceFlags;

/// What [`Join::prepare`](crate::Join::prepare) answers: a finished way into namespaces, to be taken by a child.
///
/// For what `std::process::Command` can do and [`Spawn`](crate::Spawn) cannot:
///
/// ```
/// use std::os::unix::process::CommandExt;
/// use std::process::Command;
/// use skep_ns::Join;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // The user namespace of this process itself: nothing is to be done, and no privilege is needed.
/// let there = Join::new().namespace(std::fs::File::open("/proc/self/ns/user")?).prepare()?;
/// let mut command = Command::new("true");
/// // SAFETY: apply() makes system calls and nothing else: it allocates nothing and takes no lock.
/// unsafe { command.pre_exec(move || there.apply()) };
/// assert!(command.status()?.success());
/// # Ok(())
/// # }
/// ```
///
/// See setns(2), unshare(2).
#[derive(Debug, Clone)]
pub struct Prepared(Way);

impl Prepared {
    pub(super) fn new(way: Way) -> Self {
        Self(way)
    }

    /// Takes the way, on the **calling thread**: for the closure of `CommandExt::pre_exec`, which runs in the child.
    ///
    /// `Command` does its own part first: what `uid` and `gid` have made of the child no longer has the rights to join
    /// (EPERM), and the directory of `current_dir` is lost where a mount namespace is joined, which begins at its root.
    ///
    /// Until the exec the child's memory, a copy of the program's, is kept from those who are in the namespaces already
    /// (`PR_SET_DUMPABLE` 0). It allocates nothing, takes no lock and calls no function of libc. Of a pid namespace not the program itself
    /// becomes a member, but its children: there [`Spawn`](crate::Spawn) is the better way, which clones twice.
    ///
    /// # Errors
    /// The kernel's error number; which of the namespaces it was is not told, since std passes the number on alone. Those
    /// before it are joined.
    /// # Privileges
    /// As [`Join::run`](crate::Join::run); for a user namespace `CAP_SYS_ADMIN` in it, which its maker has.
    /// # Kernel
    /// Linux 3.8. See setns(2), unshare(2).
    pub fn apply(&self) -> io::Result<()> {
        join::enter(self.0.entries()).map_err(|(_, errno)| io::Error::from_raw_os_error(errno.0.into()))
    }

    /// The way in parts, for who has a program of their own take it: descriptors, and what is to be joined by each, in the
    /// bits of setns(2), in the order in which the kernel lets it be done. Nothing is left of what the caller is in already.
    ///
    /// That program should hide its memory first (`PR_SET_DUMPABLE` 0), as [`apply`](Self::apply) does, and clone after the
    /// last where a pid namespace is among them.
    pub fn joins(&self) -> impl Iterator<Item = (BorrowedFd<'_>, NamespaceFlags)> {
        self.0.joins()
    }

    /// The sentence for number `at` of [`joins`](Self::joins), counted from 0, which the kernel has refused with `errno`.
    #[must_use]
    pub fn refused(&self, at: usize, errno: u16) -> Error {
        self.0.explain_join(at, Errno(errno))
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A clone in the copying form, by name: for programs that know what they do.
//!
//! [`Spawn`](crate::Spawn) is what starts programs. A [`Request`] makes a *copy* of the calling thread, in new namespaces
//! if wished, that goes on with code of the caller's: what fork(2) does, with its price (page tables are copied: 85 to 100
//! ms for 2 GiB) and its trap, for which the call is `unsafe`: see [`Request::copy`].
//!
//! Man: clone(2), "The clone3() system call".

use std::os::fd::OwnedFd;

use crate::set::Namespaces;

/// What clone3 is asked for in the copying form.
///
/// See clone(2), namespaces(7).
#[derive(Debug, Default)]
pub struct Request {
    pub(crate) namespaces: Namespaces,
    pub(crate) cgroup: Option<OwnedFd>,
    pub(crate) pids: Vec<i32>,
}

impl Request {
    /// A copy in the caller's namespaces and cgroup.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The namespaces to make. Ids are not mapped by the clone: the caller writes the map
    /// ([`IdMap::write_to`](crate::IdMap::write_to)), and the copy waits for that by a pipe of theirs.
    #[must_use]
    pub fn namespaces(mut self, namespaces: Namespaces) -> Self {
        self.namespaces = namespaces;
        self
    }

    /// The copy begins in this cgroup, a directory of a cgroup v2 hierarchy.
    /// # Kernel
    /// Linux 5.7. See clone(2).
    #[must_use]
    #[doc(alias = "CLONE_INTO_CGROUP")]
    pub fn into_cgroup(mut self, directory: impl Into<OwnedFd>) -> Self {
        self.cgroup = Some(directory.into());
        self
    }

    /// The numbers that the copy shall have, the innermost pid namespace's first, then its parent's.
    /// # Privileges
    /// `CAP_CHECKPOINT_RESTORE` or `CAP_SYS_ADMIN` over each of the pid namespaces.
    /// # Kernel
    /// Linux 5.5. See clone(2).
    #[must_use]
    #[doc(alias = "set_tid")]
    pub fn pids(mut self, pids: impl IntoIterator<Item = i32>) -> Self {
        self.pids = pids.into_iter().collect();
        self
    }
}

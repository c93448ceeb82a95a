// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose is what is made: a user and group of the user namespace, for as long as something is made.
//!
//! Who enters a user namespace that does not map them has no number there. The kernel lets them mount, but whatever they
//! make in what they have mounted would have no owner that its file system knows (`EOVERFLOW`). What they look at they
//! look at as themselves all the same: sources may be theirs alone.
//!
//! Man: setfsuid(2), user_namespaces(7).

use super::room::{Failure, Part, Room};
use super::sys::{self, Errno};

/// What an id reads as that is not mapped in this user namespace, unless a sysctl says otherwise.
pub(super) const OVERFLOW: u32 = 65534;

/// A user and group of the user namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    uid: u32,
    gid: u32,
}

impl Room {
    /// From now on what is made belongs to `uid` and `gid`.
    pub(super) fn own(&mut self, uid: u32, gid: u32) -> Result<(), Failure> {
        let owner = Owner { uid, gid };
        let whole = |errno| Part::Whole.failed(errno);
        // Neither call tells a failure: one looks.
        let before = sys::file_ids();
        let state = become_owner(owner);
        let there = sys::file_ids();
        give_back(state);
        if there != (uid, gid) {
            return Err(whole(Errno::INVAL));
        }
        if sys::file_ids() != before {
            return Err(whole(Errno::PERM));
        }
        self.owner = Some(owner);
        Ok(())
    }

    /// Does `work` with what is made belonging to whom it shall.
    pub(super) fn as_owner<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        // Within it there is nobody else to become.
        let Some(owner) = self.owner.take() else { return work(self) };
        let state = become_owner(owner);
        let done = work(self);
        give_back(state);
        self.owner = Some(owner);
        done
    }

    /// The same where something may be made in a tree that was there before: it may be the owner's, or that of who we are,
    /// and nobody else may make anything in it.
    pub(super) fn as_owner_or_ourselves<T>(
        &mut self,
        work: impl Fn(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match self.as_owner(&work) {
            Err(Failure { errno: Errno::ACCES, .. }) if self.owner.is_some() => work(self),
            done => done,
        }
    }
}

/// Answers whether this process could be looked into, which the change of ids ends.
fn become_owner(Owner { uid, gid }: Owner) -> bool {
    let is_dumpable = sys::is_dumpable();
    sys::set_file_ids(uid, gid);
    is_dumpable
}

fn give_back(was_dumpable: bool) {
    sys::reset_file_ids();
    if was_dumpable {
        sys::make_dumpable();
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Entering: steps performed by a thread, in namespaces that are made for it.
//!
//! In one of two ways, and neither changes the calling thread without saying so in its name: [`Steps::prepare`] is for the
//! child that std's `Command` makes; [`Steps::enter_mounts`] is for the calling thread.
//!
//! Man: unshare(2), mount_namespaces(7).

mod own;
mod prepared;

use crate::detached::log_of;
use crate::error::{Error, Object};
use crate::floor::{Errno, Room, sys};
use crate::steps::Steps;
pub(crate) use own::OwnUser;
pub use prepared::Prepared;

/// Which namespaces are made before steps are performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum NewNamespaces {
    /// A mount namespace, by the rights that there are. `CLONE_NEWNS`.
    #[default]
    Mounts,
    /// A user namespace that owns it: no right is needed, and the steps are made for
    /// [`Setting::user_namespace`](crate::Setting::user_namespace). This account is the only one in it; it has these ids
    /// there, such as 0, and its supplementary groups cannot be changed any more. `CLONE_NEWUSER | CLONE_NEWNS`.
    UserAndMounts {
        /// The user id there.
        uid: u32,
        /// The group id there.
        gid: u32,
    },
    /// None: whoever applies them is in a mount namespace of its own already. What the steps do is seen by everybody in it.
    None,
}

impl Steps {
    /// The steps as a finished list, for the child that std's `Command` makes before its exec, with what must be made before
    /// them: [`make_trees`](Self::make_trees).
    ///
    /// # Errors
    /// What could not be made; `Exhausted` where there is no descriptor left: what stops the child is told through a pipe.
    /// # Privileges
    /// None, but for what is made before.
    #[doc(alias = "pre_exec")]
    pub fn prepare(&self, new: NewNamespaces) -> Result<Prepared, Error> {
        Prepared::new(self, new)
    }

    /// Puts the **calling thread** into a new mount namespace, for good, and performs the steps there, with what must be made
    /// before them: what paths mean to it, its root and its working directory are its own from now on. No other thread's are
    /// changed.
    ///
    /// When it fails the thread is half way, and good for nothing but to tell of it.
    ///
    /// # Errors
    /// The step that failed, in its words, with a hint where we are sure.
    /// # Privileges
    /// `CAP_SYS_ADMIN` over the mount namespace.
    /// # Kernel
    /// Linux 5.10. Newer calls are used where they are there: see [`Bind`](crate::Bind). See unshare(2).
    #[doc(alias = "pivot_root")]
    #[doc(alias = "unshare")]
    pub fn enter_mounts(&self) -> Result<(), Error> {
        let trees = self.make_trees()?;
        sys::unshare_mounts().map_err(|Errno(errno)| not_made("a new mount namespace", errno.into(), true))?;
        let mut room = Room::new();
        trees.steps().perform(&mut room).map_err(|stop| {
            let log = room.refused.as_ref().map(|fs| log_of(fs.number())).unwrap_or_default();
            self.error_with_log(stop, &log)
        })
    }
}

/// Namespaces that were not made; `others` are there that an ordinary account could have.
fn not_made(what: &'static str, errno: i32, others: bool) -> Error {
    let error = Error::os("make", Object::Named(what), errno);
    match (errno == i32::from(Errno::PERM.0), others) {
        (true, true) => error.with_hint("without CAP_SYS_ADMIN it takes NewNamespaces::UserAndMounts"),
        (true, false) => error.with_hint("this machine may refuse user namespaces to ordinary accounts"),
        _ => error,
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The group: a directory in each hierarchy that it takes, held open.
//!
//! Under version 2 a group is one directory. Under version 1, and on machines with both, it is one in each hierarchy that
//! carries a controller, all of the same name; [`Cgroup`] is the one noun for them. Everything goes through the held
//! descriptors: a directory that is removed and made anew by somebody else is not ours.
//!
//! Man: cgroups(7).

mod add;
mod apply;
mod changes;
mod chown;
mod create;
mod directory;
mod freeze;
mod kill;
mod members;
mod open;
mod prepared;
mod remove;
mod report;
mod shape;
mod tell;
mod tree;
mod undo;
mod wait;
mod watch;

#[cfg(test)]
mod tests;

use std::os::fd::BorrowedFd;
use std::path::Path;

use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::layout::Version;

pub use changes::Changes;
pub(crate) use directory::Directory;
pub use prepared::Prepared;
pub(crate) use report::Report;
pub use shape::GroupType;
pub use tell::MemoryPressure;
pub use watch::Watch;

/// A control group, held open in each hierarchy.
///
/// ```no_run
/// use std::time::Duration;
/// use skep_cgroup::{Cgroup, Limits, MIB, Quota};
///
/// let web = Cgroup::create("web-1")?;
/// web.apply(&Limits::new().memory_max(512 * MIB).pids_max(128).cpu(Quota::millicpus(1500)))?;
/// let child = std::process::Command::new("httpd").spawn().expect("httpd is installed");
/// web.add(child.id())?;
/// // …
/// web.kill()?;
/// web.remove()?;
/// # Ok::<(), skep_cgroup::Error>(())
/// ```
///
/// # Paths
/// A relative path begins at our own group in each hierarchy, wherever that is; an absolute one at the root of the visible
/// hierarchy, the mount point. Groups on the way that do not exist are made, and stay when the group is
/// [removed](Self::remove): others may be using them. Under version 2 our own group has at least one process, ourselves,
/// and so gives no controllers to groups below it, unless it is the root: there a relative path makes groups to keep
/// track of and to kill, and limits take an absolute path below a group without processes.
///
/// # Dropping
/// Dropping it closes the descriptors. The group stays, with what is in it, until [`remove`](Self::remove).
#[derive(Debug)]
pub struct Cgroup {
    /// The first is the one that processes are kept track of by. None at all if everything was gone when it was reopened.
    directories: Vec<Directory>,
}

impl Cgroup {
    /// The absolute paths of its directories: what to store in order to find it again
    /// ([`from_directories`](Self::from_directories)).
    pub fn directories(&self) -> impl Iterator<Item = &Path> {
        self.directories.iter().map(Directory::path)
    }

    /// The directory in the hierarchy of version 2, for `CLONE_INTO_CGROUP`; `None` if there is none.
    ///
    /// A process that is cloned into it is in the group from its first moment, in that hierarchy alone: where
    /// [`directories`](Self::directories) has others, [`add`](Self::add) does the rest.
    #[must_use]
    #[doc(alias = "CLONE_INTO_CGROUP")]
    pub fn v2_fd(&self) -> Option<BorrowedFd<'_>> {
        self.v2().map(Directory::fd)
    }

    /// Whether the group has a directory in a hierarchy of version 1.
    #[must_use]
    pub fn has_v1(&self) -> bool {
        self.directories.iter().any(|found| found.version() == Version::V1)
    }

    /// The directory where a controller's files are: that of version 1 with it, else version 2.
    pub(crate) fn of(&self, controller: Controller) -> Option<&Directory> {
        let v1 = self.directories.iter().find(|found| found.controllers().contains(&controller));
        v1.or_else(|| self.v2())
    }

    /// The directory in the hierarchy of version 2.
    pub(crate) fn v2(&self) -> Option<&Directory> {
        self.directories.iter().find(|found| found.version() == Version::V2)
    }

    /// All directories.
    pub(crate) fn all(&self) -> &[Directory] {
        &self.directories
    }

    /// The directory that processes are kept track of by.
    fn tracking(&self) -> Option<&Directory> {
        self.directories.first()
    }

    /// The tracking directory, or an error where nothing was left of the group.
    pub(crate) fn held(&self, op: &'static str) -> Result<&Directory, Error> {
        self.tracking().ok_or_else(|| {
            let why = "none of its directories was left when it was reopened";
            Error::explained(op, Object::Named("the group"), ErrorKind::NotFound, 0, why)
        })
    }
}

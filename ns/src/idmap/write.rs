// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing: giving a map to a process that has just got its user namespace.
//!
//! Each half goes one of three ways, chosen by the kernel's own rules before anything is written: a caller with CAP_SETUID
//! (CAP_SETGID) writes any ranges; any caller writes its own id alone; for all else there is a helper. The kernel takes
//! each file once, in one write(2), and never again.
//!
//! Man: user_namespaces(7), "Defining user and group ID mappings". Kernel: kernel/user_namespace.c, `new_idmap_permitted`.

use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::process::{getegid, geteuid};
use rustix::thread::{CapabilitySet, capabilities};

use super::check::kernel_text;
use super::helper;
use super::target::{Attempt, Target};
use super::{IdMap, IdRange, Ids};
use crate::error::{Error, Object};
use crate::procfs::demand_procfs;

/// How a map was written: what [`IdMap::write_to`] really did.
///
/// See user_namespaces(7), newuidmap(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Who wrote the users.
    pub uids: WrittenBy,
    /// Who wrote the groups.
    pub gids: WrittenBy,
    /// Whether setgroups(2) is denied inside: the map asks for it, the kernel demanded it of the caller, the helper chose
    /// it, or the parent namespace has it so.
    pub setgroups_denied: bool,
}

/// Who wrote one half of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WrittenBy {
    /// The calling thread.
    Caller,
    /// newuidmap(1) or newgidmap(1).
    Helper,
}

/// The way one half of a map will go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// The caller may write any ranges.
    Privileged,
    /// It is the caller's own id alone.
    OwnId,
    /// This program has to.
    Helper(PathBuf),
}

/// What the kernel will judge the caller by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) capabilities: CapabilitySet,
}

impl IdMap {
    /// Gives the map to a process whose user namespace has none yet.
    ///
    /// `process` is the directory `/proc/PID` of the process, held open so that it cannot become another; `pid` is the
    /// same process' number, for the helpers. The caller is in the parent of the namespace, and made it: the kernel asks
    /// for that. Any ranges are written directly where the calling thread has CAP_SETUID and CAP_SETGID; its own id alone
    /// is too, after "deny" to `setgroups` for the group; everything else is asked of newuidmap(1) and newgidmap(1), and
    /// read back. [`Written`] tells which it was.
    ///
    /// # Errors
    /// Before anything is written: `Invalid` for a map that [`check`](Self::check) refuses, and for a directory that is not
    /// one of procfs; `Unsupported` if a helper is
    /// needed and not installed. Then: `Denied` with error number EPERM if the kernel refuses, without one if a helper
    /// does (its words are the cause); `WrongState` if the namespace has a map already; `NotFound` if the process is gone.
    /// A failure may leave the groups written and the users not: the namespace is then of no use.
    /// # Privileges
    /// Those above, and to be the owner of the namespace or have CAP_SYS_ADMIN. Since Linux 5.12 mapping the parent's
    /// uid 0 needs CAP_SETFCAP.
    /// # Kernel
    /// Linux 3.8; 3.19 for `setgroups`. See user_namespaces(7).
    #[doc(alias = "uid_map")]
    #[doc(alias = "gid_map")]
    #[doc(alias = "setgroups")]
    pub fn write_to(&self, process: impl AsFd, pid: u32) -> Result<Written, Error> {
        self.check()?;
        demand_procfs(process.as_fd(), "map ids of", Object::Pid(pid))?;
        let target = Target { directory: process.as_fd(), pid };
        let caller = Caller::current(pid)?;
        // Both ways are known before the first write: an absent helper must not leave half a map.
        let [users, groups] = [Ids::Users, Ids::Groups].map(|ids| self.route(ids, caller, pid, &helper::DIRECTORIES));
        let (users, groups) = (users?, groups?);

        // The kernel takes a group of the caller's own only from who can no longer drop groups by setgroups(2): a group
        // may be there to *deny* access (CVE-2014-8989). After gid_map it is too late to deny.
        let deny = self.denies_setgroups() || groups == Route::OwnId;
        if deny {
            let attempt = Attempt { op: "deny setgroups in", ids: Ids::Groups, wanted: self.gids(), caller };
            target.put(c"setgroups", "deny").map_err(|errno| target.explain(attempt, errno))?;
        }
        // Users last: who waits for the process to be somebody then finds its groups mapped too.
        let gids = self.write_half(Ids::Groups, groups, caller, target)?;
        let uids = self.write_half(Ids::Users, users, caller, target)?;
        let setgroups_denied = target.denies_setgroups().unwrap_or(deny);
        Ok(Written { uids, gids, setgroups_denied })
    }

    /// The way this half has to go.
    pub(super) fn route(&self, ids: Ids, caller: Caller, pid: u32, directories: &[&str]) -> Result<Route, Error> {
        let (capability, own) = match ids {
            Ids::Users => (CapabilitySet::SETUID, caller.uid),
            Ids::Groups => (CapabilitySet::SETGID, caller.gid),
        };
        match self.ranges(ids) {
            _ if caller.capabilities.contains(capability) => Ok(Route::Privileged),
            [IdRange { outside, count: 1, .. }] if *outside == own => Ok(Route::OwnId),
            _ => helper::find(ids, pid, directories).map(Route::Helper),
        }
    }

    fn write_half(&self, ids: Ids, route: Route, caller: Caller, target: Target<'_>) -> Result<WrittenBy, Error> {
        let ranges = self.ranges(ids);
        if let Route::Helper(path) = route {
            let ended = helper::run_helper(&path, target.pid, ranges)?;
            return target.believe(ids, &path, &ended, ranges).map(|()| WrittenBy::Helper);
        }
        let attempt = Attempt { op: ids.write_op(), ids, wanted: ranges, caller };
        match target.put(ids.map_file(), &kernel_text(ranges)) {
            Ok(()) => Ok(WrittenBy::Caller),
            Err(errno) => Err(target.explain(attempt, errno)),
        }
    }
}

impl Caller {
    /// The calling thread, as it is now.
    fn current(pid: u32) -> Result<Self, Error> {
        let sets = capabilities(None).map_err(|errno| {
            Error::os("read the caller's capabilities to map ids of", Object::Pid(pid), errno.raw_os_error())
        })?;
        Ok(Self { uid: geteuid().as_raw(), gid: getegid().as_raw(), capabilities: sets.effective })
    }
}

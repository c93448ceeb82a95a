// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listing: every namespace that can be seen, and who is in it.
//!
//! A [`Listing`] is a value: what was there while /proc was read, process by process. It is no snapshot: a process may have
//! come or gone meanwhile, and one that ends while it is looked at is left out. What the caller was not allowed to see is
//! counted, so that nobody takes a part for the whole.
//!
//! Man: lsns(8), namespaces(7).

mod pins;
mod process;
mod scan;
mod table;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use crate::error::Error;
use crate::handle::NamespaceId;
use crate::kind::NamespaceKind;

/// The namespaces of a machine, as far as the caller sees them, in the order of their inodes. See lsns(8), namespaces(7).
///
/// Displays as a table in the manner of lsns(8).
///
/// ```
/// use skep_ns::NamespaceKind;
///
/// let all = skep_ns::list()?;
/// let ours = all.of_process(std::process::id())?;
/// assert!(ours.namespaces.iter().any(|namespace| namespace.id.kind == NamespaceKind::Net));
/// println!("{all}");
/// # Ok::<(), skep_ns::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Listing {
    /// What was found.
    pub namespaces: Vec<Listed>,
    /// What the caller was not allowed to see.
    pub hidden: Hidden,
    /// In the listing of one process ([`of_process`](Self::of_process)): the pid and time namespaces that its next children
    /// begin in, where these are not its own. A pid namespace shows from its first process on.
    #[doc(alias = "pid_for_children")]
    #[doc(alias = "time_for_children")]
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub for_children: Vec<NamespaceId>,
}

/// A namespace, and who is in it.
///
/// See lsns(8).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct Listed {
    /// Which one it is.
    pub id: NamespaceId,
    /// How many processes are in it. Threads are not counted, but one that has left its process' namespace stays unseen.
    pub processes: u32,
    /// The process with the lowest number of them.
    #[cfg_attr(feature = "serde", serde(default))]
    pub first: Option<FirstProcess>,
    /// The user namespace that owns it, if the caller can see that.
    #[cfg_attr(feature = "serde", serde(default))]
    pub owner: Option<NamespaceId>,
    /// Of a pid or user namespace the one above it, if the caller can see that.
    #[cfg_attr(feature = "serde", serde(default))]
    pub parent: Option<NamespaceId>,
    /// Where it is pinned in the caller's mount namespace.
    #[cfg_attr(feature = "serde", serde(default))]
    pub pins: Vec<PathBuf>,
    /// Processes that hold a descriptor of it; empty if that was not asked for ([`list_with_holders`]).
    #[cfg_attr(feature = "serde", serde(default))]
    pub holders: Vec<u32>,
}

impl Listed {
    fn new(id: NamespaceId) -> Self {
        Self { id, processes: 0, first: None, owner: None, parent: None, pins: Vec::new(), holders: Vec::new() }
    }
}

/// The process with the lowest number in a namespace.
///
/// See lsns(8), proc_pid_status(5), proc_pid_cmdline(5).
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct FirstProcess {
    /// Its number.
    pub pid: u32,
    /// Its real user.
    pub uid: u32,
    /// That user's name, if /etc/passwd has one. Accounts that come from a service are not looked up: the code for that is
    /// whatever the mount namespace of the caller names, which may be a joined one.
    #[cfg_attr(feature = "serde", serde(default))]
    pub user: Option<String>,
    /// Its command line, its arguments separated by spaces; of a kernel thread, or a process that has erased it, its name.
    pub command: String,
}

/// What the caller was not allowed to see.
///
/// See ptrace(2), "Ptrace access mode checking".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Hidden {
    /// Processes that the caller may not trace: their namespaces are not known, and may be missing or have more processes
    /// than is said.
    pub processes: u32,
    /// Processes whose descriptors the caller may not see.
    pub holders: u32,
}

/// Every namespace that a process of /proc is in, that is pinned in the caller's mount namespace, or that owns or is above
/// one of these.
///
/// # Errors
/// `NotFound` where no /proc is mounted; `Exhausted` at the limit on descriptors, or without memory: a part is not given for
/// the whole. What ends meanwhile, or may not be seen, is no error.
/// # Privileges
/// None; `CAP_SYS_PTRACE` to see the namespaces of other users' processes.
/// # Kernel
/// Reads /proc; owners and parents are asked of nsfs (Linux 4.9). See lsns(8), namespaces(7), ioctl_nsfs(2).
#[doc(alias = "lsns")]
pub fn list() -> Result<Listing, Error> {
    scan::scan(scan::Holders::Leave)
}

/// The same, and every namespace that a process holds by a descriptor alone. Takes longer: all descriptors of all processes
/// are looked at.
///
/// # Errors
/// As [`list`].
/// # Privileges
/// As [`list`].
/// # Kernel
/// Reads /proc, and /proc/PID/fd; owners and parents are asked of nsfs (Linux 4.9). See lsns(8), namespaces(7), ioctl_nsfs(2).
pub fn list_with_holders() -> Result<Listing, Error> {
    scan::scan(scan::Holders::Find)
}

/// The namespaces that process `pid` is in, and with how many others: a part of [`list`].
///
/// # Errors
/// `NotFound` if there is no such process, `Denied` if the caller may not trace it.
/// # Privileges
/// As [`list`].
/// # Kernel
/// Reads /proc; owners and parents are asked of nsfs (Linux 4.9). See lsns(8), namespaces(7), ioctl_nsfs(2).
pub fn list_of(pid: u32) -> Result<Listing, Error> {
    list()?.of_process(pid)
}

impl Listing {
    /// Those that process `pid` is in, and those that its next children begin in.
    ///
    /// # Errors
    /// `NotFound` if there is no such process, `Denied` if the caller may not trace it.
    /// # Kernel
    /// Reads /proc/PID/ns. See proc_pid_ns(5).
    pub fn of_process(&self, pid: u32) -> Result<Self, Error> {
        let (ids, for_children) = process::ids_of(pid)?;
        let is_its = |id: &NamespaceId| ids.contains(id) || for_children.contains(id);
        let mut namespaces: Vec<_> = self.namespaces.iter().filter(|found| is_its(&found.id)).cloned().collect();
        // What no process is in yet was not met.
        for id in &for_children {
            if self.get(*id).is_none() {
                namespaces.push(Listed::new(*id));
            }
        }
        namespaces.sort_unstable_by_key(|found| (found.id.inode, found.id.kind));
        Ok(Self { namespaces, hidden: self.hidden, for_children })
    }

    /// Those of this kind.
    #[must_use]
    pub fn of_kind(&self, kind: NamespaceKind) -> Self {
        let namespaces = self.namespaces.iter().filter(|found| found.id.kind == kind).cloned().collect();
        let for_children = self.for_children.iter().filter(|id| id.kind == kind).copied().collect();
        Self { namespaces, hidden: self.hidden, for_children }
    }

    /// The one with this identity.
    #[must_use]
    pub fn get(&self, id: NamespaceId) -> Option<&Listed> {
        self.namespaces.iter().find(|found| found.id == id)
    }
}

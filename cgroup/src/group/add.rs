// SPDX-License-Identifier: MIT OR Apache-2.0
//! Adding: a process into every directory, in one burst.
//!
//! The first write of a while waits for a grace period of the kernel's (5 to 10 ms, more on a busy machine); those right
//! behind it do not. What it waits for is one lock of the whole machine (`cgroup_threadgroup_rwsem`), so that several threads at
//! once are no faster: there is no form of `add` for that. [`Prepared`](super::Prepared) has the way around.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::{Cgroup, Directory};
use crate::error::{Error, ErrorKind, Object};
use crate::layout::Version;
use crate::{file, pidfd};

const OP: &str = "add";

impl Cgroup {
    /// Moves a process, with all its threads, into the group; what it starts from then on is in the group too.
    ///
    /// That the number still is the process that is meant is for the caller to know; a child that was not waited for keeps
    /// its number. After a failure the process may be in some of the directories.
    ///
    /// # Speed
    /// The first call of a while takes 5 to 10 ms, however many directories there are: the kernel waits until no processor is in
    /// the middle of a fork or an exit. Who starts programs has ways around it, see [`Prepared::apply`](super::Prepared::apply).
    /// Who cannot take them hides it: add the process while it still has other work to do, not when everybody waits for it.
    ///
    /// # Errors
    /// `NotFound` if there is no such process, or the group was removed; `Denied` without the right; `Busy` if the group
    /// gives controllers to groups below it, and so may have no processes (version 2); `WrongState` if it is good for
    /// threads alone, or has no processors; `Invalid` for 0, which the kernel would take for the caller.
    /// # Privileges
    /// Write access to `cgroup.procs` of the group, and under version 2 of the nearest group above both it and the
    /// process' own.
    #[doc(alias = "cgroup.procs")]
    pub fn add(&self, pid: u32) -> Result<(), Error> {
        self.add_by(pid, |_| "cgroup.procs")
    }

    /// Moves a single thread into the group, and no other of its process: `cgroup.threads` in version 2, `tasks` in version 1.
    /// What the thread starts from then on is in the group too. [`Prepared::apply`](super::Prepared::apply) of
    /// [`prepare_thread`](Self::prepare_thread) has the calling thread do it by itself.
    ///
    /// Version 2 takes a thread into a group of threads alone ([`make_threaded`](Self::make_threaded)), or into the one above
    /// those that its process is in. After a failure the thread may be in some of the directories.
    ///
    /// # Errors
    /// `WrongState` if the group of version 2 takes no single threads, or not those of this process; those of
    /// [`add`](Self::add).
    /// # Privileges
    /// Those of [`add`](Self::add), with these files.
    #[doc(alias = "cgroup.threads")]
    #[doc(alias = "tasks")]
    pub fn add_thread(&self, tid: u32) -> Result<(), Error> {
        self.add_by(tid, threads_file)
    }

    fn add_by(&self, pid: u32, name: fn(&Directory) -> &'static str) -> Result<(), Error> {
        let held = self.held(OP)?;
        if pid == 0 {
            let object = Object::Member { pid, group: held.path().to_owned() };
            return Err(Error::invalid(OP, object, vec!["0 is not the number of a process".to_owned()]));
        }
        let text = pid.to_string();
        self.directories.iter().try_for_each(|directory| {
            let name = name(directory);
            file::write_text(directory.fd(), name, &text).map_err(|errno| explain(directory, name, pid, errno))
        })
    }

    /// Moves the process of a pidfd into the group, as [`add`](Self::add) does.
    ///
    /// The kernel knows no such call: the number is looked up, and afterwards the process must still be there. If it has
    /// ended *and* was waited for in between, its number may have been another's; a child of the caller is safe.
    ///
    /// # Errors
    /// Those of [`add`](Self::add); `Invalid` for a descriptor that is no pidfd; `NotFound` if the process has ended, or is
    /// in a pid namespace that does not reach ours; `WrongState` if `/proc` is another pid namespace's.
    /// # Kernel
    /// Linux 5.3 for pidfds.
    #[doc(alias = "pidfd")]
    pub fn add_pidfd(&self, pidfd: impl AsFd) -> Result<(), Error> {
        self.add_held(pidfd.as_fd(), Self::add)
    }

    /// Moves the thread of a pidfd into the group, as [`add_thread`](Self::add_thread) does; of the pidfd of a process that is its
    /// first thread.
    ///
    /// # Errors
    /// Those of [`add_thread`](Self::add_thread) and [`add_pidfd`](Self::add_pidfd).
    /// # Kernel
    /// Linux 6.9 for pidfds of threads (`PIDFD_THREAD`).
    #[doc(alias = "PIDFD_THREAD")]
    pub fn add_thread_pidfd(&self, pidfd: impl AsFd) -> Result<(), Error> {
        self.add_held(pidfd.as_fd(), Self::add_thread)
    }

    fn add_held(&self, held: BorrowedFd<'_>, add: fn(&Self, u32) -> Result<(), Error>) -> Result<(), Error> {
        add(self, pidfd::number(OP, held)?)?;
        pidfd::still_there(OP, held)
    }
}

/// The file that lists single threads, and takes them.
pub(super) fn threads_file(directory: &Directory) -> &'static str {
    match directory.version() {
        Version::V2 => "cgroup.threads",
        Version::V1 => "tasks",
    }
}

fn explain(directory: &Directory, name: &str, pid: u32, errno: Errno) -> Error {
    let object = Object::Member { pid, group: directory.path().to_owned() };
    let raw = errno.raw_os_error();
    let v2 = directory.version() == Version::V2;
    match errno {
        Errno::NODEV | Errno::NOENT if directory.is_gone() => {
            Error::explained(OP, object, ErrorKind::NotFound, raw, "the group was removed")
        }
        Errno::NOENT if v2 => {
            let why = "the hierarchy is mounted with nsdelegate: no process moves in or out of our cgroup namespace";
            Error::explained(OP, object, ErrorKind::Denied, raw, why)
        }
        Errno::BUSY if v2 => {
            let why = "the group gives controllers to groups below it, and so may have no processes of its own";
            Error::explained(OP, object, ErrorKind::Busy, raw, why).with_hint("add it to a group below")
        }
        Errno::OPNOTSUPP if name == "cgroup.threads" => {
            let why = "it takes no single threads, or none of this process";
            Error::explained(OP, object, ErrorKind::WrongState, raw, why)
                .with_hint("make it a group of threads, below the group that the process is in")
        }
        Errno::OPNOTSUPP if v2 => {
            let why =
                "the group is below one that has processes and gives controllers, and so is good for threads alone";
            Error::explained(OP, object, ErrorKind::WrongState, raw, why)
        }
        Errno::NOSPC if !v2 => {
            let why = "cpuset.cpus or cpuset.mems of the group is empty";
            Error::explained(OP, object, ErrorKind::WrongState, raw, why)
        }
        Errno::ACCESS if v2 && may_write(directory, name) => Error::os(OP, object, raw).with_hint(
            "cgroup.procs of the nearest group above both the process' own and this one must be writable too",
        ),
        _ => Error::os(OP, object, raw),
    }
}

/// Whether the file itself may be written: then it was the way between the groups that was refused.
fn may_write(directory: &Directory, name: &str) -> bool {
    use rustix::fs::{Access, AtFlags, accessat};
    accessat(directory.fd(), name, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

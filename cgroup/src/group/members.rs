// SPDX-License-Identifier: MIT OR Apache-2.0
//! Members: the processes of a group and of all groups below it.

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;

use super::add::threads_file;
use super::{Cgroup, Directory};
use crate::error::{Error, Object};
use crate::{dir, file};

/// More than this many are not named in a sentence.
const NAMED: usize = 8;

impl Cgroup {
    /// The processes of the group and of all groups below it, in the order of their numbers.
    ///
    /// Numbers are those of the caller's pid namespace; processes that it does not reach have none and are left out. What
    /// has ended is not listed, waited for or not.
    ///
    /// # Errors
    /// What the kernel has against reading `cgroup.procs`.
    #[doc(alias = "cgroup.procs")]
    pub fn procs(&self) -> Result<Vec<u32>, Error> {
        let mut all = BTreeSet::new();
        for directory in &self.directories {
            all.extend(directory.members()?.pids);
        }
        Ok(all.into_iter().collect())
    }

    /// The threads of the group and of all groups below it, in the order of their numbers; otherwise as
    /// [`procs`](Self::procs). A process whose threads are in several groups has some in each.
    ///
    /// # Errors
    /// What the kernel has against reading `cgroup.threads` or `tasks`.
    #[doc(alias = "cgroup.threads")]
    #[doc(alias = "tasks")]
    pub fn threads(&self) -> Result<Vec<u32>, Error> {
        let mut all = BTreeSet::new();
        for directory in &self.directories {
            let name = threads_file(directory);
            let mut enter = |group: BorrowedFd<'_>| match file::read_text(group, name) {
                Ok(text) => {
                    // 0 is what our pid namespace has no number for.
                    all.extend(text.lines().filter_map(|line| line.trim().parse().ok()).filter(|tid: &u32| *tid > 0));
                    Ok(())
                }
                Err(Errno::NOENT | Errno::NODEV) => Ok(()),
                Err(errno) => Err(errno),
            };
            match dir::walk(directory.fd(), &mut enter, &mut |_, _| Ok(())) {
                Err(Errno::NOENT | Errno::NODEV) if directory.is_gone() => {}
                done => done.map_err(|errno| directory.read_error(name, errno))?,
            }
        }
        Ok(all.into_iter().collect())
    }
}

/// The processes of a group in one hierarchy.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) pids: BTreeSet<u32>,
    /// Whether there are some that our pid namespace does not reach.
    pub(super) strangers: bool,
}

impl Members {
    pub(super) fn is_empty(&self) -> bool {
        self.pids.is_empty() && !self.strangers
    }

    /// "2 processes: 7 (sh), 9 (sleep)".
    pub(super) fn said(&self) -> String {
        let name = |pid: &u32| match fs::read_to_string(format!("/proc/{pid}/comm")) {
            Ok(name) => format!("{pid} ({})", name.trim_end().escape_debug()),
            Err(_) => pid.to_string(),
        };
        let count = self.pids.len();
        let mut said = match count {
            0 => "processes".to_owned(),
            1 => "1 process: ".to_owned(),
            _ => format!("{count} processes: "),
        };
        said += &self.pids.iter().take(NAMED).map(name).collect::<Vec<_>>().join(", ");
        if count > NAMED {
            said += ", …";
        }
        if self.strangers {
            said += if count == 0 { " that" } else { ", and some that" };
            said += " this pid namespace does not reach";
        }
        said
    }
}

impl Directory {
    /// The processes of the group and below, in this hierarchy; none if the group was removed.
    pub(super) fn members(&self) -> Result<Members, Error> {
        let mut members = Members::default();
        let mut enter = |group: BorrowedFd<'_>| of_one(group, &mut members);
        match dir::walk(self.fd(), &mut enter, &mut |_, _| Ok(())) {
            Ok(()) => Ok(members),
            Err(Errno::NOENT | Errno::NODEV) if self.is_gone() => Ok(Members::default()),
            Err(errno) => {
                let object = Object::Path(self.path().join("cgroup.procs"));
                Err(Error::os("read", object, errno.raw_os_error()))
            }
        }
    }
}

/// Adds the processes of one group.
fn of_one(group: BorrowedFd<'_>, members: &mut Members) -> Result<(), Errno> {
    match file::read_text(group, "cgroup.procs") {
        Ok(text) => text.lines().for_each(|line| add(members, line.trim().parse().ok())),
        // Of a group of threads the kernel lists threads alone.
        Err(Errno::OPNOTSUPP) => {
            let text = file::read_text(group, "cgroup.threads")?;
            text.lines().filter_map(|line| line.trim().parse().ok()).for_each(|thread| match thread {
                0 => add(members, Some(0)),
                thread => add(members, process_of(thread)),
            });
        }
        // Removed meanwhile.
        Err(Errno::NOENT | Errno::NODEV) => {}
        Err(errno) => return Err(errno),
    }
    Ok(())
}

fn add(members: &mut Members, pid: Option<u32>) {
    match pid {
        // What our pid namespace has no number for; kill(2) would take it for our own process group.
        Some(0) => members.strangers = true,
        Some(pid) => {
            members.pids.insert(pid);
        }
        None => {}
    }
}

/// The process of a thread; `None` if it has ended.
fn process_of(thread: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

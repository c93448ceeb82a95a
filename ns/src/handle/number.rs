// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers: a process is another number in each pid namespace that it can be seen from.
//!
//! Linux 6.11 translates. Before that the line `NSpid` of /proc/PID/status is read: the numbers of a process from the pid
//! namespace of that /proc down to its own. How deep the asked namespace is in that list is told by following the parents
//! up from the process' own.
//!
//! Man: pid_namespaces(7), proc_pid_status(5).

use std::fs;
use std::os::fd::AsFd;

use rustix::io::Errno as Known;

use super::{Namespace, NamespaceId};
use crate::error::{Error, ErrorKind, Object};
use crate::floor::sys::Errno;
use crate::kind::NamespaceKind;
use crate::sys::nsfs::{self, Translation};

impl Namespace {
    /// The number that the process, or thread, `pid` of the caller's pid namespace has in this one.
    ///
    /// # Errors
    /// `NotFound` if there is no such process, or if it cannot be seen from this namespace; `Invalid` if this is no pid
    /// namespace. Before Linux 6.11 `Denied` too, if that could not be found out: the caller may not trace the process.
    /// # Kernel
    /// Linux 6.11 translates; before that /proc is read, and has to be the caller's pid namespace's. See ioctl_nsfs(2).
    #[doc(alias = "NS_GET_PID_IN_PIDNS")]
    #[doc(alias = "NSpid")]
    pub fn pid_inside(&self, pid: u32) -> Result<u32, Error> {
        self.translate(Translation::FromCaller, pid)?.map_or_else(|| self.inside_by_proc(pid), Ok)
    }

    /// The number that the process which is `inside` in this pid namespace has in the caller's.
    ///
    /// # Errors
    /// `NotFound` if no process there has the number, or none that the caller can see; `Invalid` if this is no pid
    /// namespace. Before Linux 6.11 `Denied` too, if it may be a process that the caller may not trace.
    /// # Kernel
    /// As [`pid_inside`](Self::pid_inside); where /proc is read, all processes are looked at, and threads are not.
    #[doc(alias = "NS_GET_PID_FROM_PIDNS")]
    pub fn pid_outside(&self, inside: u32) -> Result<u32, Error> {
        self.translate(Translation::ToCaller, inside)?.map_or_else(|| self.outside_by_proc(inside), Ok)
    }

    /// Asks the kernel; `None` if it cannot tell.
    fn translate(&self, way: Translation, pid: u32) -> Result<Option<u32>, Error> {
        if self.kind != NamespaceKind::Pid {
            return Err(self.wrong_kind(TRANSLATE, "pid namespaces alone translate numbers"));
        }
        if pid == 0 || i32::try_from(pid).is_err() {
            let problem = format!("{pid} is not the number of a process");
            return Err(Error::invalid(TRANSLATE, Object::Pid(pid), vec![problem]));
        }
        match nsfs::translate(self.as_fd(), way, pid) {
            Ok(told) => Ok(Some(told)),
            Err(errno) if is(errno, Known::NOTTY) => Ok(None),
            Err(errno) if is(errno, Known::SRCH) => Err(absent(way, pid)),
            Err(errno) => Err(Error::os(TRANSLATE, Object::Pid(pid), errno.0.into())),
        }
    }

    pub(super) fn inside_by_proc(&self, pid: u32) -> Result<u32, Error> {
        let asked = self.id()?;
        let numbers = numbers(pid).ok_or_else(|| absent(Translation::FromCaller, pid))?;
        let above = steps_up(Self::of_pid(pid, NamespaceKind::Pid)?, asked)?;
        let found = above.and_then(|above| numbers.iter().rev().nth(above));
        found.copied().ok_or_else(|| absent(Translation::FromCaller, pid))
    }

    pub(super) fn outside_by_proc(&self, inside: u32) -> Result<u32, Error> {
        let asked = self.id()?;
        let entries = fs::read_dir("/proc").map_err(|error| {
            Error::os("read", Object::Path("/proc".into()), error.raw_os_error().unwrap_or_default())
        })?;
        let mut hidden = None;
        for pid in entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
            // Who has the number in none of its namespaces is not asked for those.
            let Some(numbers) = numbers(pid).filter(|numbers| numbers.contains(&inside)) else { continue };
            let above = match Self::of_pid(pid, NamespaceKind::Pid) {
                Ok(own) => steps_up(own, asked)?,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => {
                    hidden = Some(error);
                    continue;
                }
            };
            if above.and_then(|above| numbers.iter().rev().nth(above)) == Some(&inside) {
                return Ok(pid);
            }
        }
        Err(hidden.unwrap_or_else(|| absent(Translation::ToCaller, inside)))
    }
}

const TRANSLATE: &str = "translate the number of";

fn is(errno: Errno, known: Known) -> bool {
    i32::from(errno.0) == known.raw_os_error()
}

/// A number that the asked namespace, or the caller's, has no process for.
fn absent(way: Translation, pid: u32) -> Error {
    let why = match way {
        Translation::FromCaller => "there is no such process, or the pid namespace does not see it",
        Translation::ToCaller => "the pid namespace has no such process, or the caller does not see it",
    };
    Error::explained(TRANSLATE, Object::Pid(pid), ErrorKind::NotFound, Known::SRCH.raw_os_error(), why)
}

/// The numbers of a process, from the pid namespace of this /proc down to its own.
fn numbers(pid: u32) -> Option<Vec<u32>> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().map(|number| number.parse().ok()).collect()
}

/// How many steps up from `own` the namespace `asked` is; `None` if it is not above, or out of sight.
fn steps_up(own: Namespace, asked: NamespaceId) -> Result<Option<usize>, Error> {
    let mut at = own;
    // The kernel nests pid namespaces 32 deep (MAX_PID_NS_LEVEL).
    for above in 0..=32 {
        if at.id()? == asked {
            return Ok(Some(above));
        }
        let Some(parent) = at.parent()? else { return Ok(None) };
        at = parent;
    }
    Ok(None)
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The target: the process that gets a map, through its held directory in /proc, and why it did not get it.
//!
//! The kernel says EPERM to six different mistakes; which one it was can be seen afterwards, and is worth the look.
//!
//! Man: user_namespaces(7), "Defining user and group ID mappings".

use std::ffi::CStr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::{Errno, read, retry_on_intr, write};
use rustix::thread::CapabilitySet;

use super::helper::{self, Ended};
use super::write::Caller;
use super::{IdRange, Ids};
use crate::enter::refusal;
use crate::error::{Error, ErrorKind, Object};

/// A process: its directory in /proc, held open, and its number for the helpers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) directory: BorrowedFd<'a>,
    pub(super) pid: u32,
}

/// What was tried when the kernel refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt<'a> {
    pub(super) op: &'static str,
    pub(super) ids: Ids,
    pub(super) wanted: &'a [IdRange],
    pub(super) caller: Caller,
}

impl Target<'_> {
    /// Writes a file of the directory.
    pub(super) fn put(self, file: &CStr, text: &str) -> Result<(), Errno> {
        let file = self.open(file, OFlags::WRONLY)?;
        // One write(2): the kernel parses what one call brings, and refuses a second.
        match retry_on_intr(|| write(&file, text.as_bytes()))? {
            written if written == text.len() => Ok(()),
            _ => Err(Errno::IO),
        }
    }

    /// What a helper did, as the map itself tells: its word is not enough, and sometimes cannot be had.
    pub(super) fn believe(self, ids: Ids, path: &Path, ended: &Ended, wanted: &[IdRange]) -> Result<(), Error> {
        let mut found = self
            .ranges(ids.map_file())
            .map_err(|errno| Error::os(ids.write_op(), Object::Pid(self.pid), errno.raw_os_error()))?;
        // The kernel sorts long maps.
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        found.sort_unstable();
        match ended.success {
            Some(true) | None if found == wanted => Ok(()),
            _ if found.is_empty() => Err(helper::refused(ids, self.pid, path, ended)),
            // Not ours: what is there was there before.
            _ => Err(self.already_mapped(ids.write_op(), 0)),
        }
    }

    /// The error for a write that the kernel refused.
    pub(super) fn explain(self, attempt: Attempt<'_>, errno: Errno) -> Error {
        let (op, raw) = (attempt.op, errno.raw_os_error());
        let error = Error::os(op, Object::Pid(self.pid), raw);
        if !matches!(errno, Errno::PERM | Errno::ACCESS) {
            return error;
        }
        if self.is_in_the_callers_namespace() {
            return error.with_hint(
                "the process is in the caller's own user namespace: map a process in a new one, from outside",
            );
        }
        if let (Errno::ACCESS, Some(owner)) = (errno, self.foreign_owner(attempt.caller)) {
            return error.with_hint(format!(
                "its files in /proc belong to uid {owner}: it runs as another user, or has made itself undumpable"
            ));
        }
        if self.ranges(attempt.ids.map_file()).is_ok_and(|found| !found.is_empty()) {
            return self.already_mapped(op, raw);
        }
        match hint(attempt).or_else(refusal::user_namespaces) {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    fn already_mapped(self, op: &'static str, errno: i32) -> Error {
        Error::explained(op, Object::Pid(self.pid), ErrorKind::WrongState, errno, "the map is already written")
            .with_hint("a map is written once in the life of a user namespace")
    }

    /// Who owns its files in /proc, if that is not the caller.
    fn foreign_owner(self, caller: Caller) -> Option<u32> {
        // Of a file: the directory belongs to the process' user in any case.
        let stat = statat(self.directory, c"uid_map", AtFlags::SYMLINK_NOFOLLOW);
        stat.ok().map(|stat| stat.st_uid).filter(|owner| *owner != caller.uid)
    }

    fn is_in_the_callers_namespace(self) -> bool {
        let theirs = readlinkat(self.directory, c"ns/user", Vec::new());
        let ours = readlinkat(CWD, c"/proc/thread-self/ns/user", Vec::new());
        theirs.is_ok_and(|theirs| ours.is_ok_and(|ours| theirs == ours))
    }

    /// Whether setgroups(2) is denied in its namespace now.
    pub(super) fn denies_setgroups(self) -> Result<bool, Errno> {
        let text = read_all(self.open(c"setgroups", OFlags::RDONLY)?)?;
        Ok(text.starts_with("deny"))
    }

    fn ranges(self, file: &CStr) -> Result<Vec<IdRange>, Errno> {
        read_ranges(self.open(file, OFlags::RDONLY)?)
    }

    fn open(self, file: &CStr, how: OFlags) -> Result<OwnedFd, Errno> {
        retry_on_intr(|| openat(self.directory, file, how | OFlags::CLOEXEC, Mode::empty()))
    }
}

const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

/// What of a map that the kernel refused is certainly more than the caller may give.
fn hint(attempt: Attempt<'_>) -> Option<String> {
    let Attempt { ids, wanted, caller, .. } = attempt;
    let parents_root = wanted.iter().any(|range| range.outside == 0);
    if ids == Ids::Users && parents_root && !caller.capabilities.contains(CapabilitySet::SETFCAP) {
        return Some("mapping the parent's uid 0 needs CAP_SETFCAP since Linux 5.12".to_owned());
    }
    // The ids that the caller can name are those on the left of its own map.
    let own = read_ranges(openat(CWD, ids.own_map_file(), READ, Mode::empty()).ok()?).ok()?;
    let has = |range: &IdRange| {
        let wanted = range.outside_ids();
        own.iter().map(|own| own.inside_ids()).any(|own| own.start <= wanted.start && wanted.end <= own.end)
    };
    let (at, range) = (1..).zip(wanted).find(|(_, range)| !has(range))?;
    let word = ids.word();
    Some(format!("{word} range {at} ({range}) has ids outside that the caller's own user namespace does not map"))
}

/// The lines of a map file.
fn read_ranges(file: OwnedFd) -> Result<Vec<IdRange>, Errno> {
    Ok(read_all(file)?.lines().filter_map(|line| line.parse().ok()).collect())
}

fn read_all(file: OwnedFd) -> Result<String, Errno> {
    let mut text = Vec::new();
    let mut part = [0; 4096];
    loop {
        match retry_on_intr(|| read(&file, &mut part))? {
            0 => return Ok(String::from_utf8_lossy(&text).into_owned()),
            count => text.extend_from_slice(part.get(..count).unwrap_or_default()),
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A tree, removed.

use std::collections::HashSet;
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, Stat, fchmod, fstat, openat, unlinkat};
use rustix::io::Errno;

use super::climb::{Climb, count, mount_of};
use super::{Refused, in_one, list};
use crate::error::Error;
use crate::floor::resolve::Links;
use crate::root::{Root, set_mode_of};

/// What [`Root::remove_tree`] removed, and what it could not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removed {
    /// How many names are gone.
    pub names: u64,
    /// What stays, other than for what is below it: the first 1,000.
    pub refused: Vec<Refused>,
    /// How many more of them there are.
    pub unlisted: u64,
}

impl Root {
    /// Removes what is at `path` with all that is in it; a link is removed, not followed.
    ///
    /// Nothing is crossed into that is mounted there, and a directory that is moved away meanwhile takes nothing of where it
    /// comes to lie along. What is refused stays, and what else there is goes nevertheless. Directories of this account that
    /// it may not write are made writable first. Whoever goes on making names in the tree does not hold it up for ever: after
    /// 65,536 more than the directories had, those stay that have more (`ENOTEMPTY`).
    ///
    /// # Errors
    /// The number of the first refusal, with all of them as the cause, a line each; `ENOENT`; `EBUSY` for what something is
    /// mounted on; `ESTALE` if it was moved meanwhile, and `EINVAL` for the root itself.
    /// # Kernel
    /// The number of a mount by statx(2): Linux 5.8.
    #[doc(alias = "rm -rf")]
    pub fn remove_dir_all(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let removed = self.remove_tree(path)?;
        in_one("remove", self.object(path), &removed.refused, removed.unlisted)
    }

    /// As [`remove_dir_all`](Self::remove_dir_all), and tells what was done and each refusal as a value.
    ///
    /// # Errors
    /// Where nothing could be done at all, or the way through the tree was lost: as [`remove_dir_all`](Self::remove_dir_all).
    pub fn remove_tree(&self, path: impl AsRef<Path>) -> Result<Removed, Error> {
        let path = path.as_ref();
        let refused = |errno: Errno| self.error("remove", path, errno.raw_os_error());
        let (directory, name) = self.parent_held(path, Links::Follow).map_err(refused)?;
        let name = CString::new(name.as_bytes()).map_err(|_| refused(Errno::INVAL))?;
        removed(&directory, &name).map_err(refused)
    }
}

/// How many names of a directory are known at a time.
const BATCH: usize = 1024;

/// How often names are looked at again that others exchange meanwhile.
const TRIES: u32 = 10_000;

/// How many names are removed that others make meanwhile.
const SPARE: u64 = 65_536;

/// A directory on the way.
#[derive(Default)]
struct Level {
    names: Vec<CString>,
    /// How many of the names that it had are not looked at yet, once that is known.
    left: Option<u64>,
    /// The directory in it that was empty, and had to be gone into again.
    emptied: Option<CString>,
    /// What cannot be removed, and is passed over.
    stay: HashSet<CString>,
}

struct Removal {
    climb: Climb,
    levels: Vec<Level>,
    tries: u32,
    spare: u64,
    done: Removed,
}

fn removed(directory: &OwnedFd, name: &CStr) -> Result<Removed, Errno> {
    match unlinkat(directory, name, AtFlags::empty()) {
        Ok(()) => return Ok(Removed { names: 1, ..Removed::default() }),
        Err(Errno::ISDIR) => {}
        Err(errno) => return Err(errno),
    }
    let top = openat(directory, name, TOP, Mode::empty()).or_else(|errno| {
        if errno != Errno::ACCESS {
            return Err(errno);
        }
        allow(directory.as_fd(), name)?;
        openat(directory, name, TOP, Mode::empty())
    })?;
    if mount_of(top.as_fd())? != mount_of(directory.as_fd())? {
        return Err(Errno::BUSY);
    }
    make_writable(top.as_fd(), &fstat(&top)?);
    let climb = Climb::new(top)?;
    let mut removal =
        Removal { climb, levels: vec![Level::default()], tries: TRIES, spare: SPARE, done: Removed::default() };
    removal.run()?;
    let mut done = removal.done;
    if done.refused.is_empty() {
        match unlinkat(directory, name, AtFlags::REMOVEDIR) {
            Ok(()) => done.names += 1,
            Err(errno) => done.refused.push(Refused { path: "".into(), what: REMOVING, errno: errno.raw_os_error() }),
        }
    }
    Ok(done)
}

const TOP: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const REMOVING: &str = "removing it";

impl Removal {
    fn run(&mut self) -> Result<(), Errno> {
        loop {
            let Some(level) = self.levels.last_mut() else { return Ok(()) };
            if let Some(name) = level.names.pop() {
                self.name(name);
                continue;
            }
            match self.climb.names(BATCH, |name| level.stay.contains(name)) {
                Ok(names) if !names.is_empty() => {
                    if let Some(spare) = still_spare(self.spare, level, &self.climb, names.len()) {
                        (self.spare, level.names) = (spare, names);
                        continue;
                    }
                    self.refuse(c"", REMOVING, Errno::NOTEMPTY);
                }
                Ok(_) => {}
                Err(errno) => self.refuse(c"", "reading it", errno),
            }
            if self.climb.is_at_top() {
                return Ok(());
            }
            self.leave()?;
        }
    }

    fn name(&mut self, name: CString) {
        let first = match unlinkat(self.climb.here(), &name, AtFlags::empty()) {
            Ok(()) => {
                self.done.names += 1;
                return;
            }
            Err(Errno::NOENT) => return,
            Err(errno) => errno,
        };
        // What may not be removed may be a directory of which much may.
        if !matches!(first, Errno::ISDIR | Errno::PERM | Errno::ACCESS) {
            return self.stays(name, first);
        }
        match self.enter(&name) {
            Ok(()) => {
                let emptied = self.levels.last_mut().and_then(|level| level.emptied.take());
                // What is in it by now was made since it was empty.
                let left = (emptied.as_ref() == Some(&name)).then_some(0);
                self.levels.push(Level { left, ..Level::default() });
            }
            Err(Errno::NOENT) => {}
            // It was a directory a moment ago, or it never was one.
            Err(Errno::NOTDIR | Errno::LOOP) if first == Errno::ISDIR => self.again(name, Errno::STALE),
            Err(Errno::NOTDIR | Errno::LOOP) => self.stays(name, first),
            Err(Errno::XDEV) => self.stays(name, Errno::BUSY),
            Err(errno) => self.stays(name, errno),
        }
    }

    fn enter(&mut self, name: &CStr) -> Result<(), Errno> {
        let found = match self.climb.down(name) {
            Err(Errno::ACCESS) => {
                allow(self.climb.here(), name)?;
                self.climb.down(name)?
            }
            found => found?,
        };
        make_writable(self.climb.here(), &found);
        Ok(())
    }

    /// Up from a directory that has nothing more to remove, and away with it.
    fn leave(&mut self) -> Result<(), Errno> {
        let name = self.climb.up()?;
        let left = self.levels.pop().unwrap_or_default();
        if !left.stay.is_empty() {
            // It stays for what is in it, which is said already.
            self.pass(name);
            return Ok(());
        }
        match unlinkat(self.climb.here(), &name, AtFlags::REMOVEDIR) {
            Ok(()) => self.done.names += 1,
            Err(Errno::NOENT) => {}
            // Somebody has put more into it, or something else in its place.
            Err(errno @ (Errno::NOTEMPTY | Errno::NOTDIR)) => {
                if let Some(level) = self.levels.last_mut() {
                    level.emptied = Some(name.clone());
                }
                self.again(name, errno);
            }
            Err(errno) => self.stays(name, errno),
        }
        Ok(())
    }

    fn again(&mut self, name: CString, errno: Errno) {
        if self.tries == 0 {
            return self.stays(name, errno);
        }
        self.tries -= 1;
        if let Some(level) = self.levels.last_mut() {
            level.names.push(name);
        }
    }

    fn stays(&mut self, name: CString, errno: Errno) {
        self.refuse(&name, REMOVING, errno);
        self.pass(name);
    }

    fn pass(&mut self, name: CString) {
        if let Some(level) = self.levels.last_mut() {
            level.stay.insert(name);
        }
    }

    fn refuse(&mut self, name: &CStr, what: &'static str, errno: Errno) {
        let Removed { refused, unlisted, .. } = &mut self.done;
        let refusal = || Refused { path: self.climb.path_of(name), what, errno: errno.raw_os_error() };
        list(refused, unlisted, refusal);
        if name.is_empty() {
            self.pass(CString::default());
        }
    }
}

/// What is left to spare after `more` names of a directory, or that there is not enough.
fn still_spare(spare: u64, level: &mut Level, climb: &Climb, more: usize) -> Option<u64> {
    let more = u64::try_from(more).unwrap_or(u64::MAX);
    let left = match level.left {
        Some(left) => left,
        // Less than a batch is all there is.
        None if more < BATCH as u64 => more,
        None => count(climb.here()).unwrap_or(more).max(more),
    };
    level.left = Some(left.saturating_sub(more));
    spare.checked_sub(more.saturating_sub(left))
}

/// Has a directory of this account be one that it may write.
fn make_writable(directory: BorrowedFd<'_>, found: &Stat) {
    if found.st_mode & 0o700 != 0o700 && found.st_uid == rustix::process::geteuid().as_raw() {
        // Where it does not help, what comes after is refused, and said.
        let _unchanged = fchmod(directory, Mode::from_raw_mode(found.st_mode & 0o7777 | 0o700));
    }
}

/// The same for one that may not even be opened.
fn allow(above: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = openat(above, OsStr::from_bytes(name.to_bytes()), flags, Mode::empty())?;
    let found = fstat(&place)?;
    if found.st_uid != rustix::process::geteuid().as_raw() {
        return Err(Errno::ACCESS);
    }
    set_mode_of(place.as_fd(), found.st_mode & 0o7777 | 0o700)
}

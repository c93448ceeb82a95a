// SPDX-License-Identifier: MIT OR Apache-2.0
//! Removing: the group, and the groups below it that its processes have made.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Dir, fstat, statat, unlinkat};
use rustix::io::Errno;

use super::{Cgroup, Directory};
use crate::dir;
use crate::error::{Error, ErrorKind, Object};

const OP: &str = "remove";

/// How long processes that were killed may take to go, and the kernel to notice.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two tries at a directory that the kernel says is busy.
const PAUSE: Duration = Duration::from_millis(1);

impl Cgroup {
    /// Removes the group and all groups below it, once no process is left: [`remove_within`](Self::remove_within) 10
    /// seconds.
    ///
    /// # Errors
    /// Those of [`remove_within`](Self::remove_within).
    #[doc(alias = "rmdir")]
    pub fn remove(&self) -> Result<(), Error> {
        self.remove_within(PATIENCE)
    }

    /// Removes the group and all groups below it, waiting at most for `deadline` until no process is left. It kills
    /// nothing: [`kill`](Self::kill) does.
    ///
    /// What is gone already is no error. Nothing is removed while a process is left in the hierarchy that processes are kept
    /// track of by; one that somebody has put into another hierarchy's directory alone is waited for there, and keeps that
    /// directory. Groups above stay. One that its owner has renamed, as version 1 lets them, is removed by its new name.
    ///
    /// # Errors
    /// `Busy`, naming who is left; `Denied` without the right; `WrongState` for the root of a hierarchy
    /// ([`current`](Self::current) may be one).
    /// # Privileges
    /// Write access to the directory above, and to those of the groups below.
    pub fn remove_within(&self, deadline: Duration) -> Result<(), Error> {
        if let Some(root) = self.directories.iter().find(|found| found.depth() == 0) {
            let object = Object::Group(root.path().to_owned());
            let why = "it is the root of a hierarchy, which is never removed";
            return Err(Error::explained(OP, object, ErrorKind::WrongState, 0, why));
        }
        let end = Instant::now().checked_add(deadline);
        // The kernel refuses the others, one by one, while somebody is in them: asking costs more than trying.
        if let Some(tracking) = self.directories.first() {
            tracking.empty_by(end)?;
        }
        // The first was made first, and claims the name: it goes last.
        self.directories.iter().rev().try_for_each(|directory| directory.remove(end))
    }
}

impl Directory {
    fn remove(&self, end: Option<Instant>) -> Result<(), Error> {
        let mut done = self.remove_alone();
        loop {
            match done {
                Ok(()) => return Ok(()),
                // Somebody is in it, or in a group below, or has made one behind our back; or the kernel has yet to let go.
                Err(Errno::BUSY | Errno::NOTEMPTY) => {}
                Err(errno) => return Err(self.remove_error(errno)),
            }
            self.empty_by(end)?;
            done = self.try_remove();
            if let Err(errno @ (Errno::BUSY | Errno::NOTEMPTY)) = done {
                if end.is_some_and(|end| Instant::now() >= end) {
                    return Err(self.remove_error(errno));
                }
                thread::sleep(PAUSE);
            }
        }
    }

    /// Waits until nobody is in it or below.
    fn empty_by(&self, end: Option<Instant>) -> Result<(), Error> {
        let left = self.wait_empty(end)?;
        if left.is_empty() {
            return Ok(());
        }
        let object = Object::Group(self.path().to_owned());
        Err(Error::because(OP, object, ErrorKind::Busy, format!("it still has {}", left.said())))
    }

    fn try_remove(&self) -> Result<(), Errno> {
        match self.remove_alone() {
            // It may be for groups below; most have none.
            Err(Errno::BUSY | Errno::NOTEMPTY) => {
                let mut leave = |above: BorrowedFd<'_>, name: &OsStr| gone_is_fine(rmdir(above, name));
                gone_is_fine(dir::walk(self.fd(), &mut |_| Ok(()), &mut leave))?;
                self.remove_alone()
            }
            done => done,
        }
    }

    /// Removes the directory if no group is below it.
    fn remove_alone(&self) -> Result<(), Errno> {
        let Some(name) = self.path().file_name() else { return Ok(()) };
        let own = fstat(self.fd())?.st_ino;
        // Groups do not move to other parents: the one above is the one that was passed on the way down.
        let mut from_here = OsString::from("../");
        from_here.push(name);
        let removed = match statat(self.fd(), &from_here, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) if found.st_ino == own => rmdir(self.fd(), &from_here),
            // Under our name there may be a group of somebody else's by now, or none.
            Ok(_) | Err(Errno::NOENT) if self.is_gone() => return Ok(()),
            // Or a mount is on top of ours; or its owner has given it another name, as version 1 lets them.
            Ok(_) | Err(Errno::NOENT) => self.remove_by_number(own),
            Err(errno) => Err(errno),
        };
        match removed {
            // It is the name that is not there, and the group under another.
            Err(Errno::NOENT) if !self.is_gone() => Err(Errno::BUSY),
            removed => gone_is_fine(removed),
        }
    }

    /// Removes the directory by the name that it has now, found by its number.
    fn remove_by_number(&self, own: u64) -> Result<(), Errno> {
        let above = dir::open_above(self.fd())?;
        for entry in Dir::read_from(&above)? {
            let entry = entry?;
            if entry.ino() == own && entry.file_name() != c"." && entry.file_name() != c".." {
                return rmdir(above.as_fd(), OsStr::from_bytes(entry.file_name().to_bytes()));
            }
        }
        Err(Errno::NOENT)
    }

    fn remove_error(&self, errno: Errno) -> Error {
        let object = Object::Group(self.path().to_owned());
        let raw = errno.raw_os_error();
        match errno {
            Errno::BUSY | Errno::NOTEMPTY => {
                let left = self.members().unwrap_or_default();
                let why = match left.is_empty() {
                    true => "the kernel says that it is in use, but lists no process".to_owned(),
                    false => format!("it has {} again", left.said()),
                };
                Error::explained(OP, object, ErrorKind::Busy, raw, why)
            }
            _ => Error::os(OP, object, raw),
        }
    }
}

fn rmdir(above: BorrowedFd<'_>, name: &OsStr) -> Result<(), Errno> {
    unlinkat(above, name, AtFlags::REMOVEDIR)
}

fn gone_is_fine(done: Result<(), Errno>) -> Result<(), Errno> {
    match done {
        Err(Errno::NOENT | Errno::NODEV) => Ok(()),
        done => done,
    }
}

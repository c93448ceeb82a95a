// SPDX-License-Identifier: MIT OR Apache-2.0
//! Freezing: the processes of a group stand still until they are thawed, and are none the wiser.
//!
//! Version 2 says in `cgroup.events` when all stand still, which poll(2) watches. Version 1 says FREEZING until somebody
//! looks and finds them frozen, so there we look; and write again each time, because a process that was on its way into the
//! group may have been missed.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "cgroup.freeze"; cgroup-v1/freezer-subsystem.rst.

use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::wait::{PAUSE, Seen};
use super::{Cgroup, Directory};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::layout::Version;
use crate::text::field;
use crate::{dir, file};

const FREEZE: &str = "freeze";
const THAW: &str = "thaw";

impl Cgroup {
    /// Freezes every process of the group and of all groups below it, and waits, at most for `deadline`, until the kernel
    /// says that all stand still. What joins the group afterwards is frozen too; a group without processes is frozen at
    /// once.
    ///
    /// If the time runs out the group is as it was before: thawed, unless it was frozen already.
    ///
    /// # Errors
    /// `TimedOut` if a process is in a call that cannot be interrupted; `WrongState` if the calling process is in the group;
    /// `Unsupported` if the group has no directory with a freezer; `NotFound` if it was removed; `Denied` without the right.
    /// # Privileges
    /// Write access to `cgroup.freeze` or `freezer.state` of the group: root, or delegation.
    /// # Kernel
    /// Linux 5.2 (`cgroup.freeze`); under version 1 the freezer's hierarchy. Under version 2 frozen processes can be killed,
    /// moved and traced; under version 1 a signal waits until they thaw ([`kill`](Self::kill) sees to that).
    #[doc(alias = "cgroup.freeze")]
    #[doc(alias = "freezer.state")]
    pub fn freeze(&self, deadline: Duration) -> Result<(), Error> {
        self.refuse_with_the_caller(FREEZE)?;
        let freezer = self.freezer(FREEZE)?;
        let was_frozen = freezer.is_asked()?;
        freezer.ask(true)?;
        let frozen = freezer.wait(true, Instant::now().checked_add(deadline));
        if !matches!(frozen, Ok(Seen::Yes)) && !was_frozen {
            // What failed is what is told.
            let _undone = freezer.ask(false);
        }
        let why = "not all of its processes stood still in time: some are in calls that cannot be interrupted";
        freezer.judge(FREEZE, frozen?, why)
    }

    /// Thaws the group, and waits, at most for `deadline`, until the kernel says that it is. A group that is not frozen is
    /// no error; groups below that were frozen by themselves stay so.
    ///
    /// # Errors
    /// `WrongState` if a group above is frozen, which keeps this one so; `Unsupported` if the group has no directory with a
    /// freezer; `NotFound` if it was removed; `Denied` without the right; `TimedOut`.
    /// # Privileges
    /// Those of [`freeze`](Self::freeze).
    #[doc(alias = "cgroup.freeze")]
    #[doc(alias = "freezer.state")]
    pub fn thaw(&self, deadline: Duration) -> Result<(), Error> {
        let freezer = self.freezer(THAW)?;
        freezer.ask(false)?;
        if freezer.is_held_above()? {
            let why = "a group above it is frozen, and keeps it so";
            return Err(Error::explained(THAW, freezer.object(), ErrorKind::WrongState, 0, why));
        }
        let thawed = freezer.wait(false, Instant::now().checked_add(deadline))?;
        freezer.judge(THAW, thawed, "it was still frozen at the end of the time")
    }

    fn freezer(&self, op: &'static str) -> Result<Freezer<'_>, Error> {
        let held = self.held(op)?;
        self.find_freezer().ok_or_else(|| {
            let object = Object::Group(held.path().to_owned());
            let why = "the group has no directory with a freezer";
            Error::explained(op, object, ErrorKind::Unsupported, 0, why)
        })
    }

    /// Version 2 by preference: its frozen processes can be killed.
    fn find_freezer(&self) -> Option<Freezer<'_>> {
        let v2 = self.directories.iter().find(|found| found.version() == Version::V2);
        let v1 = || self.directories.iter().find(|found| found.controllers().contains(&Controller::Freezer));
        v2.or_else(v1).map(Freezer)
    }

    /// Whether the group is frozen now; `None` without a freezer.
    pub(crate) fn is_frozen(&self) -> Result<Option<bool>, Error> {
        self.find_freezer().map(|freezer| freezer.is_frozen()).transpose()
    }
}

/// The directory that freezes.
#[derive(Clone, Copy)]
struct Freezer<'a>(&'a Directory);

impl Freezer<'_> {
    fn object(self) -> Object {
        Object::Group(self.0.path().to_owned())
    }

    fn file(self) -> &'static str {
        match self.0.version() {
            Version::V2 => "cgroup.freeze",
            Version::V1 => "freezer.state",
        }
    }

    fn ask(self, frozen: bool) -> Result<(), Error> {
        let text = match (self.0.version(), frozen) {
            (Version::V2, true) => "1",
            (Version::V2, false) => "0",
            (Version::V1, true) => "FROZEN",
            (Version::V1, false) => "THAWED",
        };
        self.0.write(self.file(), text)
    }

    /// Whether the group itself was told to freeze, done or not.
    fn is_asked(self) -> Result<bool, Error> {
        let file = if self.0.version() == Version::V2 { self.file() } else { "freezer.self_freezing" };
        Ok(self.0.read(file)?.trim() == "1")
    }

    fn is_frozen(self) -> Result<bool, Error> {
        match self.0.version() {
            Version::V2 => Ok(field(&self.0.read("cgroup.events")?, "frozen") == Some(1)),
            Version::V1 => Ok(self.0.read(self.file())?.trim() == "FROZEN"),
        }
    }

    /// Whether a group above is frozen, as far as they are in view.
    fn is_held_above(self) -> Result<bool, Error> {
        if self.0.version() == Version::V1 {
            return Ok(self.0.read("freezer.parent_freezing")?.trim() == "1");
        }
        let failed = |errno: Errno| Error::os(THAW, self.object(), errno.raw_os_error());
        let mut above = dir::open_above(self.0.fd()).map_err(failed)?;
        for _ in 1..self.0.depth() {
            match file::read_text(above.as_fd(), "cgroup.freeze") {
                Ok(text) if text.trim() == "1" => return Ok(true),
                Ok(_) | Err(Errno::NOENT | Errno::NODEV) => {}
                Err(errno) => return Err(failed(errno)),
            }
            above = dir::open_above(above.as_fd()).map_err(failed)?;
        }
        Ok(false)
    }

    fn wait(self, frozen: bool, end: Option<Instant>) -> Result<Seen, Error> {
        if self.0.version() == Version::V2 {
            return self.0.wait_events(if frozen { "frozen 1" } else { "frozen 0" }, end);
        }
        while self.is_frozen()? != frozen {
            if end.is_some_and(|end| Instant::now() >= end) {
                return Ok(Seen::No);
            }
            thread::sleep(PAUSE);
            self.ask(frozen)?;
        }
        Ok(Seen::Yes)
    }

    fn judge(self, op: &'static str, seen: Seen, late: &'static str) -> Result<(), Error> {
        match seen {
            Seen::Yes => Ok(()),
            Seen::No => Err(Error::explained(op, self.object(), ErrorKind::TimedOut, 0, late)),
            Seen::Gone => Err(Error::explained(op, self.object(), ErrorKind::NotFound, 0, "the group was removed")),
        }
    }
}

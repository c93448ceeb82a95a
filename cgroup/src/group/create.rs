// SPDX-License-Identifier: MIT OR Apache-2.0
//! Creating: a directory in each hierarchy, all of them or none.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, mkdirat};
use rustix::io::{Errno, retry_on_intr};

use super::undo::Undo;
use super::{Cgroup, Directory};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::layout::{Hierarchy, Layout, Version};
use crate::path::GroupPath;
use crate::{delegate, dir, file, kernel};

const OP: &str = "create";

/// The controllers whose hierarchies of version 1 a group is made in if nobody names others: what this crate limits,
/// counts or kills by.
const ORDINARY: [Controller; 9] = [
    Controller::Cpu,
    Controller::Cpuacct,
    Controller::Cpuset,
    Controller::Memory,
    Controller::Io,
    Controller::Pids,
    Controller::Devices,
    Controller::Freezer,
    Controller::Hugetlb,
];

/// How often a group on the way may be removed by somebody else while we go through it.
const TRIES: usize = 16;

impl Cgroup {
    /// Makes a group, wherever this machine has its hierarchies: [`create_in`](Self::create_in) the layout that
    /// [`Layout::locate`] finds.
    ///
    /// # Errors
    /// Those of [`create_in`](Self::create_in).
    #[doc(alias = "mkdir")]
    pub fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::create_in(&Layout::locate()?, path)
    }

    /// Makes a group: a directory in the hierarchy of version 2, and in every hierarchy of version 1 that carries cpu,
    /// cpuacct, cpuset, memory, blkio, pids, devices, freezer or hugetlb.
    ///
    /// Where there is no version 2 the freezer's hierarchy is the one to keep track of processes by. That one must be had;
    /// of the others those are left out that this user may make no group in, and [`apply`](Self::apply) says so if a limit
    /// needs one. Hierarchies of other controllers, and those with a name alone (systemd's), are left alone unless
    /// [`Layout::with_named`] asks for one, which then must be had. What was made before a failure is removed. See [`Cgroup`] for what a path means.
    ///
    /// # Errors
    /// `Invalid` for a path that names no group, with every problem; `Busy` if there is a group of this path already;
    /// `Denied` where the hierarchy to keep track by is not delegated to us or mounted read-only; `Unsupported` without
    /// any hierarchy; `WrongState` for a relative path if our own group is not below the mount point; `Exhausted` at the
    /// kernel's limits of groups (`cgroup.max.descendants`).
    /// # Privileges
    /// Write access to the directory above: root, or delegation.
    pub fn create_in(layout: &Layout, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = GroupPath::new(OP, path.as_ref())?;
        let tracking = tracking(layout, &path)?;
        let ordinary = |found: &&Hierarchy| {
            found.version() == Version::V1 && found.controllers().iter().any(|found| ORDINARY.contains(found))
                || layout.asks_for(found)
        };
        let mut work = Work::default();
        work.make(tracking, &path)?;
        for hierarchy in layout.hierarchies().iter().filter(|found| *found != tracking).filter(ordinary) {
            match work.make(hierarchy, &path) {
                Err(error) if may_be_left_out(&error) && !layout.asks_for(hierarchy) => {}
                made => made?,
            }
        }
        Ok(work.done())
    }

    /// Makes a group with these controllers: a directory in the hierarchy to keep track of processes by, and in those of
    /// version 1 that carry one of them or that [`Layout::with_named`] asks for. In version 2 they are enabled on the way down.
    ///
    /// Every controller must be had, and no other is: fewer directories are made and joined sooner.
    ///
    /// # Errors
    /// Those of [`create_in`](Self::create_in), for every hierarchy; `Unsupported` if a controller has none, or is not
    /// available to groups there; `WrongState` if a group above has processes of its own, and cannot give controllers.
    /// # Privileges
    /// Those of [`create_in`](Self::create_in); in version 2 write access to `cgroup.subtree_control` of the groups above
    /// that do not list the controllers yet.
    pub fn create_with(
        layout: &Layout,
        path: impl AsRef<Path>,
        controllers: impl IntoIterator<Item = Controller>,
    ) -> Result<Self, Error> {
        let path = GroupPath::new(OP, path.as_ref())?;
        let tracking = tracking(layout, &path)?;
        let mut wanted: Vec<Controller> = Vec::new();
        let mut hierarchies = vec![tracking];
        for controller in controllers {
            let Some(hierarchy) = layout.of(controller) else {
                let why = format!("no hierarchy here has the {controller} controller");
                return Err(Error::because(OP, Object::Group(path.as_path().into()), ErrorKind::Unsupported, why));
            };
            if hierarchy.version() == Version::V2 && !wanted.contains(&controller) {
                wanted.push(controller);
            }
            if !hierarchies.contains(&hierarchy) {
                hierarchies.push(hierarchy);
            }
        }
        hierarchies.extend(layout.asked().filter(|found| *found != tracking));
        let mut work = Work::default();
        hierarchies.into_iter().try_for_each(|hierarchy| work.make(hierarchy, &path))?;
        let v2 = work.made.iter().find(|made| made.version() == Version::V2);
        if let Some(v2) = v2.filter(|_| !wanted.is_empty()) {
            delegate::enable(v2, &wanted)?;
        }
        Ok(work.done())
    }
}

fn tracking<'a>(layout: &'a Layout, path: &GroupPath) -> Result<&'a Hierarchy, Error> {
    layout.tracking().ok_or_else(|| {
        let object = Object::Group(path.as_path().into());
        Error::explained(OP, object, ErrorKind::Unsupported, 0, "no cgroup hierarchy is mounted here")
    })
}

/// Whether nobody is surprised if a hierarchy that nobody named is not used.
fn may_be_left_out(error: &Error) -> bool {
    error.kind() == ErrorKind::Denied || error.kind() == ErrorKind::WrongState
}

/// A group in the making.
#[derive(Debug, Default)]
struct Work {
    made: Vec<Directory>,
    undo: Undo,
}

impl Work {
    fn done(self) -> Cgroup {
        self.undo.keep();
        Cgroup { directories: self.made }
    }

    /// Makes the directory in one hierarchy.
    fn make(&mut self, hierarchy: &Hierarchy, path: &GroupPath) -> Result<(), Error> {
        let place = place(OP, hierarchy, path)?;
        let length = [hierarchy.mount_point(), place.as_path()].map(|path| path.as_os_str().len().saturating_add(1));
        let mut at = PathBuf::with_capacity(length.iter().sum());
        at.push(hierarchy.mount_point());
        let mut here = open_root(OP, hierarchy)?;
        let count = place.parts().count();
        // Of a relative path the groups down to our own are there.
        let own = count - path.parts().count();
        at.extend(place.parts().take(own));
        if own > 0 {
            here = dir::descend(here.as_fd(), place.parts().take(own)).map_err(|errno| failure(&at, errno))?;
        }
        for (number, name) in place.parts().enumerate().skip(own) {
            at.push(name);
            let last = number + 1 == count;
            here = self.step(hierarchy, here, name, last).map_err(|errno| failure(&at, errno))?;
        }
        self.made.push(Directory::new(here, hierarchy, &place));
        Ok(())
    }

    /// One group downwards: made, or on the way found.
    fn step(&mut self, hierarchy: &Hierarchy, above: OwnedFd, name: &OsStr, last: bool) -> Result<OwnedFd, Errno> {
        let mut made = false;
        let below = enter(above.as_fd(), name, last, &mut made).and_then(|below| {
            if hierarchy.version() == Version::V1 {
                inherit(hierarchy, above.as_fd(), below.as_fd())?;
            }
            Ok(below)
        });
        // Whatever else has failed: by the directory that it was made in it can be undone.
        if made {
            self.undo.push(above, name.to_owned());
        }
        below
    }
}

/// Opens a group below, which is made if it is not there; the last one must not be there.
fn enter(above: BorrowedFd<'_>, name: &OsStr, last: bool, made: &mut bool) -> Result<OwnedFd, Errno> {
    let mode = Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH;
    for _ in 0..TRIES {
        match retry_on_intr(|| mkdirat(above, name, mode)) {
            Ok(()) => *made = true,
            Err(Errno::EXIST) if !last => {}
            Err(errno) => return Err(errno),
        }
        match dir::open_child(above, name) {
            // Somebody removes empty groups behind us.
            Err(Errno::NOENT) if !last => {}
            opened => return opened,
        }
    }
    Err(Errno::NOENT)
}

/// Where the path leads in a hierarchy.
pub(super) fn place(op: &'static str, hierarchy: &Hierarchy, path: &GroupPath) -> Result<GroupPath, Error> {
    hierarchy.place(path).ok_or_else(|| {
        let object = Object::Group(path.as_path().into());
        let point = hierarchy.mount_point();
        let why = format!("the path is relative, and our own group is not in view below {point:?}");
        Error::explained(op, object, ErrorKind::WrongState, 0, why)
            .with_hint("an absolute path begins at the mount point of each hierarchy")
    })
}

/// The mount point, as long as it is one.
pub(super) fn open_root(op: &'static str, hierarchy: &Hierarchy) -> Result<OwnedFd, Error> {
    let point = || Object::Path(hierarchy.mount_point().to_owned());
    let failed = |errno: Errno| Error::os(op, point(), errno.raw_os_error());
    let root = dir::open_absolute(hierarchy.mount_point()).map_err(failed)?;
    if dir::version(root.as_fd()).map_err(failed)? != Some(hierarchy.version()) {
        let why = "it is not the mount point of that hierarchy any more";
        return Err(Error::explained(op, point(), ErrorKind::WrongState, 0, why));
    }
    Ok(root)
}

/// What a new group of version 1 does not get from its parent by itself.
fn inherit(hierarchy: &Hierarchy, above: BorrowedFd<'_>, below: BorrowedFd<'_>) -> Result<(), Errno> {
    if hierarchy.controllers().contains(&Controller::Cpuset) {
        // Empty at first, and with an empty one no process can join.
        for name in ["cpuset.cpus", "cpuset.mems"] {
            if file::read_text(below, name)?.trim().is_empty() {
                file::write_text(below, name, file::read_text(above, name)?.trim())?;
            }
        }
    }
    if hierarchy.controllers().contains(&Controller::Memory) && kernel::is_before_5_11() {
        // A group may count without those below it; refused where there are some already.
        let counts = file::read_text(below, "memory.use_hierarchy").unwrap_or_default();
        if counts.trim() == "0" {
            let _refused = file::write_text(below, "memory.use_hierarchy", "1");
        }
    }
    Ok(())
}

fn failure(at: &Path, errno: Errno) -> Error {
    let object = Object::Group(PathBuf::from(at));
    let raw = errno.raw_os_error();
    match errno {
        Errno::EXIST => Error::explained(OP, object, ErrorKind::Busy, raw, "there is a group of this name already"),
        Errno::ROFS => Error::explained(OP, object, ErrorKind::Denied, raw, "the hierarchy is mounted read-only"),
        Errno::ACCESS | Errno::PERM => {
            Error::explained(OP, object, ErrorKind::Denied, raw, "the group above is not delegated to this user")
        }
        Errno::AGAIN => {
            let why =
                "a group above has as many groups below it as it may have (cgroup.max.descendants, cgroup.max.depth)";
            Error::explained(OP, object, ErrorKind::Exhausted, raw, why)
        }
        Errno::XDEV => {
            let why = "another mount is on top of it, and is not gone through";
            Error::explained(OP, object, ErrorKind::WrongState, raw, why)
        }
        Errno::LOOP | Errno::NOTDIR => {
            Error::explained(OP, object, ErrorKind::WrongState, raw, "something on the way is not a directory")
        }
        _ => Error::os(OP, object, raw),
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Opening: a group that exists, by its path or by the directories that somebody has stored.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::create::{open_root, place};
use super::{Cgroup, Directory};
use crate::dir;
use crate::error::{Error, ErrorKind, Object};
use crate::layout::{Hierarchy, Layout};
use crate::path::{self, GroupPath};

const OP: &str = "open";

impl Cgroup {
    /// Opens a group that exists: [`open_in`](Self::open_in) the layout that [`Layout::locate`] finds.
    ///
    /// # Errors
    /// Those of [`open_in`](Self::open_in).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_in(&Layout::locate()?, path)
    }

    /// Opens a group that exists, in every hierarchy that has one of this path; those with a name alone (systemd's) are
    /// left alone, as by [`create_in`](Self::create_in), unless [`Layout::with_named`] asks for them.
    ///
    /// # Errors
    /// `Invalid` for a path that names no group; `NotFound` if no hierarchy has one; `Denied` where a directory may not be
    /// searched.
    pub fn open_in(layout: &Layout, path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = GroupPath::new(OP, path.as_ref())?;
        let mut directories = Vec::new();
        for hierarchy in layout.opens() {
            let Ok(place) = place(OP, hierarchy, &path) else { continue };
            let root = open_root(OP, hierarchy)?;
            match dir::descend(root.as_fd(), place.parts()) {
                Ok(fd) => directories.push(Directory::new(fd, hierarchy, &place)),
                Err(Errno::NOENT) => {}
                Err(errno) => {
                    let object = Object::Group(hierarchy.mount_point().join(place.as_path()));
                    return Err(Error::os(OP, object, errno.raw_os_error()));
                }
            }
        }
        if directories.is_empty() {
            let object = Object::Group(path.as_path().to_owned());
            return Err(Error::explained(OP, object, ErrorKind::NotFound, 0, "no hierarchy has a group of this path"));
        }
        Ok(Self { directories })
    }

    /// Holds a group again by its [`directories`](Self::directories), in order to kill what is in it and to remove it.
    ///
    /// Those that are gone are left out: where nothing is left there is nothing to remove, and [`kill`](Self::kill),
    /// [`wait_empty`](Self::wait_empty) and [`remove`](Self::remove) have nothing to do. Whether a group of such a path is
    /// still the one that was stored is for the caller to know.
    ///
    /// # Errors
    /// `Invalid`, with every problem, for a path that is not absolute, does not lead down, is in no hierarchy, behind another
    /// mount, or is the root of a hierarchy: those are never killed or removed. `Denied` where a directory may not be searched.
    pub fn from_directories<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, Error> {
        let layout = Layout::locate()?;
        let mut problems = Vec::new();
        let mut directories = Vec::new();
        for path in paths {
            match reopen(&layout, path.as_ref()) {
                Ok(found) => directories.extend(found),
                Err(Refused::Problem(problem)) => problems.push(problem),
                Err(Refused::Os(errno)) => {
                    return Err(Error::os(OP, Object::Group(path.as_ref().into()), errno.raw_os_error()));
                }
            }
        }
        if !problems.is_empty() {
            return Err(Error::invalid(OP, Object::Named("stored directories of a group"), problems));
        }
        // Whom to ask for processes comes first, as when it was made.
        let tracking = layout.tracking().map(Hierarchy::mount_point);
        directories.sort_by_key(|found: &Directory| !tracking.is_some_and(|point| found.path().starts_with(point)));
        Ok(Self { directories })
    }
}

/// Why a stored directory was not reopened.
enum Refused {
    Problem(String),
    Os(Errno),
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Self {
        Self::Os(errno)
    }
}

/// The directory, or none if it is gone.
fn reopen(layout: &Layout, path: &Path) -> Result<Option<Directory>, Refused> {
    let problem = |why: &str| Refused::Problem(format!("{path:?} {why}"));
    if !path.has_root() || path::parts(path).any(|part| part == ".." || part == ".") {
        return Err(problem("is not the absolute path of a group"));
    }
    let Some((hierarchy, below)) = home(layout, path) else {
        return match dir::open_absolute(path) {
            Err(Errno::NOENT) => Ok(None),
            _ => Err(problem("is in no cgroup hierarchy that is in view")),
        };
    };
    let Ok(place) = GroupPath::new(OP, &Path::new("/").join(below)) else {
        return Err(problem("is the root of a hierarchy"));
    };
    let root = dir::open_absolute(hierarchy.mount_point())?;
    match dir::descend(root.as_fd(), place.parts()) {
        Ok(fd) => Ok(Some(Directory::new(fd, hierarchy, &place))),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::LOOP | Errno::NOTDIR) => Err(problem("is not a directory")),
        Err(Errno::XDEV) => Err(problem("is behind another mount")),
        Err(errno) => Err(errno.into()),
    }
}

/// The hierarchy whose mount point is the nearest above, and the path below it.
fn home<'a>(layout: &'a Layout, path: &Path) -> Option<(&'a Hierarchy, PathBuf)> {
    let above = layout.hierarchies().iter();
    let above = above.filter_map(|found| Some((found, path.strip_prefix(found.mount_point()).ok()?.to_owned())));
    above.max_by_key(|(found, _)| found.mount_point().as_os_str().len())
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree: our own group, the groups below one, and the numbers that groups have.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::fs::fstat;
use rustix::io::Errno;

use super::create::open_root;
use super::{Cgroup, Directory};
use crate::dir;
use crate::error::{Error, ErrorKind, Object};
use crate::layout::{Hierarchy, Layout};
use crate::path::{self, GroupPath};

const LIST: &str = "list the groups below";

impl Cgroup {
    /// The group that the calling process is in, in every hierarchy where it is in view; for what it uses and may use. It may be
    /// the root of a hierarchy, which has fewer files than others.
    ///
    /// To end it is refused, as for every group that the caller is in: [`kill`](Self::kill) is `WrongState`, and
    /// [`remove`](Self::remove) is that for a root, and else `Busy`.
    ///
    /// # Errors
    /// `NotFound` if no hierarchy has our own group in view; `Denied` where a directory may not be searched; those of
    /// [`Layout::locate`].
    #[doc(alias = "/proc/self/cgroup")]
    pub fn current() -> Result<Self, Error> {
        let layout = Layout::locate()?;
        let directories = opened(&layout, Path::new(""), "open")?;
        if directories.is_empty() {
            let why = "no hierarchy has it in view";
            return Err(Error::explained("open", Object::Named("our own group"), ErrorKind::NotFound, 0, why));
        }
        Ok(Self { directories })
    }

    /// The number of the group in the hierarchy of version 2, by which the kernel's programs and traces name it; `None` if it
    /// has no directory there. No other group has it until the machine ends. [`Layout::path_of`] is the way back.
    ///
    /// # Errors
    /// What the kernel has against looking at the directory.
    /// # Kernel
    /// Linux 5.5, where the number of the directory is that of the group.
    #[doc(alias = "bpf_get_current_cgroup_id")]
    #[doc(alias = "st_ino")]
    pub fn id(&self) -> Result<Option<u64>, Error> {
        let Some(group) = self.v2() else { return Ok(None) };
        let found = fstat(group.fd());
        let failed = |errno: Errno| Error::os("look at", Object::Group(group.path().to_owned()), errno.raw_os_error());
        found.map(|found| Some(found.st_ino)).map_err(failed)
    }
}

impl Layout {
    /// The groups directly below this one, in the order of their names, each by the path that [`Cgroup::open_in`] takes: `path`
    /// and the name. "/" is the root, and "" our own group. A group is listed if any hierarchy has it that groups are opened in.
    ///
    /// # Errors
    /// `Invalid` for a path that names no group; `NotFound` if no hierarchy has it; `Denied` where a directory may not be read.
    pub fn children(&self, path: impl AsRef<Path>) -> Result<Vec<PathBuf>, Error> {
        let path = path.as_ref();
        let directories = opened(self, path, LIST)?;
        if directories.is_empty() {
            let why = "no hierarchy has a group of this path";
            return Err(Error::explained(LIST, Object::Group(path.to_owned()), ErrorKind::NotFound, 0, why));
        }
        let mut names: BTreeSet<OsString> = BTreeSet::new();
        for directory in &directories {
            match dir::children(directory.fd()) {
                Ok(found) => names.extend(found.iter().map(|name| dir::os(name).to_owned())),
                Err(Errno::NOENT | Errno::NODEV) => {}
                Err(errno) => {
                    let object = Object::Group(directory.path().to_owned());
                    return Err(Error::os(LIST, object, errno.raw_os_error()));
                }
            }
        }
        Ok(names.into_iter().map(|name| path.join(name)).collect())
    }

    /// All groups below this one, at any level, each before those below it: [`children`](Self::children) again and again, as
    /// the walk goes on. A group that is removed meanwhile is passed over, and who stops early has looked at no more.
    ///
    /// ```
    /// use skep_cgroup::Layout;
    ///
    /// for group in Layout::detect()?.walk("/") {
    ///     println!("{}", group?.display());
    /// }
    /// # Ok::<(), skep_cgroup::Error>(())
    /// ```
    ///
    /// # Errors
    /// Each item is one of [`children`](Self::children); the walk goes on behind it.
    pub fn walk(&self, path: impl AsRef<Path>) -> impl Iterator<Item = Result<PathBuf, Error>> {
        // What is to be listed, and whether it was found on the way.
        let mut to_do = vec![(path.as_ref().to_owned(), false)];
        std::iter::from_fn(move || {
            let (path, found) = to_do.pop()?;
            match self.children(&path) {
                Ok(below) => to_do.extend(below.into_iter().rev().map(|path| (path, true))),
                Err(error) if found && error.kind() == ErrorKind::NotFound => return Some(None),
                Err(error) => return Some(Some(Err(error))),
            }
            Some(found.then_some(Ok(path)))
        })
        .flatten()
    }

    /// The absolute path of the group with this number in the hierarchy of version 2 ([`Cgroup::id`]); `None` if none in view
    /// has it. Every group is looked at until it is found.
    ///
    /// # Errors
    /// `Unsupported` without version 2 in view; what the kernel has against looking at a directory.
    #[doc(alias = "bpf_get_current_cgroup_id")]
    pub fn path_of(&self, id: u64) -> Result<Option<PathBuf>, Error> {
        const OP: &str = "find";
        let Some(hierarchy) = self.v2() else {
            let why = "the hierarchy of version 2 is not in view, and groups of version 1 have no such number";
            return Err(Error::explained(OP, Object::Named("a group by its number"), ErrorKind::Unsupported, 0, why));
        };
        let root = open_root(OP, hierarchy)?;
        let mut to_do = vec![PathBuf::from("/")];
        while let Some(path) = to_do.pop() {
            let failed = |errno: Errno| Error::os(OP, Object::Group(path.clone()), errno.raw_os_error());
            let group = match dir::descend(root.as_fd(), path::parts(&path)) {
                Err(Errno::NOENT | Errno::NODEV) => continue,
                group => group.map_err(failed)?,
            };
            if fstat(&group).map_err(failed)?.st_ino == id {
                return Ok(Some(path));
            }
            match dir::children(group.as_fd()) {
                Err(Errno::NOENT | Errno::NODEV) => {}
                names => to_do.extend(names.map_err(failed)?.iter().map(|name| path.join(dir::os(name)))),
            }
        }
        Ok(None)
    }
}

/// The directories of a path, the root and our own group included, in the hierarchies that groups are opened in: that to
/// keep track of processes by first.
fn opened(layout: &Layout, path: &Path, op: &'static str) -> Result<Vec<Directory>, Error> {
    // An empty path and that of the root name no group, but may be looked at.
    if path::parts(path).next().is_some() {
        GroupPath::new(op, path)?;
    }
    let mut directories = Vec::new();
    for hierarchy in layout.opens() {
        let Some(place) = names(hierarchy, path) else { continue };
        let root = open_root(op, hierarchy)?;
        match dir::descend(root.as_fd(), place.iter()) {
            Ok(fd) => directories.push(Directory::at(fd, hierarchy, &place)),
            Err(Errno::NOENT) => {}
            Err(errno) => {
                let object = Object::Group(hierarchy.mount_point().join(place.iter().collect::<PathBuf>()));
                return Err(Error::os(op, object, errno.raw_os_error()));
            }
        }
    }
    Ok(directories)
}

/// The names from the mount point down to the path.
fn names<'a>(hierarchy: &'a Hierarchy, path: &'a Path) -> Option<Vec<&'a OsStr>> {
    let above = if path.has_root() { Path::new("") } else { hierarchy.own_group()? };
    Some(path::parts(above).chain(path::parts(path)).collect())
}

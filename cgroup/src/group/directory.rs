// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directory of a group in one hierarchy, and its control files.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, accessat};
use rustix::io::Errno;

use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::file;
use crate::layout::{Hierarchy, Version, controllers};
use crate::limits::refusal;
use crate::path::{self, GroupPath};

/// One directory of a group.
#[derive(Debug)]
pub(crate) struct Directory {
    fd: OwnedFd,
    version: Version,
    /// Those of its hierarchy, in version 1; which controllers a group of version 2 has may change.
    controllers: Vec<Controller>,
    name: Option<String>,
    path: PathBuf,
    depth: usize,
    /// The group as `/proc/PID/cgroup` names it.
    group: PathBuf,
}

impl Directory {
    /// An open directory of a hierarchy.
    pub(super) fn new(fd: OwnedFd, hierarchy: &Hierarchy, place: &GroupPath) -> Self {
        Self::at(fd, hierarchy, &place.parts().collect::<Vec<_>>())
    }

    /// The same by the names from the mount point down to it; none is the mount point itself.
    pub(super) fn at(fd: OwnedFd, hierarchy: &Hierarchy, names: &[&OsStr]) -> Self {
        let v1 = hierarchy.version() == Version::V1;
        let length = names.iter().map(|name| name.len().saturating_add(1)).sum::<usize>();
        let below = |above: &Path| {
            let mut path = PathBuf::with_capacity(above.as_os_str().len().saturating_add(length));
            path.push(above);
            path.extend(names);
            path
        };
        Self {
            fd,
            version: hierarchy.version(),
            controllers: if v1 { hierarchy.controllers().to_vec() } else { Vec::new() },
            name: hierarchy.name().map(str::to_owned),
            path: below(hierarchy.mount_point()),
            depth: names.len(),
            group: below(hierarchy.mount_root()),
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    pub(crate) fn controllers(&self) -> &[Controller] {
        &self.controllers
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many groups below the mount point it is.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether a process with this `/proc/PID/cgroup`, read and split, is in the group or below it.
    pub(super) fn holds(&self, groups: &[(Vec<String>, PathBuf)]) -> bool {
        let named = self.name.as_ref().map(|name| format!("name={name}"));
        let is_of_us = |names: &[String]| match self.version {
            Version::V2 => names.is_empty(),
            Version::V1 => names.iter().any(|word| {
                named.as_ref() == Some(word)
                    || Controller::of_word(word).is_some_and(|found| self.controllers.contains(&found))
            }),
        };
        let theirs = groups.iter().find(|(names, _)| is_of_us(names));
        theirs.is_some_and(|(_, group)| {
            let mut parts = path::parts(group);
            path::parts(&self.group).all(|part| parts.next() == Some(part))
        })
    }

    /// Writes a control file.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        self.write_to(&self.open_to_write(name, text)?, name, text)
    }

    /// Opens a control file, to write this to it first.
    pub(crate) fn open_to_write(&self, name: &str, text: &str) -> Result<OwnedFd, Error> {
        file::open_to_write(self.fd(), name).map_err(|errno| {
            let object = Object::Value { text: text.to_owned(), file: self.path.join(name) };
            match errno {
                Errno::NODEV | Errno::NOENT => self.absent("write", object, errno),
                _ => Error::os("write", object, errno.raw_os_error()),
            }
        })
    }

    /// Writes a value to a control file of this name that is open.
    pub(crate) fn write_to(&self, file: &OwnedFd, name: &str, text: &str) -> Result<(), Error> {
        let object = || Object::Value { text: text.to_owned(), file: self.path.join(name) };
        file::put(file.as_fd(), text).map_err(|errno| {
            let raw = errno.raw_os_error();
            // The kernel says so of a device too; and of a file whose group goes away under it.
            match refusal::why(name, errno) {
                _ if errno == Errno::NODEV && self.is_gone() => self.absent("write", object(), errno),
                Some((kind, why, hint)) => {
                    let error = Error::explained("write", object(), kind, raw, why);
                    match hint {
                        Some(hint) => error.with_hint(hint),
                        None => error,
                    }
                }
                None if errno == Errno::NODEV => self.absent("write", object(), errno),
                None => Error::os("write", object(), raw),
            }
        })
    }

    /// Reads a control file.
    pub(crate) fn read(&self, name: &str) -> Result<String, Error> {
        file::read_text(self.fd(), name).map_err(|errno| self.read_error(name, errno))
    }

    /// Reads a control file that some kernels do not have; `None` if it is not there.
    pub(crate) fn read_if_there(&self, name: &str) -> Result<Option<String>, Error> {
        self.if_there(name, file::read_text(self.fd(), name))
    }

    /// Opens a control file that some kernels do not have; `None` if it is not there.
    pub(crate) fn open_if_there(&self, name: &str) -> Result<Option<OwnedFd>, Error> {
        self.if_there(name, file::open(self.fd(), name))
    }

    fn if_there<T>(&self, name: &str, found: Result<T, Errno>) -> Result<Option<T>, Error> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT | Errno::OPNOTSUPP) if !self.is_gone() => Ok(None),
            Err(errno) => Err(self.read_error(name, errno)),
        }
    }

    pub(crate) fn read_error(&self, name: &str, errno: Errno) -> Error {
        let object = Object::Path(self.path.join(name));
        match errno {
            Errno::NODEV | Errno::NOENT => self.absent("read", object, errno),
            _ => Error::os("read", object, errno.raw_os_error()),
        }
    }

    /// A file that is not there: because the group is not, or because this kernel has none.
    fn absent(&self, op: &'static str, object: Object, errno: Errno) -> Error {
        let raw = errno.raw_os_error();
        // The files go before the directory does: one that was there a moment ago tells more than those that still are.
        if errno == Errno::NODEV || self.is_gone() {
            return Error::explained(op, object, ErrorKind::NotFound, raw, "the group was removed");
        }
        let name = match &object {
            Object::Path(path) | Object::Value { file: path, .. } => path.file_name().and_then(|name| name.to_str()),
            _ => None,
        };
        let controller = name.and_then(|name| Controller::of_word(name.split('.').next()?));
        if let Some(controller) = controller.filter(|controller| self.is_without(*controller)) {
            let why = format!("the group does not have the {controller} controller");
            return Error::explained(op, object, ErrorKind::Unsupported, raw, why).with_hint(
                "a limit of the controller, applied to the group, enables it from above where that can be done",
            );
        }
        let why = name.and_then(refusal::why_absent);
        let why = why.unwrap_or("this kernel has no such file, or the group not its controller");
        Error::explained(op, object, ErrorKind::Unsupported, raw, why)
    }

    /// Whether the group, in version 2, is not given the controller.
    fn is_without(&self, controller: Controller) -> bool {
        let given = || file::read_text(self.fd(), "cgroup.controllers").map(|text| controllers(&text));
        self.version == Version::V2 && given().is_ok_and(|given| !given.contains(&controller))
    }

    /// Whether somebody has removed the group: every group has this file.
    pub(crate) fn is_gone(&self) -> bool {
        accessat(self.fd(), "cgroup.procs", rustix::fs::Access::EXISTS, AtFlags::empty()) == Err(Errno::NOENT)
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! io.cost: what requests to a device cost, and how much of it there is. It is what [`io.weight`](crate::IoLimits::weight)
//! shares out, and set in the root group of version 2 for the whole machine.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "IO"; block/blk-iocost.c.

mod line;
mod model;
mod qos;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::dir;
use crate::error::{Error, ErrorKind, Object};
use crate::file;
use crate::layout::Layout;

pub use model::IoCostModel;
pub use qos::IoCostQos;

const QOS: &str = "io.cost.qos";
const MODEL: &str = "io.cost.model";

/// Who has chosen the numbers of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum IoCostControl {
    /// The kernel, by what it takes the device for; numbers are not written then.
    #[default]
    Auto,
    /// Somebody else.
    User,
}

impl IoCostControl {
    const fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::User => "user",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Auto, Self::User].into_iter().find(|control| control.word() == word)
    }
}

impl Layout {
    /// `io.cost.qos` of the root group: a value for each device that io.cost was ever asked about.
    ///
    /// # Errors
    /// `Unsupported` where the root group of version 2 is not in view, or has no such file; `Invalid` for a line that is none.
    /// # Kernel
    /// Linux 5.4, with `BLK_CGROUP_IOCOST`. Version 2, and the root of the machine: no other group has the file.
    #[doc(alias = "io.cost.qos")]
    pub fn io_cost_qos(&self) -> Result<Vec<IoCostQos>, Error> {
        self.read_root(QOS)?.lines().map(str::parse).collect()
    }

    /// Sets `io.cost.qos` of a device; with [`IoCostControl::Auto`] the numbers are left to the kernel.
    ///
    /// # Errors
    /// `Invalid`, with every problem; those of [`io_cost_qos`](Self::io_cost_qos); what the kernel has against it, such as
    /// `NotFound` for a device that is not there.
    /// # Privileges
    /// Root of the machine.
    pub fn apply_io_cost_qos(&self, qos: &IoCostQos) -> Result<(), Error> {
        check(QOS, qos.problems())?;
        self.write_root(QOS, &qos.line())
    }

    /// `io.cost.model` of the root group: a value for each device that io.cost was ever asked about.
    ///
    /// # Errors
    /// Those of [`io_cost_qos`](Self::io_cost_qos).
    /// # Kernel
    /// That of [`io_cost_qos`](Self::io_cost_qos).
    #[doc(alias = "io.cost.model")]
    pub fn io_cost_model(&self) -> Result<Vec<IoCostModel>, Error> {
        self.read_root(MODEL)?.lines().map(str::parse).collect()
    }

    /// Sets `io.cost.model` of a device; with [`IoCostControl::Auto`] the numbers are left to the kernel.
    ///
    /// # Errors
    /// Those of [`apply_io_cost_qos`](Self::apply_io_cost_qos).
    /// # Privileges
    /// Root of the machine.
    pub fn apply_io_cost_model(&self, model: &IoCostModel) -> Result<(), Error> {
        check(MODEL, model.problems())?;
        self.write_root(MODEL, &model.line())
    }

    fn read_root(&self, name: &'static str) -> Result<String, Error> {
        let (root, path) = self.root_with(name)?;
        file::read_text(root.as_fd(), name).map_err(|errno| Error::os("read", Object::Path(path), errno.raw_os_error()))
    }

    fn write_root(&self, name: &'static str, line: &str) -> Result<(), Error> {
        let (root, path) = self.root_with(name)?;
        let failed = |errno: Errno| {
            let object = Object::Value { text: line.to_owned(), file: path };
            match errno {
                Errno::NODEV => {
                    let why = "there is no whole disk of these numbers";
                    Error::explained("write", object, ErrorKind::NotFound, errno.raw_os_error(), why)
                }
                errno => Error::os("write", object, errno.raw_os_error()),
            }
        };
        file::write_text(root.as_fd(), name, line).map_err(failed)
    }

    /// The root group of version 2, and its file.
    fn root_with(&self, name: &'static str) -> Result<(OwnedFd, PathBuf), Error> {
        let refused = |object, why: String| Error::because("find", object, ErrorKind::Unsupported, why);
        let Some(hierarchy) = self.v2() else {
            let why = "it is of version 2, whose hierarchy is not in view".to_owned();
            return Err(refused(Object::Named(name), why));
        };
        let path = hierarchy.mount_point().join(name);
        if hierarchy.mount_root() != Path::new("/") {
            let group = hierarchy.mount_root();
            let why = format!("{name} is of the root group alone, and what is mounted here is the group {group:?}");
            return Err(refused(Object::Path(path), why));
        }
        let root = dir::open_absolute(hierarchy.mount_point())
            .map_err(|errno| Error::os("open", Object::Path(hierarchy.mount_point().into()), errno.raw_os_error()))?;
        let there = rustix::fs::accessat(&root, name, rustix::fs::Access::EXISTS, rustix::fs::AtFlags::empty());
        if there == Err(Errno::NOENT) {
            let is_inner = file::read_text(root.as_fd(), "cgroup.type").is_ok();
            let why = if is_inner {
                format!("{name} is of the root group alone, and this is the root of a cgroup namespace")
            } else {
                "this kernel has no io.cost (BLK_CGROUP_IOCOST), or its io controller is in version 1".to_owned()
            };
            return Err(refused(Object::Path(path), why));
        }
        Ok((root, path))
    }
}

fn check(name: &'static str, problems: Vec<String>) -> Result<(), Error> {
    if problems.is_empty() { Ok(()) } else { Err(Error::invalid("apply", Object::Named(name), problems)) }
}

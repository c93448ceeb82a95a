// SPDX-License-Identifier: MIT OR Apache-2.0
//! Detection: the texts of /proc, and what only the hierarchies themselves can tell.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, accessat};
use rustix::io::Errno;

use super::text::{self, Mount};
use super::{Access, Hierarchy, Layout, Version};
use crate::controller::Controller;
use crate::dir;
use crate::error::{Error, Object};
use crate::file;

impl Layout {
    /// Looks at what is mounted, where we are, and what we may do there. Writes nothing.
    ///
    /// A machine without control groups is not an error: its [`kind`](Self::kind) is
    /// [`LayoutKind::None`](super::LayoutKind::None).
    ///
    /// # Errors
    /// What the kernel has against reading `/proc/self`.
    /// # Kernel
    /// Linux 4.5 for version 2. See cgroups(7).
    #[doc(alias = "/proc/self/cgroup")]
    #[doc(alias = "/proc/self/mountinfo")]
    pub fn detect() -> Result<Self, Error> {
        let mountinfo = read("/proc/self/mountinfo")?;
        // A kernel without control groups has no such file.
        let cgroup = if Path::new("/proc/self/cgroup").exists() { read("/proc/self/cgroup")? } else { Vec::new() };
        let mounts: Vec<Mount> = text::mounts(&mountinfo).into_iter().filter(is_visible).collect();
        let mut hierarchies = text::hierarchies(&mounts, &cgroup);
        hierarchies.iter_mut().for_each(look);
        Ok(Self { hierarchies })
    }
}

fn read(path: &str) -> Result<Vec<u8>, Error> {
    fs::read(path)
        .map_err(|error| Error::os("read", Object::Path(path.into()), error.raw_os_error().unwrap_or_default()))
}

/// Whether the mount is what one finds at its mount point: another may be on top of it.
fn is_visible(mount: &Mount) -> bool {
    // By the mount and not by its file system: what is on top may be another part of the same hierarchy.
    dir::open_absolute(&mount.point).and_then(|found| dir::mount_id(found.as_fd())) == Ok(mount.id)
}

/// Adds what the directories tell.
fn look(hierarchy: &mut Hierarchy) {
    let Ok(root) = dir::open_absolute(&hierarchy.mount_point) else { return };
    if hierarchy.version == Version::V2 {
        let text = file::read_text(root.as_fd(), "cgroup.controllers").unwrap_or_default();
        hierarchy.controllers = controllers(&text);
    }
    let own = hierarchy.own.as_deref().and_then(|own| dir::descend(root.as_fd(), crate::path::parts(own)).ok());
    if let Some(own) = own {
        hierarchy.access = access(own.as_fd(), hierarchy.version);
    }
}

/// The controllers that a file of version 2 lists.
pub(crate) fn controllers(text: &str) -> Vec<Controller> {
    text.split_whitespace().filter_map(Controller::of_word).collect()
}

/// Whether we may make groups in this one and put processes there.
pub(super) fn access(group: BorrowedFd<'_>, version: Version) -> Access {
    use rustix::fs::Access as Wish;
    let files: &[(&str, Wish)] = match version {
        Version::V2 => {
            &[(".", Wish::WRITE_OK), ("cgroup.procs", Wish::WRITE_OK), ("cgroup.subtree_control", Wish::WRITE_OK)]
        }
        Version::V1 => &[(".", Wish::WRITE_OK), ("cgroup.procs", Wish::WRITE_OK)],
    };
    for (file, wish) in files {
        match accessat(group, *file, *wish, AtFlags::EACCESS) {
            // A group of threads has no such file to write; that is no question of rights.
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ROFS) => return Access::ReadOnly,
            Err(_) => return Access::Denied,
        }
    }
    Access::Writable
}

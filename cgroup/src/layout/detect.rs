// SPDX-License-Identifier: MIT OR Apache-2.0
//! Detection: the texts of /proc, and what only the hierarchies themselves can tell.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, accessat, fgetxattr};
use rustix::io::Errno;

use super::text::{self, Mount};
use super::{Access, Hierarchy, Layout, Version};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::{delegate, dir, file};

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
        Self::found(true)
    }

    /// The same without a look at our own groups, which takes most of the time: enough for groups that are named by absolute
    /// paths. [`Hierarchy::access`] is [`Access::Unknown`] then, and what else is told of our own group is as if nothing of it
    /// were ours.
    ///
    /// ```
    /// use skep_cgroup::{Cgroup, ErrorKind, Layout};
    ///
    /// let layout = Layout::locate()?;
    /// if let Err(error) = Cgroup::open_in(&layout, "/no-such-group") {
    ///     assert_eq!(error.kind(), ErrorKind::NotFound);
    /// }
    /// # Ok::<(), skep_cgroup::Error>(())
    /// ```
    /// # Errors
    /// As [`detect`](Self::detect).
    pub fn locate() -> Result<Self, Error> {
        Self::found(false)
    }

    fn found(looks_at_own: bool) -> Result<Self, Error> {
        let mountinfo = read("/proc/self/mountinfo")?;
        let cgroup = match read("/proc/self/cgroup") {
            // A kernel without control groups has no such file.
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            cgroup => cgroup?,
        };
        let opened = text::mounts(&mountinfo).into_iter().filter_map(|mount| Some((visible(&mount)?, mount)));
        let (roots, mounts): (Vec<OwnedFd>, Vec<Mount>) = opened.unzip();
        let mut hierarchies = text::hierarchies(&mounts, &cgroup);
        for hierarchy in &mut hierarchies {
            // What is visible at a mount point is one mount.
            let root = roots.iter().zip(&mounts).find(|(_, mount)| mount.point == hierarchy.mount_point);
            let Some((root, _)) = root else { continue };
            if hierarchy.version == Version::V2 {
                hierarchy.controllers = listed(root.as_fd(), "cgroup.controllers");
            }
            if looks_at_own {
                look(hierarchy, root.as_fd());
            } else {
                hierarchy.access = Access::Unknown;
            }
        }
        let present = read("/proc/cgroups").unwrap_or_default();
        let (present, disabled) = text::kernel(&String::from_utf8_lossy(&present));
        let mut layout = Self { hierarchies, disabled, ..Self::default() };
        layout.unmounted = layout.without_hierarchy(present);
        Ok(layout)
    }
}

#[cfg(any(test, fuzzing))]
impl Layout {
    /// Of the texts alone, as if all that they name were in view.
    pub(crate) fn of_texts(mountinfo: &[u8], cgroup: &[u8]) -> Self {
        Self { hierarchies: text::hierarchies(&text::mounts(mountinfo), cgroup), ..Self::default() }
    }
}

fn read(path: &str) -> Result<Vec<u8>, Error> {
    file::read_path(path).map_err(|errno| Error::os("read", Object::Path(path.into()), errno.raw_os_error()))
}

/// The directory of the mount, if it is what one finds at its mount point: another may be on top of it.
fn visible(mount: &Mount) -> Option<OwnedFd> {
    let found = dir::open_absolute(&mount.point).ok()?;
    // By the mount and not by its file system: what is on top may be another part of the same hierarchy.
    (dir::mount_id(found.as_fd()) == Ok(mount.id)).then_some(found)
}

/// The controllers that a file of a group lists.
fn listed(group: BorrowedFd<'_>, name: &str) -> Vec<Controller> {
    controllers(&file::read_text(group, name).unwrap_or_default())
}

/// Adds what the directories of our own group tell, and of those above it.
fn look(hierarchy: &mut Hierarchy, root: BorrowedFd<'_>) {
    let v2 = hierarchy.version == Version::V2;
    let Some(own) = hierarchy.own.clone() else { return };
    let names: Vec<_> = crate::path::parts(&own).collect();
    let Ok(group) = dir::descend(root, names.iter()) else { return };
    hierarchy.access = access(group.as_fd(), hierarchy.version);
    hierarchy.withheld = withheld(group.as_fd(), hierarchy.version);
    hierarchy.available = if v2 { listed(group.as_fd(), "cgroup.controllers") } else { hierarchy.controllers.clone() };
    if v2 {
        hierarchy.passed_on = listed(group.as_fd(), "cgroup.subtree_control");
        let may = hierarchy.access == Access::Writable && delegate::has_own_processes(group.as_fd()) == Ok(false);
        hierarchy.may_pass_on = if may { hierarchy.available.clone() } else { Vec::new() };
    }
    // systemd marks groups where it keeps track of processes.
    let is_its = v2 || hierarchy.name.as_deref() == Some("systemd");
    // From our own group upwards, as long as what is there is ours.
    let (mut ours, mut group) = (hierarchy.access == Access::Writable, group);
    for count in (0..=names.len()).rev() {
        let path = || Path::new("/").join(names.iter().take(count).collect::<PathBuf>());
        if ours {
            hierarchy.delegated = Some(path());
        }
        if is_its && hierarchy.marked.is_none() && is_marked(group.as_fd()) {
            hierarchy.marked = Some(path());
        }
        if count == 0 || !ours && (!is_its || hierarchy.marked.is_some()) {
            break;
        }
        let Ok(above) = dir::open_above(group.as_fd()) else { break };
        group = above;
        ours = ours && access(group.as_fd(), hierarchy.version) == Access::Writable;
    }
}

/// Whether systemd has noted on the group that it leaves what is below to others.
fn is_marked(group: BorrowedFd<'_>) -> bool {
    // The first takes no right to read; the second only root of the first user namespace sees.
    ["user.delegate", "trusted.delegate"].iter().any(|name| {
        let mut value = [0; 8];
        let length = fgetxattr(group, *name, &mut value[..]).unwrap_or_default();
        value.get(..length) == Some(b"1".as_slice())
    })
}

/// Which of the files that may be delegated we may not write to.
fn withheld(group: BorrowedFd<'_>, version: Version) -> Vec<String> {
    use rustix::fs::Access as Wish;
    let refused = |name: &String| {
        let answer = accessat(group, name.as_str(), Wish::WRITE_OK, AtFlags::EACCESS);
        !matches!(answer, Ok(()) | Err(Errno::NOENT))
    };
    delegate::files(version).into_iter().filter(refused).collect()
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

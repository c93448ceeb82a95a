// SPDX-License-Identifier: MIT OR Apache-2.0
//! Delegation: giving controllers of version 2 from group to group, downwards.
//!
//! A group has the controllers that its parent lists in `cgroup.subtree_control`, and it can list only what it has itself.
//! A group other than the root that has processes lists nothing ("no internal processes"). The kernel makes an exception
//! for controllers that know threads (cpu, cpuset, pids), which is a trap: the groups below are then good for threads
//! alone, and no process can join them. So we look first.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "Controlling Controllers"; kernel/cgroup/cgroup.c,
//! `cgroup_vet_subtree_control_enable`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, accessat};
use rustix::io::Errno;

use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::group::Directory;
use crate::layout::controllers;
use crate::{dir, file};

const OP: &str = "enable controllers for the groups in";

/// Sees to it that the group has these controllers, by changing as few groups above it as can be.
pub(crate) fn enable(group: &Directory, wanted: &[Controller]) -> Result<(), Error> {
    let has = |directory: BorrowedFd<'_>, path: &Path| {
        file::read_text(directory, "cgroup.controllers")
            .map(|text| controllers(&text))
            .map_err(|errno| Error::os("read", Object::Path(path.join("cgroup.controllers")), errno.raw_os_error()))
    };
    let present = has(group.fd(), group.path())?;
    let missing = wanted.iter().copied().filter(|wanted| !wanted.is_in_every_group() && !present.contains(wanted));
    let missing: Vec<Controller> = missing.collect();
    if missing.is_empty() {
        return Ok(());
    }
    // Upwards, to the first group that has them all.
    let mut above: Vec<(OwnedFd, &Path)> = Vec::new();
    for path in group.path().ancestors().skip(1).take(group.depth()) {
        let below = above.last().map_or(group.fd(), |(directory, _)| directory.as_fd());
        let directory =
            dir::open_above(below).map_err(|errno| Error::os(OP, Object::Group(path.into()), errno.raw_os_error()))?;
        let offered = has(directory.as_fd(), path)?;
        above.push((directory, path));
        if missing.iter().all(|missing| offered.contains(missing)) {
            return above.iter().rev().try_for_each(|(directory, path)| pass_on(directory.as_fd(), path, &missing));
        }
    }
    let path = above.last().map_or(group.path(), |(_, path)| path);
    let names: Vec<_> = missing.iter().map(ToString::to_string).collect();
    let why = format!("not all of {} is available there", names.join(", "));
    Err(Error::because(OP, Object::Group(path.into()), ErrorKind::Unsupported, why))
}

/// Lists controllers for the groups below this one.
fn pass_on(directory: BorrowedFd<'_>, path: &Path, controllers: &[Controller]) -> Result<(), Error> {
    const FILE: &str = "cgroup.subtree_control";
    let failed = |errno: Errno| explain(path, errno);
    let listed = crate::layout::controllers(&file::read_text(directory, FILE).map_err(failed)?);
    let missing: Vec<_> = controllers.iter().filter(|wanted| !listed.contains(wanted)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if has_own_processes(directory).map_err(failed)? {
        return Err(explain(path, Errno::BUSY));
    }
    let text: Vec<_> = missing.iter().map(|controller| format!("+{controller}")).collect();
    file::write_text(directory, FILE, &text.join(" ")).map_err(failed)
}

fn explain(path: &Path, errno: Errno) -> Error {
    let object = Object::Group(path.into());
    let raw = errno.raw_os_error();
    match errno {
        Errno::BUSY => {
            let why = "the group has processes of its own, and version 2 gives controllers only below groups without";
            Error::explained(OP, object, ErrorKind::WrongState, raw, why).with_hint(
                "move its processes into a group below it first, or give an absolute path below a group without processes",
            )
        }
        Errno::OPNOTSUPP => {
            let why = "it is a group of threads, which has only the controllers that know threads";
            Error::explained(OP, object, ErrorKind::WrongState, raw, why)
        }
        Errno::NOENT => {
            Error::explained(OP, object, ErrorKind::Unsupported, raw, "a controller is not available there")
        }
        _ => Error::os(OP, object, raw),
    }
}

/// Whether the rule of no internal processes stands in the way: the real root, which has no `cgroup.type`, is exempt.
pub(crate) fn has_own_processes(directory: BorrowedFd<'_>) -> Result<bool, Errno> {
    match accessat(directory, "cgroup.type", rustix::fs::Access::EXISTS, AtFlags::empty()) {
        Err(Errno::NOENT) => return Ok(false),
        Err(errno) => return Err(errno),
        Ok(()) => {}
    }
    file::read_text(directory, "cgroup.procs").map(|text| !text.trim().is_empty())
}

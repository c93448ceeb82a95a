// SPDX-License-Identifier: MIT OR Apache-2.0
//! Delegation: giving controllers of version 2 from group to group, downwards; and which files may be given to others.
//!
//! A group has the controllers that its parent lists in `cgroup.subtree_control`, and it can list only what it has itself.
//! A group other than the root that has processes lists nothing ("no internal processes"). The kernel makes an exception
//! for controllers that know threads (cpu, cpuset, pids), which is a trap: the groups below are then good for threads
//! alone, and no process can join them. So we look first.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "Controlling Controllers"; kernel/cgroup/cgroup.c,
//! `cgroup_vet_subtree_control_enable`.

use std::fs;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, accessat, fstatfs};
use rustix::io::Errno;

use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::group::Directory;
use crate::layout::{Version, controllers};
use crate::{dir, file};

const OP: &str = "enable controllers for the groups in";

/// `SYSFS_MAGIC` of linux/magic.h.
const SYSFS: u64 = 0x6265_6572;

/// The kernel's list, where there is no such file.
const V2: [&str; 3] = ["cgroup.procs", "cgroup.threads", "cgroup.subtree_control"];

/// What systemd gives away of a group of version 1.
const V1: [&str; 3] = ["cgroup.procs", "tasks", "cgroup.clone_children"];

/// The files of a group that may be given to whom one does not trust with its limits.
pub(crate) fn files(version: Version) -> Vec<String> {
    match version {
        Version::V2 => listed().unwrap_or_else(|| V2.map(str::to_owned).to_vec()),
        Version::V1 => V1.map(str::to_owned).to_vec(),
    }
}

/// The files that the kernel lists; `None` where it does not.
fn listed() -> Option<Vec<String>> {
    let mut file = fs::File::open("/sys/kernel/cgroup/delegate").ok()?;
    // What somebody else has put there is not to make us give away limits.
    if fstatfs(&file).map(|found| u64::try_from(found.f_type)) != Ok(Ok(SYSFS)) {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    Some(names(&text))
}

/// The names of a list, a line each; those that lead elsewhere are none.
fn names(text: &str) -> Vec<String> {
    let names = text.lines().map(str::trim);
    let names = names.filter(|name| !name.is_empty() && !name.contains('/') && !name.starts_with('.'));
    names.map(str::to_owned).collect()
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_lists_are_names_of_files_and_nothing_else() {
        let text = "cgroup.procs\ncgroup.threads\n\n../other\n.\n..\n/etc/passwd\nmemory.reclaim\n";
        assert_eq!(names(text), ["cgroup.procs", "cgroup.threads", "memory.reclaim"]);
        assert_eq!(names(""), [""; 0]);
    }
}

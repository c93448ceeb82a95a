// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a further program belongs: the namespaces of the container's first process, and a group.

use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, openat, statx};
use rustix::io::Errno;
use skep_cgroup::Cgroup;
use skep_ns::{Join, Namespace, NamespaceFlags, NamespaceKind, PidFd};
use skep_rootfs::Root;

use super::OP;
use crate::error::{Error, ErrorKind, Object};
use crate::handle::Container;
use crate::host::process_denies_setgroups;
use crate::parent::{AT_ONCE, Joining, Left, is_known, is_own};

const ESRCH: i32 = 3;

/// How long an init may take to let go: without close_range(2) it closes what it may have one by one.
const LETTING_GO_TAKES: Duration = Duration::from_secs(1);

/// Everything that exists already of `container`, for a program in this group below its own.
pub(super) fn of(container: &Container, group: Option<&Path>) -> Result<Joining, Error> {
    let first = container.first.demand(OP, || container.object())?;
    // Asked afterwards: by its number it was found as long as it has not ended.
    let found = found_once_the_init_shows(container, || found(container, first, group));
    let has_ended = first.has_ended().map_err(|error| Error::of_leaf(OP, container.object(), error))?;
    // What is just ending has no namespaces any more.
    if has_ended || found.as_ref().is_err_and(|error| error.errno() == Some(ESRCH)) {
        let why = "its first process has ended".to_owned();
        return Err(Error::because(OP, container.object(), ErrorKind::WrongState, why));
    }
    found
}

/// The init of a user's container lets that user look at it when it has let go of all that is to be hidden, which may be a
/// moment after its program began.
fn found_once_the_init_shows(
    container: &Container,
    look: impl Fn() -> Result<Joining, Error>,
) -> Result<Joining, Error> {
    let may_come = container.spec().is_some_and(|spec| spec.init && spec.id_map().is_some());
    let begin = Instant::now();
    loop {
        match look() {
            Err(error) if may_come && error.kind() == ErrorKind::Denied && begin.elapsed() < LETTING_GO_TAKES => {
                std::thread::sleep(Duration::from_millis(1));
            }
            found => return found,
        }
    }
}

fn found(container: &Container, first: &PidFd, group: Option<&Path>) -> Result<Joining, Error> {
    let failed = |error: skep_ns::Error| Error::of_leaf(OP, container.object(), error).with_hint_of_limits();
    let cgroup = cgroup(container, group)?;
    if let Some(cgroup) = &cgroup {
        let events = cgroup.events().map_err(|error| Error::of_leaf(OP, container.object(), error))?;
        if events.frozen == Some(true) {
            let why = "it is frozen, and so would the program be: thaw it first".to_owned();
            return Err(Error::because(OP, container.object(), ErrorKind::WrongState, why));
        }
    }
    let kinds = AT_ONCE.into_iter().filter(|kind| is_known(*kind));
    let way = Join::new().process(copy(first)?, kinds).prepare().map_err(failed)?;
    let late = match Namespace::of(first, NamespaceKind::Cgroup) {
        Ok(namespace) if !is_own(&namespace) => Some(Join::new().namespace(namespace).prepare().map_err(failed)?),
        Ok(_) => None,
        Err(error) => return Err(failed(error)),
    };
    let made = NamespaceFlags::empty();
    let denied = container.pid().is_some_and(process_denies_setgroups);
    let unit = container.undo.unit().cloned();
    Ok(Joining { way, late, made, cgroup, unit, setgroups_denied: denied, patience: None, left: Left::default() })
}

/// What a program will have as its root that is executed in the container: the top of the mount namespace, whatever root the
/// first process has given itself since.
pub(super) fn root(container: &Container) -> Result<Root, Error> {
    let first = container.first.demand(OP, || container.object())?;
    let refused = |errno: Errno| Error::os(OP, container.object(), errno.raw_os_error()).with_hint_of_limits();
    let pid = container.pid().unwrap_or_default();
    let found = climb(&format!("/proc/{pid}/root"));
    // Asked afterwards: by its number it was found as long as it has not ended.
    if first.has_ended().map_err(|error| Error::of_leaf(OP, container.object(), error))? {
        let why = "its first process has ended".to_owned();
        return Err(Error::because(OP, container.object(), ErrorKind::WrongState, why));
    }
    Root::from_fd(found.map_err(refused)?)
        .map_err(|error| Error::of_leaf(OP, container.object(), error).with_hint_of_limits())
}

/// The top of the mounts that a directory is in: the caller's own root, where ".." would end, is not among them.
fn climb(path: &str) -> Result<OwnedFd, Errno> {
    /// Deeper are no directories but those that somebody keeps moving.
    const STEPS_MAX: usize = 4096;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let identity = |fd: &OwnedFd| {
        let told = statx(fd, "", AtFlags::EMPTY_PATH, StatxFlags::INO | StatxFlags::MNT_ID)?;
        Ok((told.stx_dev_major, told.stx_dev_minor, told.stx_ino, told.stx_mnt_id))
    };
    let mut here = openat(CWD, path, flags, Mode::empty())?;
    for _ in 0..STEPS_MAX {
        let above = openat(&here, "..", flags, Mode::empty())?;
        if identity(&above)? == identity(&here)? {
            return Ok(here);
        }
        here = above;
    }
    Err(Errno::LOOP)
}

fn copy(process: &PidFd) -> Result<OwnedFd, Error> {
    rustix::io::fcntl_dupfd_cloexec(process, 3).map_err(|errno| {
        // No number from 3 on is what a limit of 3 means.
        let errno = if errno == Errno::INVAL { Errno::MFILE } else { errno };
        Error::os(OP, Object::Container(None), errno.raw_os_error()).with_hint_of_limits()
    })
}

/// The group that the program is to be in, if the container has one.
fn cgroup(container: &Container, wanted: Option<&Path>) -> Result<Option<Cgroup>, Error> {
    let failed = |error| Error::of_leaf(OP, container.object(), error);
    let invalid = |problem: String| Error::invalid(OP, container.object(), vec![problem]);
    let Some(own) = container.cgroup()? else {
        return match wanted {
            Some(path) => Err(invalid(format!("cgroup: {path:?} cannot be had: the container has no cgroup"))),
            None => Ok(None),
        };
    };
    let below = match wanted {
        Some(path) if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) => path,
        Some(path) => {
            return Err(invalid(format!("cgroup: {path:?} must be a path from the container's own group, without ..")));
        }
        None if has_controllers_below(&own) => match group_of_first(container, &own) {
            Some(found) => return Cgroup::from_directories(found).map(Some).map_err(failed),
            None => return Ok(Some(own)),
        },
        None => return Ok(Some(own)),
    };
    let directories: Vec<PathBuf> = own.directories().map(|path| path.join(below)).collect();
    if directories.iter().all(|path| !path.is_dir()) {
        return Err(invalid(format!("cgroup: there is no group {below:?} below that of the container")));
    }
    // A hierarchy without a group of this name has the container's own.
    let places = own.directories().zip(directories).map(|(own, below)| if below.is_dir() { below } else { own.into() });
    Cgroup::from_directories(places.collect::<Vec<_>>()).map(Some).map_err(failed)
}

/// Whether version 2 has controllers for the groups below, and so allows no process in this one.
fn has_controllers_below(group: &Cgroup) -> bool {
    v2_directory(group)
        .and_then(|path| std::fs::read(path.join("cgroup.subtree_control")).ok())
        .is_some_and(|text| !text.trim_ascii().is_empty())
}

/// The directory of the group in the hierarchy of version 2.
fn v2_directory(group: &Cgroup) -> Option<&Path> {
    group.v2_fd()?;
    group.directories().find(|path| path.join("cgroup.subtree_control").exists())
}

/// The directories of the group with that of version 2 exchanged for the one below it that the first process is in.
fn group_of_first(container: &Container, group: &Cgroup) -> Option<Vec<PathBuf>> {
    let pid = container.pid()?;
    let v2 = v2_directory(group)?;
    let mut to_do = vec![v2.to_owned()];
    while let Some(path) = to_do.pop() {
        let members = std::fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
        if members.lines().any(|line| line.parse() == Ok(pid)) {
            return Some(group.directories().map(|own| if own == v2 { path.clone() } else { own.into() }).collect());
        }
        let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
        to_do.extend(
            entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()),
        );
    }
    None
}

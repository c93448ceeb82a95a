// SPDX-License-Identifier: MIT OR Apache-2.0
//! Assessment: what of a group and its limits could not be had here, found by looking alone.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, accessat};
use rustix::io::Errno;

use super::detect::{access, controllers};
use super::{Access, Hierarchy, Lack, Layout, Reason, Version};
use crate::controller::Controller;
use crate::error::Error;
use crate::limits::{Limits, Setting};
use crate::path::GroupPath;
use crate::{delegate, devices, dir, file};

/// A group on the way to where the path leads: the mount point, then those that exist.
struct Station {
    directory: OwnedFd,
    path: PathBuf,
}

/// The way from the mount point towards a group.
struct Way {
    /// The groups that exist, from the mount point on.
    stations: Vec<Station>,
    /// Whether the last of them is the group itself.
    arrived: bool,
}

impl Layout {
    /// Names each limit that could not be applied to a group of this path, and the group itself if it could not be made.
    ///
    /// It looks and touches nothing, so that a caller can refuse, or say what it will do without. The path means what it
    /// means to [`Cgroup::create`](crate::Cgroup::create). An empty answer is no promise: somebody else may change the
    /// machine, and the kernel has the last word.
    ///
    /// # Errors
    /// `Invalid` for a path that names no group. What is wrong with the limits themselves
    /// ([`Limits::problems`]) is not asked here.
    pub fn assess(&self, path: impl AsRef<Path>, limits: &Limits) -> Result<Vec<Lack>, Error> {
        let path = GroupPath::new("assess", path.as_ref())?;
        let mut lacks: Vec<Lack> = self.of_group(&path).into_iter().collect();
        for setting in limits.settings() {
            lacks.extend(self.of_limit(&path, &setting));
        }
        Ok(lacks)
    }

    /// What keeps us from making the group where it is kept track of.
    fn of_group(&self, path: &GroupPath) -> Option<Lack> {
        let lack = |(reason, directory)| Lack { limit: None, controller: None, reason, detail: None, directory };
        let Some(tracking) = self.tracking() else { return Some(lack((Reason::NotMounted, None))) };
        let found = match way(tracking, path) {
            Ok(way) => may_make(tracking, &way),
            Err(found) => Some(found),
        };
        found.map(lack)
    }

    fn of_limit(&self, path: &GroupPath, setting: &Setting) -> Option<Lack> {
        // Without any hierarchy with the controller no version is to blame.
        let Some(hierarchy) = self.of(setting.key.controller()) else {
            return Some(Lack::of(setting, Reason::NotMounted, None));
        };
        let in_it = || {
            let found = way(hierarchy, path).map_or_else(Some, |way| {
                may_make(hierarchy, &way).or_else(|| may_apply(hierarchy.version, &way, setting))
            });
            found.map(|(reason, directory)| Lack::of(setting, reason, directory))
        };
        setting.lack(hierarchy.version).or_else(in_it)
    }
}

/// Whether the kernel has the limit for a group on this way, and lets us have it.
fn may_apply(version: Version, way: &Way, setting: &Setting) -> Option<(Reason, Option<PathBuf>)> {
    let controller = setting.key.controller();
    if controller == Controller::Devices {
        return devices::lack(version).map(|reason| (reason, None));
    }
    let file = setting.file(version)?;
    match version {
        Version::V1 => has_file(way, &file),
        Version::V2 => may_enable(way, controller).or_else(|| {
            let has = |station: &Station| {
                let text = file::read_text(station.directory.as_fd(), "cgroup.controllers");
                text.is_ok_and(|text| controllers(&text).contains(&controller))
            };
            way.stations.last().filter(|last| has(last)).and_then(|_| has_file(way, &file))
        }),
    }
}

/// Goes towards the group as far as there are directories.
fn way(hierarchy: &Hierarchy, path: &GroupPath) -> Result<Way, (Reason, Option<PathBuf>)> {
    let Some(place) = hierarchy.place(path) else { return Err((Reason::OutOfView, None)) };
    let mut path = hierarchy.mount_point.clone();
    let unreadable = |path: &Path| (Reason::Unreadable, Some(path.to_owned()));
    let root = dir::open_absolute(&path).map_err(|_| unreadable(&path))?;
    let mut stations = vec![Station { directory: root, path: path.clone() }];
    for name in place.parts() {
        let Some(last) = stations.last() else { break };
        path.push(name);
        match dir::open_child(last.directory.as_fd(), name) {
            Ok(directory) => stations.push(Station { directory, path: path.clone() }),
            Err(Errno::NOENT) => return Ok(Way { stations, arrived: false }),
            Err(_) => return Err(unreadable(&path)),
        }
    }
    Ok(Way { stations, arrived: true })
}

/// Whether we may make what is missing of the way, and write to what is there.
fn may_make(hierarchy: &Hierarchy, way: &Way) -> Option<(Reason, Option<PathBuf>)> {
    let last = way.stations.last()?;
    let reason = match access(last.directory.as_fd(), hierarchy.version) {
        Access::Writable => return None,
        Access::ReadOnly => Reason::ReadOnly,
        Access::Denied | Access::OutOfView | Access::Unknown => Reason::NotDelegated,
    };
    Some((reason, Some(last.path.clone())))
}

/// Whether groups have the file; in the root some are missing that groups have.
fn has_file(way: &Way, name: &str) -> Option<(Reason, Option<PathBuf>)> {
    let last = way.stations.last()?;
    let there = accessat(&last.directory, name, rustix::fs::Access::EXISTS, AtFlags::empty());
    (there == Err(Errno::NOENT) && way.stations.len() > 1).then(|| (Reason::NoSuchFile, Some(last.path.clone())))
}

/// Whether the controller is, or could be, enabled all the way down.
fn may_enable(way: &Way, controller: Controller) -> Option<(Reason, Option<PathBuf>)> {
    let above = way.stations.len().saturating_sub(usize::from(way.arrived));
    for station in way.stations.iter().take(above) {
        let directory = station.directory.as_fd();
        let has = |name| file::read_text(directory, name).map(|text| controllers(&text).contains(&controller));
        let at = |reason| Some((reason, Some(station.path.clone())));
        match (has("cgroup.controllers"), has("cgroup.subtree_control")) {
            (Err(_), _) | (_, Err(_)) => return at(Reason::Unreadable),
            (Ok(false), _) => return at(Reason::NotOffered),
            (_, Ok(true)) => continue,
            (_, Ok(false)) => {}
        }
        match access(directory, Version::V2) {
            Access::Writable => {}
            Access::ReadOnly => return at(Reason::ReadOnly),
            Access::Denied | Access::OutOfView | Access::Unknown => return at(Reason::NotDelegated),
        }
        if delegate::has_own_processes(directory).unwrap_or(true) {
            return at(Reason::HasProcesses);
        }
    }
    None
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cgroup of a container: made and limited before there is a process, joined by the child before it does anything.

use std::os::fd::OwnedFd;
use std::path::Path;

use skep_cgroup::Cgroup;

use super::launch::perform;
use super::scope::Unit;
use super::undo::Undo;
use crate::error::{Error, ErrorKind};
use crate::plan::{CgroupPlan, ParentStep, Plan};
use crate::procfs;
use crate::state::Removal;

/// Makes the planned cgroup, with its limits.
pub(super) fn make(plan: &Plan, wanted: &CgroupPlan, undo: &mut Undo) -> Result<Cgroup, Error> {
    let failed = |error| Error::of_leaf("create", plan.object(), error);
    let cgroup = perform(plan, ParentStep::Cgroup, || {
        undo.push(Removal::Cgroup { directories: wanted.directories.clone() });
        let made = Cgroup::create_with(&wanted.layout, &wanted.path, wanted.controllers.iter().copied());
        if made.is_err() {
            // It was made as a whole or not at all: what is there now, if anything, is somebody else's.
            undo.pop();
        }
        made.map_err(failed)
    })?;
    if !wanted.limits.is_empty() {
        perform(plan, ParentStep::Limits, || cgroup.apply(&wanted.limits).map_err(failed))?;
    }
    Ok(cgroup)
}

/// The files by which the child joins the hierarchies of version 1 by itself; none where that cannot be, for whatever
/// reason: then [`join`] does it, and has the sentence for it.
pub(super) fn ways(cgroup: &Cgroup) -> Vec<OwnedFd> {
    if !cgroup.has_v1() {
        return Vec::new();
    }
    cgroup.prepare_v1().ok().and_then(|prepared| prepared.into_files().ok()).unwrap_or_default()
}

/// Joins the child, wherever it was not born in the cgroup and does not go by itself: version 2 where the kernel refused
/// to clone into it.
pub(super) fn join(plan: &Plan, cgroup: &Cgroup, pid: u32, was_born_in_it: bool, goes: bool) -> Result<(), Error> {
    let is_in_v2 = was_born_in_it || cgroup.v2_fd().is_none();
    if is_in_v2 && (goes || !cgroup.has_v1()) {
        return Ok(());
    }
    cgroup.add(pid).map_err(|error| Error::of_leaf(plan.operation(), plan.object(), error))
}

/// The same for a further program, by systemd where the group is a scope and the caller has no rights to it.
pub(super) fn join_scope(plan: &Plan, unit: &Unit, pid: u32, refused: Error) -> Result<(), Error> {
    if refused.kind() != ErrorKind::Denied {
        return Err(refused);
    }
    unit.attach(pid).map_err(|error| Error::of_leaf(plan.operation(), plan.object(), error))
}

/// Whether the group with these directories is frozen; not if that cannot be looked at.
///
/// By its directories, each a file or two: who lists a thousand containers asks this of each, and finding the machine's
/// hierarchies takes longer.
pub(crate) fn is_frozen<P: AsRef<Path>>(directories: impl IntoIterator<Item = P>) -> bool {
    let of_v2 = |events: Vec<u8>| {
        // Before Linux 5.2 there is no such line, and a freezer of version 1 instead.
        let mut lines = events.split(|byte| *byte == b'\n');
        lines.find_map(|line| line.strip_prefix(b"frozen ").map(|count| count == b"1"))
    };
    let told = |path: P| {
        let path = path.as_ref();
        let of_v1 = || procfs::read(path.join("freezer.state")).ok().map(|state| state.starts_with(b"FROZEN"));
        procfs::read(path.join("cgroup.events")).ok().and_then(of_v2).or_else(of_v1)
    };
    // That which freezes is among the first, and decides.
    directories.into_iter().find_map(told).unwrap_or_default()
}

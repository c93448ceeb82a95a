// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be known of a unit before there is one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::dbus::{Deadline, Trouble};
use super::error::{object, of_unit};
use super::manager::{MANAGER, Manager, PATH};
use super::name::Sort;
use super::place::{Systemd, version};
use super::spec::UnitSpec;
use super::start::Planned;
use super::state::UnitState;
use super::unit::{directories, is_of_user};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind};
use crate::layout::{Hierarchy, Lack, Layout, Version};

const OP: &str = "foresee";

/// The controllers that systemd gives the groups of units in version 1.
const OF_UNITS: [Controller; 6] =
    [Controller::Cpu, Controller::Cpuacct, Controller::Memory, Controller::Io, Controller::Pids, Controller::Devices];

/// What would come of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prospect {
    /// Whether there is a unit of this name already: a start would be an error.
    pub is_taken: bool,
    /// Where its group would be, in each hierarchy where it would have one: as systemd places units by their names, and so
    /// to be looked at again when it is there ([`Unit::cgroup`](super::Unit::cgroup)).
    pub directories: Vec<PathBuf>,
    /// The limits that cannot be had, as far as that is known without trying.
    pub lacks: Vec<Lack>,
}

impl Systemd {
    /// Looks at what would come of a [`start`](Self::start) of this unit, which may have no processes yet. Changes nothing.
    ///
    /// # Errors
    /// `Invalid`, with every problem, for a description that makes no sense; `NotFound`, `Denied`, `TimedOut` and `Os` as all
    /// [verbs](super::Unit) have them.
    /// # Kernel
    /// Any. systemd 236.
    pub fn foresee(&self, spec: &UnitSpec, deadline: Duration) -> Result<Prospect, Error> {
        spec.check_with(1)?;
        let deadline = Deadline::after(deadline);
        let mut manager = self.open(deadline)?;
        let layout = Layout::detect()?;
        let failed = |trouble| of_unit(OP, &spec.name, trouble);
        let systemd = version(&mut manager, deadline).map_err(failed)?;
        let state = UnitState::of(&mut manager, &spec.name, deadline).map_err(failed)?;
        let top = top(&mut manager, deadline).map_err(failed)?;
        let place = top.join(place(spec, self.is_system));
        if let Some(uid) = self.user.filter(|uid| !is_of_user(*uid, &place)) {
            let why = format!("its manager says that it would be in {place:?}, which is not below user@{uid}.service");
            return Err(Error::because(OP, object(&spec.name), ErrorKind::Denied, why));
        }
        let has_one = |found: &Hierarchy| {
            found.version() == Version::V2
                || layout.tracking() == Some(found)
                || OF_UNITS.iter().any(|controller| layout.of(*controller) == Some(found))
        };
        Ok(Prospect {
            is_taken: state.load != "not-found",
            directories: directories(&layout, &place, has_one),
            lacks: Planned::of(&spec.limits, &layout, systemd, spec.delegate, self.is_system).lacks,
        })
    }
}

/// The group that all units of a manager are below.
fn top(manager: &mut Manager, deadline: Deadline) -> Result<PathBuf, Trouble> {
    let text = manager.property(PATH, MANAGER, "ControlGroup", deadline)?;
    let text = text.as_text().unwrap_or_default();
    Ok(PathBuf::from(format!("/{}", text.trim_matches('/'))))
}

/// Where a unit's group is, from the top of its manager's.
fn place(spec: &UnitSpec, is_system: bool) -> PathBuf {
    let mut place = PathBuf::new();
    if Sort::of(&spec.name) == Some(Sort::Slice) {
        push_slice(&mut place, &spec.name);
        return place;
    }
    let usual = if is_system { "system.slice" } else { "app.slice" };
    push_slice(&mut place, spec.slice.as_deref().unwrap_or(usual));
    place.push(directory(&spec.name));
    place
}

/// Each slice is below those that its name begins with.
fn push_slice(place: &mut PathBuf, name: &str) {
    let stem = name.strip_suffix(".slice").unwrap_or(name);
    // That of all others is the top.
    if stem == "-" {
        return;
    }
    for (end, _) in stem.match_indices('-').chain([(stem.len(), "")]) {
        let above = stem.get(..end).unwrap_or(stem);
        place.push(directory(&format!("{above}.slice")));
    }
}

/// A unit's name as that of a directory: what the kernel's own files may be called gets a `_` before it.
fn directory(name: &str) -> PathBuf {
    /// What systemd takes for words of the kernel's: controllers, and what it has programs of its own for.
    const WORDS: [&str; 14] = [
        "blkio",
        "bpf-devices",
        "bpf-firewall",
        "bpf-foreign",
        "bpf-restrict-network-interfaces",
        "bpf-socket-bind",
        "cgroup",
        "cpu",
        "cpuacct",
        "cpuset",
        "devices",
        "io",
        "memory",
        "pids",
    ];
    let before = name.split('.').next().unwrap_or(name);
    let is_taken = WORDS.contains(&before) || name.starts_with(['_', '.']);
    if is_taken { Path::new(&format!("_{name}")).into() } else { Path::new(name).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_where_the_names_of_units_say() {
        let scope = |name: &str, slice: Option<&str>| {
            let spec = UnitSpec::new(name);
            slice.into_iter().fold(spec, UnitSpec::slice)
        };
        for (spec, is_system, expected) in [
            (scope("web.scope", None), true, "system.slice/web.scope"),
            (scope("web.scope", None), false, "app.slice/web.scope"),
            (scope("web.scope", Some("-.slice")), true, "web.scope"),
            (scope("web-1.scope", Some("a-b-c.slice")), true, "a.slice/a-b.slice/a-b-c.slice/web-1.scope"),
            (scope("a-b.slice", None), true, "a.slice/a-b.slice"),
            (scope("memory.scope", Some("cpu.slice")), true, "_cpu.slice/_memory.scope"),
            (scope("cgroup.x.scope", Some("cpus.slice")), true, "cpus.slice/_cgroup.x.scope"),
            (scope("_x.scope", Some("cpu-x.slice")), true, "_cpu.slice/cpu-x.slice/__x.scope"),
        ] {
            assert_eq!(place(&spec, is_system), Path::new(expected), "{spec:?}");
        }
    }
}

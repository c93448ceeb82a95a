// SPDX-License-Identifier: MIT OR Apache-2.0
//! A unit by its name, and what is done to it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::dbus::{Deadline, Trouble, Value};
use super::error::{object, of_job, of_unit};
use super::manager::Manager;
use super::name::{self, Sort};
use super::place::Systemd;
use super::spec::pids;
use super::start::{Planned, join};
use super::state::UnitState;
use crate::error::{Error, ErrorKind};
use crate::group::Cgroup;
use crate::layout::{Hierarchy, Lack, Layout};
use crate::limits::{Limits, Setting};

/// A unit of systemd's: its name, and whom to ask.
///
/// It is a value: nothing happens when it is dropped, and the unit it names may be gone. What a verb answers is as of then.
///
/// # Errors of all verbs
/// `NotFound` if systemd is not there, or knows no such unit; `Denied` if it does not let us; `TimedOut` at the deadline;
/// `Os` for what D-Bus or systemd says that has no class of its own, with its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unit {
    systemd: Systemd,
    name: String,
}

impl Unit {
    pub(super) fn new(systemd: Systemd, name: String) -> Self {
        Self { systemd, name }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What systemd says of it. Of a unit that is not there it says so too: `load` is "not-found".
    ///
    /// # Errors
    /// Those of [all verbs](Self).
    pub fn state(&self, deadline: Duration) -> Result<UnitState, Error> {
        let deadline = Deadline::after(deadline);
        self.look(&mut self.systemd.open(deadline)?, deadline)
    }

    /// Opens its group, in every hierarchy where it has one. On version 1 a unit that is not delegated has one in those
    /// that its limits take.
    ///
    /// # Errors
    /// Those of [all verbs](Self); `WrongState` if the unit has no group, or it is not in view from here.
    pub fn cgroup(&self, deadline: Duration) -> Result<Cgroup, Error> {
        let state = self.state(deadline)?;
        self.group(&Layout::detect()?, &state)
    }

    /// Sets limits, until it is gone: properties of systemd's, and in the group what it has none for, if the unit is
    /// delegated.
    ///
    /// Of a part of a processor's time systemd keeps whole percents: when it reads all units anew (`systemctl
    /// daemon-reload`) 12.5 % become 12 %.
    ///
    /// # Errors
    /// Those of [all verbs](Self); `Invalid`, with every problem, for limits that make no sense; `WrongState` for a unit
    /// without a group; `Unsupported` for a limit that is known not to be had here. All of these come before any is set.
    /// `Unsupported` too for one that systemd has taken and not set, and those of [`Cgroup::apply`]: which are set then,
    /// [`Error::applied`] says.
    #[doc(alias = "SetUnitProperties")]
    pub fn apply(&self, limits: &Limits, deadline: Duration) -> Result<(), Error> {
        self.set(limits, false, deadline).map(drop)
    }

    /// Sets those of the limits that can be had; the answer is what could not.
    ///
    /// # Errors
    /// Those of [`apply`](Self::apply), but for a limit that cannot be had.
    pub fn apply_possible(&self, limits: &Limits, deadline: Duration) -> Result<Vec<Lack>, Error> {
        self.set(limits, true, deadline)
    }

    /// Has processes, by their numbers as systemd sees them, moved to the group of the unit, which must be delegated.
    ///
    /// # Errors
    /// Those of [all verbs](Self); `Invalid` for a unit that is not delegated.
    /// # Kernel
    /// Any. systemd 238.
    #[doc(alias = "AttachProcessesToUnit")]
    pub fn attach(&self, processes: &[u32], deadline: Duration) -> Result<(), Error> {
        let body = [Value::text(&self.name), Value::text(""), pids(processes)];
        self.ask("attach processes to", "AttachProcessesToUnit", &body, deadline)
    }

    /// Stops it, and waits until that is done: its processes get SIGTERM, and SIGKILL after the time that the unit was
    /// given. Its group is gone then.
    ///
    /// # Errors
    /// Those of [all verbs](Self); `WrongState` if systemd gives up. At the deadline systemd goes on.
    #[doc(alias = "StopUnit")]
    pub fn stop(&self, deadline: Duration) -> Result<(), Error> {
        let deadline = Deadline::after(deadline);
        self.end(&mut self.systemd.open(deadline)?, deadline)
    }

    /// Sends a signal, by its number, to every process of it.
    ///
    /// # Errors
    /// Those of [all verbs](Self); `Invalid` for a number that is no signal's.
    #[doc(alias = "KillUnit")]
    pub fn kill(&self, signal: i32, deadline: Duration) -> Result<(), Error> {
        let body = [Value::text(&self.name), Value::text("all"), Value::I32(signal)];
        self.ask("kill", "KillUnit", &body, deadline)
    }

    /// Has systemd forget that it failed: then its name is free.
    ///
    /// # Errors
    /// Those of [all verbs](Self).
    #[doc(alias = "ResetFailedUnit")]
    pub fn reset_failed(&self, deadline: Duration) -> Result<(), Error> {
        self.ask("reset", "ResetFailedUnit", &[Value::text(&self.name)], deadline)
    }

    /// Has its processes stand still, and waits until they do.
    ///
    /// # Errors
    /// Those of [all verbs](Self); `Unsupported` without version 2.
    /// # Kernel
    /// Linux 5.2, and version 2. systemd 246.
    #[doc(alias = "FreezeUnit")]
    pub fn freeze(&self, deadline: Duration) -> Result<(), Error> {
        self.ask("freeze", "FreezeUnit", &[Value::text(&self.name)], deadline)
    }

    /// Has its processes go on.
    ///
    /// # Errors
    /// Those of [`freeze`](Self::freeze).
    #[doc(alias = "ThawUnit")]
    pub fn thaw(&self, deadline: Duration) -> Result<(), Error> {
        self.ask("thaw", "ThawUnit", &[Value::text(&self.name)], deadline)
    }

    fn ask(&self, op: &'static str, member: &str, body: &[Value], deadline: Duration) -> Result<(), Error> {
        let deadline = Deadline::after(deadline);
        let mut manager = self.systemd.open(deadline)?;
        manager.call(member, body, deadline).map(drop).map_err(|trouble| of_unit(op, &self.name, trouble))
    }

    fn set(&self, limits: &Limits, lenient: bool, deadline: Duration) -> Result<Vec<Lack>, Error> {
        const OP: &str = "limit";
        limits.check()?;
        let deadline = Deadline::after(deadline);
        let mut manager = self.systemd.open(deadline)?;
        let state = self.look(&mut manager, deadline)?;
        if state.load == "not-found" {
            let why = "systemd knows no such unit".to_owned();
            return Err(Error::because(OP, object(&self.name), ErrorKind::NotFound, why));
        }
        self.place(OP, &state)?;
        let layout = Layout::detect()?;
        let failed = |trouble| of_unit(OP, &self.name, trouble);
        let version = super::place::version(&mut manager, deadline).map_err(failed)?;
        let planned = Planned::of(limits, &layout, version, state.delegated, self.systemd.is_system);
        planned.check(OP, &self.name, lenient)?;
        let (properties, told) = (planned.properties.clone(), !planned.told.is_empty());
        if told {
            let body = [Value::text(&self.name), Value::Flag(true), properties.value()];
            manager.call("SetUnitProperties", &body, deadline).map_err(failed)?;
        }
        let after = |(error, applied): (Error, Vec<String>)| error.after(&applied);
        // It answers before it has written them, and the next question after that.
        let state = self.look(&mut manager, deadline).map_err(|error| after((error, places(&planned.told, &[]))))?;
        self.finish(&layout, &planned, &state, lenient).map_err(after)
    }

    /// Sets in the group what systemd has no property for, and looks whether the others are there. With an error comes
    /// which of them are.
    pub(super) fn finish(
        &self,
        layout: &Layout,
        planned: &Planned,
        state: &UnitState,
        lenient: bool,
    ) -> Result<Vec<Lack>, (Error, Vec<String>)> {
        let mut lacks = planned.lacks.clone();
        if planned.rest.is_empty() && planned.told.is_empty() {
            return Ok(lacks);
        }
        let group = self.group(layout, state).map_err(|error| (error, places(&planned.told, &[])))?;
        let missing = planned.missing(&group);
        let applied = places(&planned.told, &missing);
        if !missing.is_empty() && !lenient {
            return Err((join("limit", &self.name, &missing), applied));
        }
        lacks.extend(missing);
        if lenient {
            lacks.extend(group.apply_possible(&planned.rest).map_err(|error| (error, applied))?);
        } else {
            group.apply(&planned.rest).map_err(|error| (error, applied))?;
        }
        Ok(lacks)
    }

    /// Has it stopped.
    pub(super) fn end(&self, manager: &mut Manager, deadline: Deadline) -> Result<(), Error> {
        const OP: &str = "stop";
        let result = manager.job("StopUnit", &self.to_stop(), &[], deadline);
        let result = result.map_err(|trouble| of_unit(OP, &self.name, trouble))?;
        self.done(OP, &result, manager, deadline)
    }

    pub(super) fn to_stop(&self) -> [Value; 2] {
        [Value::text(&self.name), Value::text("replace")]
    }

    /// Whether it is a scope whose processes have ended, without a failure.
    pub(super) fn has_ended(&self, state: &UnitState) -> bool {
        Sort::of(&self.name) == Some(Sort::Scope) && (state.load == "not-found" || state.active == "inactive")
    }

    pub(super) fn look(&self, manager: &mut Manager, deadline: Deadline) -> Result<UnitState, Error> {
        UnitState::of(manager, &self.name, deadline).map_err(|trouble| of_unit("look at", &self.name, trouble))
    }

    /// An error unless a job was done.
    pub(super) fn done(
        &self,
        op: &'static str,
        result: &str,
        manager: &mut Manager,
        deadline: Deadline,
    ) -> Result<(), Error> {
        if result == "done" {
            return Ok(());
        }
        let state: Result<UnitState, Trouble> = UnitState::of(manager, &self.name, deadline);
        Err(of_job(op, &self.name, result, state.ok().map(|state| state.to_string())))
    }

    /// Which group it has, as systemd names it.
    fn place<'a>(&self, op: &'static str, state: &'a UnitState) -> Result<&'a Path, Error> {
        let Some(path) = &state.control_group else {
            let why = match name::interface(&self.name) {
                Some(_) => format!("it has no group: {state}"),
                None => "it has no group: scopes, slices, services, sockets, mounts and swaps have one".to_owned(),
            };
            return Err(Error::because(op, object(&self.name), ErrorKind::WrongState, why));
        };
        if let Some(uid) = self.systemd.user.filter(|uid| !is_of_user(*uid, path)) {
            let why = format!("its manager says that it is in {path:?}, which is not below user@{uid}.service");
            return Err(Error::because(op, object(&self.name), ErrorKind::Denied, why));
        }
        Ok(path)
    }

    pub(super) fn group(&self, layout: &Layout, state: &UnitState) -> Result<Cgroup, Error> {
        const OP: &str = "open the group of";
        let path = self.place(OP, state)?;
        let group = Cgroup::from_directories(directories(layout, path, |found| has_groups(layout, found)))?;
        if group.directories().next().is_none() {
            let why = format!("{path:?} is in no hierarchy with controllers that is in view here");
            let error = Error::because(OP, object(&self.name), ErrorKind::WrongState, why);
            return Err(error.with_hint(
                "a unit that is delegated, or has limits, has a group in the hierarchies of their controllers",
            ));
        }
        Ok(group)
    }
}

/// Where the limits are in [`Limits`], without those that are missing.
fn places(told: &[Setting], missing: &[Lack]) -> Vec<String> {
    let places = told.iter().map(Setting::place);
    places.filter(|place| !missing.iter().any(|lack| lack.limit() == Some(place))).collect()
}

/// Whether units may have groups in a hierarchy.
pub(super) fn has_groups(layout: &Layout, found: &Hierarchy) -> bool {
    Some(found) == layout.tracking() || !found.controllers().is_empty()
}

/// Where the group of this path is in these hierarchies, which systemd names from the root of them: we may see another part
/// of each.
pub(super) fn directories(layout: &Layout, path: &Path, of_groups: impl Fn(&Hierarchy) -> bool) -> Vec<PathBuf> {
    let below = |found: &Hierarchy| {
        let below = path.strip_prefix(found.mount_root()).ok()?;
        // The root of a hierarchy is nobody's group.
        (below != Path::new("")).then(|| found.mount_point().join(below))
    };
    layout.hierarchies().iter().filter(|found| of_groups(found)).filter_map(below).collect()
}

/// Whether a group is below the one in which the manager of this user is.
pub(super) fn is_of_user(uid: u32, path: &Path) -> bool {
    let (slice, service) = (format!("user-{uid}.slice"), format!("user@{uid}.service"));
    let parts: Vec<&OsStr> = path.iter().collect();
    let begin = parts.windows(2).position(|pair| *pair == [OsStr::new(&slice), OsStr::new(&service)]);
    begin.is_some_and(|at| parts.len() > at + 2)
}

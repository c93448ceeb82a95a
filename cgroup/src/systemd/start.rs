// SPDX-License-Identifier: MIT OR Apache-2.0
//! The start of a unit: planned, asked for, waited for, and looked at.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::dbus::{Deadline, Value};
use super::error::{object, of_unit};
use super::had;
use super::place::{Systemd, version};
use super::properties::{self, Properties};
use super::spec::{UnitSpec, pids};
use super::unit::Unit;
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::group::Cgroup;
use crate::layout::{Lack, Layout, Reason};
use crate::limits::{Limits, Setting};
use crate::pidfd;

const OP: &str = "start";
/// The systemd that takes processes by their pidfds.
const WITH_PIDFDS: u32 = 255;

impl Systemd {
    /// Has systemd make the unit, with its processes in it, and waits until that is done. Every limit is had, or it is an
    /// error.
    ///
    /// What can be known to fail is an error before anything is asked for. Should a limit fail afterwards, the unit is
    /// stopped again, which ends its processes, unless the caller is one of them.
    ///
    /// # Errors
    /// Those of [all verbs](Unit); `Invalid`, with every problem, for a description that makes no sense, and for what
    /// systemd does not take; `Busy` if there is a unit of this name; `Unsupported` for a limit that cannot be had here;
    /// `WrongState`, with what systemd says of the unit, if the start fails; `TimedOut` at the deadline: systemd goes on.
    /// # Privileges
    /// Root for the manager of the machine; none for a user's own, which takes processes of this user alone.
    #[doc(alias = "StartTransientUnit")]
    pub fn start(&self, spec: &UnitSpec, deadline: Duration) -> Result<Unit, Error> {
        self.begin(spec, &[], false, deadline).map(|(unit, _)| unit)
    }

    /// [`start`](Self::start), with these processes too, by their pidfds: no number is used that may meanwhile be another's.
    ///
    /// An older systemd, and a bus that takes no descriptors, is told the numbers that the processes have here, if systemd
    /// has a number here too: one that is outside of our pid namespace knows others. A bus may have a bound of its own on
    /// the descriptors of a message; that of dbus-daemon is 16.
    ///
    /// # Errors
    /// Those of [`start`](Self::start); `Invalid` for a descriptor that is no pidfd; `NotFound` for a process that has ended;
    /// `WrongState` where numbers must do and would be others.
    /// # Privileges
    /// Those of [`start`](Self::start).
    /// # Kernel
    /// Linux 5.3 for pidfds. systemd 255, or 236 for their numbers.
    #[doc(alias = "PIDFDs")]
    pub fn start_with_pidfds(
        &self,
        spec: &UnitSpec,
        pidfds: &[BorrowedFd<'_>],
        deadline: Duration,
    ) -> Result<Unit, Error> {
        self.begin(spec, pidfds, false, deadline).map(|(unit, _)| unit)
    }

    /// [`start`](Self::start), with those of the limits that can be had; the answer is the unit, and what could not.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), but for a limit that cannot be had.
    /// # Privileges
    /// Those of [`start`](Self::start).
    pub fn start_possible(&self, spec: &UnitSpec, deadline: Duration) -> Result<(Unit, Vec<Lack>), Error> {
        self.begin(spec, &[], true, deadline)
    }

    /// [`start_with_pidfds`](Self::start_with_pidfds), with those of the limits that can be had; the answer is the unit, and
    /// what could not.
    ///
    /// # Errors
    /// Those of [`start_with_pidfds`](Self::start_with_pidfds), but for a limit that cannot be had.
    /// # Privileges
    /// Those of [`start`](Self::start).
    /// # Kernel
    /// As [`start_with_pidfds`](Self::start_with_pidfds).
    pub fn start_possible_with_pidfds(
        &self,
        spec: &UnitSpec,
        pidfds: &[BorrowedFd<'_>],
        deadline: Duration,
    ) -> Result<(Unit, Vec<Lack>), Error> {
        self.begin(spec, pidfds, true, deadline)
    }

    fn begin(
        &self,
        spec: &UnitSpec,
        pidfds: &[BorrowedFd<'_>],
        lenient: bool,
        deadline: Duration,
    ) -> Result<(Unit, Vec<Lack>), Error> {
        spec.check_with(pidfds.len())?;
        let deadline = Deadline::after(deadline);
        let failed = |trouble| of_unit(OP, &spec.name, trouble);
        let mut manager = self.open_for(!pidfds.is_empty(), deadline)?;
        let version = version(&mut manager, deadline).map_err(failed)?;
        let layout = Layout::detect()?;
        let planned = Planned::of(&spec.limits, &layout, version, spec.delegate, self.is_system);
        planned.check(OP, &spec.name, lenient)?;

        let mut properties = planned.properties.clone();
        spec.own_properties().into_iter().for_each(|(name, value)| properties.push(&name, value));
        let descriptors = if version >= WITH_PIDFDS && manager.connection().takes_descriptors() { pidfds } else { &[] };
        if !descriptors.is_empty() {
            properties.push(
                "PIDFDs",
                Value::Array("h".to_owned(), (0..).map(Value::Descriptor).take(pidfds.len()).collect()),
            );
        } else if !pidfds.is_empty() {
            properties.push("PIDs", pids(&numbers(pidfds, manager.connection().has_our_numbers())?));
        }
        let nothing_else = Value::Array("(sa(sv))".to_owned(), Vec::new());
        let body = [Value::text(&spec.name), Value::text("fail"), properties.value(), nothing_else];
        let result = manager.job("StartTransientUnit", &body, descriptors, deadline).map_err(failed)?;
        let unit = Unit::new(self.clone(), spec.name.clone());
        unit.done(OP, &result, &mut manager, deadline)?;

        let state = unit.look(&mut manager, deadline)?;
        if !state.is_active() {
            if unit.has_ended(&state) {
                // The processes have ended meanwhile, and the scope with them: it was what it was asked to be.
                return Ok((unit, planned.lacks));
            }
            let why = format!("it was started, and has ended: {state}");
            return Err(Error::because(OP, object(&spec.name), ErrorKind::WrongState, why));
        }
        match unit.finish(&layout, &planned, &state, lenient) {
            Ok(lacks) => Ok((unit, lacks)),
            // Its processes may have ended while we looked: systemd says so, and no error of ours does, for what is not there
            // can be a device too.
            Err(_) if unit.look(&mut manager, deadline).is_ok_and(|state| unit.has_ended(&state)) => {
                Ok((unit, planned.lacks))
            }
            Err((error, _)) => {
                if !spec.processes.contains(&std::process::id()) && unit.end(&mut manager, deadline).is_err() {
                    // There is no time left to wait for it.
                    manager.tell("StopUnit", &unit.to_stop());
                }
                Err(error)
            }
        }
    }
}

/// The numbers of processes, for a manager that takes nothing else, if it has the same.
pub(super) fn numbers(pidfds: &[BorrowedFd<'_>], same: bool) -> Result<Vec<u32>, Error> {
    if !same {
        let why = "systemd takes no pidfds there, and the numbers of processes are others in its pid namespace";
        return Err(Error::explained(OP, Object::Named("the unit"), ErrorKind::WrongState, 0, why));
    }
    pidfds.iter().map(|held| pidfd::number(OP, *held)).collect()
}

/// What becomes of limits: some are properties, some are set by us, and some cannot be had.
#[derive(Debug, Clone, Default)]
pub(super) struct Planned {
    pub(super) properties: Properties,
    /// The limits that are properties.
    pub(super) told: Vec<Setting>,
    /// Those that are set in the group.
    pub(super) rest: Limits,
    pub(super) lacks: Vec<Lack>,
}

impl Planned {
    pub(super) fn of(limits: &Limits, layout: &Layout, systemd: u32, delegated: bool, is_system: bool) -> Self {
        let mut planned = Self::default();
        let mut by_others = Vec::new();
        for setting in limits.settings() {
            let controller = setting.key.controller();
            let Some(hierarchy) = layout.of(controller).map(crate::layout::Hierarchy::version) else {
                planned.lacks.push(Lack::of(&setting, Reason::NotMounted, None));
                continue;
            };
            if let Some(lack) = setting.lack(hierarchy) {
                planned.lacks.push(lack);
            } else if controller == Controller::Devices && !is_system {
                // The manager of a user takes them and does nothing.
                planned.lacks.push(Lack::of(&setting, Reason::NotPermitted, None));
            } else if let Some(found) = properties::of(&setting, hierarchy, systemd) {
                found.into_iter().for_each(|(name, value)| planned.properties.push(name, value));
                planned.told.push(setting);
            } else if delegated {
                by_others.push(setting);
            } else {
                let why = format!("systemd {systemd} does not set it here, and the group is not delegated to us");
                planned.lacks.push(Lack::of(&setting, Reason::NotDelegated, None).with_detail(why));
            }
        }
        // What is left when all others are taken away.
        let others = planned.told.iter().map(|told| Lack::of(told, Reason::NotOffered, None));
        let others: Vec<Lack> = others.chain(planned.lacks.iter().cloned()).collect();
        planned.rest = limits.without(&others);
        planned
    }

    /// An error for what cannot be had, unless one can do without.
    pub(super) fn check(&self, op: &'static str, name: &str, lenient: bool) -> Result<(), Error> {
        if lenient || self.lacks.is_empty() { Ok(()) } else { Err(join(op, name, &self.lacks)) }
    }

    /// What systemd was told and has not done.
    pub(super) fn missing(&self, group: &Cgroup) -> Vec<Lack> {
        self.told.iter().filter_map(|setting| had::lack(setting, group)).collect()
    }
}

/// The error of limits that cannot be had.
pub(super) fn join(op: &'static str, name: &str, lacks: &[Lack]) -> Error {
    let each: Vec<String> = lacks.iter().map(ToString::to_string).collect();
    Error::because(op, object(name), ErrorKind::Unsupported, each.join("\n"))
}

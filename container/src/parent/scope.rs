// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scope of a container: made by systemd for the child that waits, and removed by it.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::geteuid;
use serde::{Deserialize, Serialize};
use skep_cgroup::systemd::Systemd;
use skep_cgroup::{Cgroup, ErrorKind, Lack, Limits};
use skep_ns::PidFd;

use crate::error::{Error, Object};
use crate::plan::{Plan, UnitPlan};

/// How long systemd may take for what it is asked: it does one thing after another, for everybody.
pub(crate) const SYSTEMD_TAKES: Duration = Duration::from_secs(30);

/// A unit of systemd's, and whose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unit {
    name: String,
    /// The user whose manager has it; none for the machine's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<u32>,
}

impl Unit {
    /// A unit of the machine's, or of the caller's own manager.
    pub(crate) fn new(name: &str, of_user: bool) -> Self {
        let caller = geteuid();
        Self { name: name.to_owned(), user: (of_user || !caller.is_root()).then_some(caller.as_raw()) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the manager of an account has it, and not that of the machine.
    pub(crate) fn is_of_user(&self) -> bool {
        self.user.is_some()
    }

    /// Who has it: root asks the manager of anybody.
    pub(crate) fn manager(&self) -> Result<Systemd, skep_cgroup::Error> {
        match self.user {
            None => Systemd::system(),
            Some(user) if user == geteuid().as_raw() => Systemd::user(),
            Some(user) => Ok(Systemd::of_user(user)),
        }
    }

    fn found(&self) -> Result<skep_cgroup::systemd::Unit, skep_cgroup::Error> {
        self.manager()?.unit(&self.name)
    }

    /// Sets limits, so that systemd knows of them; answers those that cannot be had, if one can do without.
    pub(crate) fn limit(&self, limits: &Limits, lenient: bool) -> Result<Vec<Lack>, skep_cgroup::Error> {
        let unit = self.found()?;
        if lenient {
            return unit.apply_possible(limits, SYSTEMD_TAKES);
        }
        unit.apply(limits, SYSTEMD_TAKES).map(|()| Vec::new())
    }

    /// Has a process put into its group by systemd, for who may not do that.
    pub(super) fn attach(&self, pid: u32) -> Result<(), skep_cgroup::Error> {
        self.found()?.attach(&[pid], SYSTEMD_TAKES)
    }

    /// Ends what is in these directories of its, and has systemd forget it. That it is not there is no failure.
    pub(super) fn remove(&self, directories: &[PathBuf]) -> Result<(), Error> {
        let failed = |error| Error::of_leaf("remove the scope of", Object::Container(None), error);
        let group = Cgroup::from_directories(directories).map_err(failed)?;
        let was_there = group.directories().next().is_some();
        if was_there {
            group.kill().map_err(failed)?;
        }
        match self.found().and_then(|unit| unit.stop(SYSTEMD_TAKES)) {
            Err(error) if error.kind() == ErrorKind::NotFound && !self.is_there(directories) => Ok(()),
            stopped => stopped.map_err(failed),
        }
    }

    /// Whether there is any of these directories.
    fn is_there(&self, directories: &[PathBuf]) -> bool {
        directories.iter().any(|directory| directory.exists())
    }
}

/// What came of a start: the group, and the limits that could not be had.
pub(super) struct Made {
    pub(super) group: Cgroup,
    pub(super) lacks: Vec<Lack>,
}

/// Has systemd make the planned scope of the child.
pub(super) fn make(plan: &Plan, wanted: &UnitPlan, child: &PidFd) -> Result<Made, Error> {
    let failed = |error| Error::of_leaf(plan.operation(), plan.object(), error);
    let manager = wanted.unit.manager().map_err(failed)?;
    let started = if wanted.lenient {
        manager.start_possible_with_pidfds(&wanted.spec, &[child.as_fd()], SYSTEMD_TAKES)
    } else {
        manager.start_with_pidfds(&wanted.spec, &[child.as_fd()], SYSTEMD_TAKES).map(|unit| (unit, Vec::new()))
    };
    let (unit, lacks) = started.map_err(failed)?;
    Ok(Made { group: unit.cgroup(SYSTEMD_TAKES).map_err(failed)?, lacks })
}

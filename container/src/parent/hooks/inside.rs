// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hooks that are run inside of the container: in its namespaces and its group, as further programs of it are.
//!
//! Its namespaces are opened before it changes ids for the first time, which may hide it from a caller without privileges.
//! Its cgroup namespace is not made by then: a hook makes itself another, of the same root. Of one that was left to others
//! to start, and waits, all of them are there, and are shown.

use std::path::PathBuf;
use std::time::Duration;

use skep_caps_sec::Privileges;
use skep_cgroup::Cgroup;
use skep_ns::{Join, Namespace, NamespaceFlags, NamespaceKind, PidFd, Prepared, Stdio};

use super::super::joining::{AT_ONCE, Joining, Left, is_known, is_own};
use super::super::launch::Launch;
use super::running::{Failure, Running, Streams, Time};
use crate::error::Error;
use crate::host::{Host, Rights, Who};
use crate::plan::Plan;
use crate::spec::{Hook, Moment, Process, Spec, UserSpec};

/// How long a hook without a time-out may take until it runs.
const START_TAKES: Duration = Duration::from_secs(60);

/// The container, as hooks join it.
#[derive(Debug)]
pub(crate) struct Inside {
    way: Prepared,
    late: Option<Prepared>,
    made: NamespaceFlags,
    /// Its group's, if it has one.
    group: Vec<PathBuf>,
    setgroups_denied: bool,
    /// The number of its first process in its own pid namespace.
    pub(super) pid: Option<u32>,
}

impl Inside {
    /// That of a child that was put where it belongs, into these directories among others, and waits to be looked at.
    pub(crate) fn of(
        (plan, spec): (&Plan, &Spec),
        (pid, child): (u32, &PidFd),
        group: Vec<PathBuf>,
        setgroups_denied: bool,
    ) -> Result<Self, Error> {
        let failed = |error| Error::of_leaf(plan.operation(), plan.object(), error).with_hint_of_limits();
        let kinds = AT_ONCE.into_iter().filter(|kind| is_known(*kind));
        let open = |kind| match kind {
            // Its own is the one that it was born in, until it executes its program. It is ours, so this is its number.
            NamespaceKind::Time => Namespace::open(format!("/proc/{pid}/ns/time_for_children")),
            kind => Namespace::of(child, kind),
        };
        let way = kinds.map(open).try_fold(Join::new(), |way, namespace| Ok(way.namespace(namespace?)));
        let way = way.and_then(|way| way.prepare()).map_err(failed)?;
        let late = Namespace::of(child, NamespaceKind::Cgroup).map_err(failed)?;
        let late = (!is_own(&late)).then(|| Join::new().namespace(late).prepare()).transpose().map_err(failed)?;
        let is_unmade = late.is_none() && spec.namespaces.contains(NamespaceKind::Cgroup);
        let made = if is_unmade { NamespaceFlags::CGROUP } else { NamespaceFlags::empty() };
        // Told as far as it can be found out.
        let pid = Namespace::of(child, NamespaceKind::Pid).and_then(|namespace| namespace.pid_inside(pid)).ok();
        Ok(Self { way, late, made, group, setgroups_denied, pid })
    }

    /// Runs a hook to its end.
    pub(super) fn run(
        &self,
        (plan, spec): (&Plan, &Spec),
        moment: Moment,
        hook: &Hook,
        state: &[u8],
    ) -> Result<(), Failure> {
        // Until it runs is a part of it.
        let time = Time::from_now(hook.timeout);
        let inside = |error| Failure::Inside(error);
        let Streams { state, out, err, pipe } = Streams::new(state).map_err(Failure::Ours)?;
        let group = (!self.group.is_empty()).then(|| Cgroup::from_directories(&self.group)).transpose();
        let cgroup = group.map_err(|error| inside(Error::of_leaf(plan.operation(), plan.object(), error)))?;
        let joining = Joining {
            unit: None,
            way: self.way.clone(),
            late: self.late.clone(),
            made: self.made,
            cgroup,
            setgroups_denied: self.setgroups_denied,
            patience: Some(hook.timeout.unwrap_or(START_TAKES)),
            left: Left::default(),
        };
        let spec = described(spec, moment, hook);
        let host =
            Host { rights: Rights::probe(&spec.process), who: Some(Who::said(&spec.process)), ..Host::default() };
        // Before the root is changed the null device is this machine's.
        let described = (moment == Moment::StartContainer).then_some(&spec);
        let program = Plan::compile_into(plan.name(), described, &spec, &host, joining.entering(), Vec::new());
        let program = program.map_err(inside)?;
        let launch = Launch {
            stdio: [state, out, err].map(|fd| Some(Stdio::from(fd))),
            joining: Some(joining),
            ..Launch::default()
        };
        let started = launch.join(program, spec).and_then(|launched| launched.start()).map_err(inside)?;
        Running { pid: started.pid, process: started.process, pipe }.finish(time)
    }
}

/// A hook as a program of the container that is described so.
fn described(spec: &Spec, moment: Moment, hook: &Hook) -> Spec {
    let (arg0, args) = match hook.args.as_deref().and_then(<[_]>::split_first) {
        Some((arg0, args)) => (Some(arg0.clone()), args.to_vec()),
        None => (None, Vec::new()),
    };
    let of_program = &spec.process;
    let process = Process {
        program: hook.program.clone().into_os_string(),
        arg0,
        args,
        env: hook.env.clone(),
        directory: Some("/".into()),
        terminal: None,
        in_caller_session: false,
        home_of_user: false,
        ..of_program.clone()
    };
    let process = match moment {
        Moment::StartContainer => process,
        // To set the container up is root's, who may do everything there.
        _ => Process {
            user: root_of(spec),
            groups: None,
            capabilities: None,
            rights: Privileges::default(),
            umask: None,
            ..process
        },
    };
    Spec { process, init: false, die_with_caller: true, ..spec.clone() }
}

/// Who sets the container up: root of its user namespace, or its user where that has no root.
fn root_of(spec: &Spec) -> Option<UserSpec> {
    let map = spec.id_map()?;
    let has_root = map.outside_uid(0).is_some() && map.outside_gid(0).is_some();
    if has_root { Some(UserSpec::from((0, 0))) } else { spec.process.user.clone() }
}

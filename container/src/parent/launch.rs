// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starting a launch: what is made beforehand, and the launcher with every descriptor that it and its child need.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use skep_cgroup::Cgroup;
use skep_ns::{Child, ExitStatus, PidFd, Prepared, Spawn, Stdio};
use skep_rootfs::{Steps, Trees};

use super::file;
use super::hooks::{Poststop, State};
use super::joining::Joining;
use super::launched::{Launched, born, descriptors, undone};
use super::sentence::sentence;
use super::undo::Undo;
use super::wire::ParentWire;
use super::{cgroup, launcher};
use crate::error::{Error, ErrorKind, Object};
use crate::floors::rootfs;
use crate::plan::step::Step;
use crate::plan::{ParentStep, Plan, Stage};
use crate::spec::{Spec, Stream};
use crate::state::{Record, StateDir, StateRoot};
use crate::wire::{AT_ENTER, Broken};

/// What a launch takes beside the plan: descriptors, and where the container's state is kept.
#[derive(Debug, Default)]
pub(crate) struct Launch {
    pub(crate) stdio: [Option<Stdio>; 3],
    pub(crate) fds: Vec<(i32, OwnedFd)>,
    /// An installed launcher, in place of the embedded one.
    pub(crate) launcher: Option<PathBuf>,
    /// What exists already, and the child is put into.
    pub(crate) joining: Option<Joining>,
    /// Whether the start is left to whoever comes.
    pub(crate) is_left: bool,
}

impl Launch {
    /// What the caller wants a standard stream of the program to be.
    pub(crate) fn stdio(&self, stream: Stream) -> Option<&Stdio> {
        let [stdin, stdout, stderr] = &self.stdio;
        match stream {
            Stream::Stdin => stdin.as_ref(),
            Stream::Stdout => stdout.as_ref(),
            Stream::Stderr => stderr.as_ref(),
        }
    }

    /// The numbers that no descriptor of the program's has, from 3 on.
    pub(crate) fn free_numbers(&self) -> impl Iterator<Item = i32> + use<> {
        let taken: Vec<i32> = self.fds.iter().map(|(number, _)| *number).collect();
        (3..).filter(move |number| !taken.contains(number))
    }

    /// The same, to be changed.
    pub(crate) fn stdio_mut(&mut self, stream: Stream) -> &mut Option<Stdio> {
        let [stdin, stdout, stderr] = &mut self.stdio;
        match stream {
            Stream::Stdin => stdin,
            Stream::Stdout => stdout,
            Stream::Stderr => stderr,
        }
    }

    /// Brings `plan` to where the child is ready.
    ///
    /// Everything that is made is owned by a value here: on failure the wire closes, which ends the launcher and the child
    /// wherever they are, both are reaped, and the undo stack runs. One gap is left: a launcher that somebody else kills
    /// between its clone and its word of it takes the child's number with it; that child ends by itself, and is a zombie
    /// until the caller ends.
    pub(crate) fn create(self, plan: Plan, spec: Spec, state_root: &Path) -> Result<Launched, Error> {
        let mut undo = Undo::default();
        match self.make(plan, spec, state_root, &mut undo) {
            Ok(launched) => Ok(launched.with_undo(undo)),
            Err(error) => Err(undone(error, &mut undo)),
        }
    }

    /// Brings a plan for what exists already to where the child is ready: as [`create`](Self::create), and makes nothing
    /// that would have to be removed.
    pub(crate) fn join(self, plan: Plan, spec: Spec) -> Result<Launched, Error> {
        self.make(plan, spec, Path::new(""), &mut Undo::default())
    }

    fn make(mut self, plan: Plan, spec: Spec, state_root: &Path, undo: &mut Undo) -> Result<Launched, Error> {
        if plan.claims().is_some() {
            perform(&plan, ParentStep::State, || claim(&plan, &spec, state_root, undo))?;
        }
        let joining = self.joining.take();
        let made = plan
            .cgroup()
            .filter(|wanted| wanted.unit.is_none())
            .map(|wanted| cgroup::make(&plan, wanted, undo))
            .transpose()?;
        let cgroup = made.as_ref().or_else(|| joining.as_ref()?.cgroup.as_ref());
        let trees = match plan.trees() {
            Some(steps) => Some(perform(&plan, ParentStep::Trees, || {
                steps.make_trees().map_err(|error| Error::of_leaf("create", plan.object(), error).with_hint_of_limits())
            })?),
            None => None,
        };
        let (wire, far_end) = ParentWire::new().map_err(|errno| descriptors(errno, "make a socket pair for"))?;
        let listener = undo.state().filter(|_| self.is_left).map(StateDir::listen).transpose()?;
        let ways = cgroup.map(cgroup::ways).unwrap_or_default();
        let goes = !ways.is_empty();
        let start = || self.start(&plan, (far_end, listener), trees.as_ref(), joining.as_ref(), cgroup, ways);
        let mut launcher = perform(&plan, ParentStep::Launch, start)?;
        // From here on the launcher's copies of them are all that holds them.
        drop(trees);
        let (mut launched, in_cgroup) = match born(wire, &launcher) {
            Ok(born) => {
                let in_cgroup = born.in_cgroup;
                let state = State::new(plan.name(), Some(born.pid()), undo.state().map(StateDir::path), &spec);
                // From here on there is something that hooks may have been run for.
                undo.keep_hooks(Poststop::of(plan.hooks(), plan.name(), state.clone()));
                let launched = Launched::new(plan, spec, born, launcher.take_pipes(), state);
                (joining.iter().fold(launched, Launched::among), in_cgroup)
            }
            Err(broken) => {
                // Its end of the wire is closed by now. It may be anywhere; what it has made ends by the closed wire.
                let _gone = launcher.kill();
                let status = launcher.wait().unwrap_or(ExitStatus::UNKNOWN);
                return Err(match (broken, &joining) {
                    (Broken::Failed { at: AT_ENTER, errno, detail }, Some(joining)) => {
                        joining.refused(&plan, detail, errno)
                    }
                    _ => sentence(&plan, &spec, broken, "", "launcher", status),
                });
            }
        };
        let denied = joining.as_ref().is_some_and(|joining| joining.setgroups_denied);
        let prepared = launched.prepare(cgroup, in_cgroup, goes, denied, undo);
        // The launcher has said all that it had to say, and has ended by itself meanwhile; its status tells nothing more.
        let _ended = launcher.pidfd().wait();
        prepared.map(|()| launched)
    }

    fn start(
        self,
        plan: &Plan,
        (far_end, listener): (OwnedFd, Option<OwnedFd>),
        trees: Option<&Trees>,
        joining: Option<&Joining>,
        cgroup: Option<&Cgroup>,
        ways: Vec<OwnedFd>,
    ) -> Result<Child, Error> {
        let mut free = self.free_numbers();
        let trees = numbered(trees, &mut free)?;
        let plan_file = match &trees {
            Some((steps, _)) => plan_file(&plan.bytes_with_trees(trees_of(steps)))?,
            None => plan_file(plan.bytes())?,
        };
        // So that the child knows of the caller's death even if a copy of the caller lives on. It does without where this
        // is refused.
        let caller = PidFd::open(std::process::id()).ok().map(OwnedFd::from);
        let cgroup = cgroup.and_then(|cgroup| cgroup.v2_fd()).map(|fd| fd.try_clone_to_owned()).transpose();
        let cgroup = cgroup.map_err(|error| Error::io("start", Object::Named("the launcher"), &error))?;
        // Not as arguments: what `ps` shows of an init for as long as the container lives is this.
        let mut spawn = Spawn::new(if plan.steps().any(|step| matches!(step, Step::Init { .. })) {
            "skep [init]"
        } else {
            "skep [setup]"
        });
        spawn.env_clear();
        for (number, fd) in trees.into_iter().flat_map(|(_, fds)| fds) {
            spawn.fd(number, fd);
        }
        let ours = [
            ("wire", Some(far_end)),
            ("plan", Some(plan_file)),
            ("caller", caller),
            ("cgroup", cgroup),
            ("listen", listener),
        ];
        for (number, (name, fd)) in free.by_ref().zip(ours) {
            if let Some(fd) = fd {
                spawn.env(name, number.to_string()).fd(number, fd);
            }
        }
        let mut join = Vec::new();
        for (number, fd) in free.by_ref().zip(ways) {
            join.push(number.to_string());
            spawn.fd(number, fd);
        }
        if !join.is_empty() {
            spawn.env("join", join.join(","));
        }
        for (variable, way) in
            joining.iter().flat_map(|joining| [("enter", Some(&joining.way)), ("late", joining.late.as_ref())])
        {
            let mut entries = Vec::new();
            for (number, (fd, kinds)) in free.by_ref().zip(way.into_iter().flat_map(Prepared::joins)) {
                let failed = |error| Error::io("start", Object::Named("the launcher"), &error).with_hint_of_limits();
                spawn.fd(number, fd.try_clone_to_owned().map_err(failed)?);
                entries.push(format!("{number}:{}", kinds.bits()));
            }
            if !entries.is_empty() {
                spawn.env(variable, entries.join(","));
            }
        }
        let [stdin, stdout, stderr] = self.stdio;
        spawn.stdin(stdin.unwrap_or(Stdio::Inherit));
        spawn.stdout(stdout.unwrap_or(Stdio::Inherit));
        spawn.stderr(stderr.unwrap_or(Stdio::Inherit));
        for (number, fd) in self.fds {
            spawn.fd(number, fd);
        }
        launcher::start(&mut spawn, self.launcher)
    }
}

/// Steps, and descriptors with the numbers that they have in these.
type Numbered = (Steps, Vec<(i32, OwnedFd)>);

/// The mounts that the parent has made, each under a number that is free in the launcher, and the steps that have these.
fn numbered(trees: Option<&Trees>, free: &mut impl Iterator<Item = i32>) -> Result<Option<Numbered>, Error> {
    let Some(trees) = trees else { return Ok(None) };
    let failed = |error| Error::io("start", Object::Named("the launcher"), &error).with_hint_of_limits();
    let fds = free.zip(trees.fds()).map(|(number, fd)| Ok((number, fd.try_clone_to_owned().map_err(failed)?)));
    let fds: Vec<(i32, OwnedFd)> = fds.collect::<Result<_, Error>>()?;
    let numbers: Vec<i32> = fds.iter().map(|(number, _)| *number).collect();
    Ok(Some((trees.steps_with(&numbers), fds)))
}

/// The descriptors of the steps that attach something.
fn trees_of(steps: &Steps) -> impl Iterator<Item = i32> {
    steps.iter().filter_map(|step| match step {
        rootfs::Step::Attach { tree, .. } => Some(tree),
        _ => None,
    })
}

/// Does something that the parent does, unless the plan has it fail on purpose.
pub(super) fn perform<T>(plan: &Plan, step: ParentStep, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let done = match plan.failure_of(step) {
        Some(errno) => Err(Error::os(plan.operation(), plan.object(), errno.into())),
        None => work(),
    };
    done.map_err(|error| error.at(plan.place(Stage::Parent(step)), plan.operation(), plan.object()))
}

/// Claims the container's name, and writes down what is about to be made.
fn claim(plan: &Plan, spec: &Spec, state_root: &Path, undo: &mut Undo) -> Result<(), Error> {
    let Some(name) = plan.claims() else { return Ok(()) };
    let Some(state) = StateRoot::make(state_root)?.claim(name)? else {
        let why = "the name is in use".to_owned();
        return Err(Error::because("create", plan.object(), ErrorKind::Busy, why));
    };
    let state = undo.keep_state(state);
    Record::intent(spec, plan.removals()).write(state)
}

/// The flat plan as a file.
fn plan_file(bytes: &[u8]) -> Result<OwnedFd, Error> {
    file::nameless("skep-plan", bytes).map_err(|errno| descriptors(errno, "make a file for the plan of"))
}

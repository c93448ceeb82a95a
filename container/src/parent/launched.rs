// SPDX-License-Identifier: MIT OR Apache-2.0
//! A child that was born: led through its steps to its program, or ended.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use skep_caps_sec::Listener;
use skep_cgroup::Cgroup;
use skep_ns::{Child, ExitStatus, PidFd, Pipes};

use super::cgroup::is_frozen;
use super::hooks::{self, Inside, State};
use super::joining::{Joining, Left};
use super::launch::perform;
use super::scope::{self, Unit};
use super::sentence::sentence;
use super::undo::Undo;
use super::wire::ParentWire;
use super::{cgroup, ids, network};
use crate::error::{Error, ErrorKind, Object};
use crate::plan::step::Step;
use crate::plan::{ParentStep, Plan, Stage};
use crate::spec::{Moment, Spec};
use crate::state::{Identity, Record, StateDir};
use crate::stops::Stops;
use crate::terminal::Terminal;
use crate::wire::{AT_CLONE, Broken, Frame, Received, TerminalPart};

/// A child that has performed its steps and waits to execute the program. Dropping it ends and reaps the child, and
/// removes what was made for it.
#[derive(Debug)]
pub(crate) struct Launched {
    wire: ParentWire,
    plan: Plan,
    spec: Spec,
    /// What hooks are told.
    state: State,
    pid: u32,
    child: PidFd,
    /// The directories of the group that it was put into, among others.
    group: Vec<PathBuf>,
    /// Whether its user namespace denies setgroups(2).
    setgroups_denied: bool,
    /// When others have kept it from its program for too long.
    end: Option<Instant>,
    /// Where the child is kept if it does not end, where others may see to that.
    left: Option<Left>,
    /// The scope of systemd's that its group is of.
    unit: Option<Unit>,
    /// Whether the child is ours to end: it does not run the program yet, and has not been reaped.
    is_ours: bool,
    pipes: Pipes,
    /// The other side of the program's terminal, once the child has made it.
    terminal: Option<Terminal>,
    /// What tells that the program was stopped, where the init can tell.
    stops: Option<Stops>,
    /// What hooks join that are run inside, if there are such.
    inside: Option<Inside>,
    /// Where the calls arrive that the filter asks about, once that is loaded.
    listener: Option<Listener>,
    /// How long the child has taken for its steps, where that was asked for.
    times: Vec<(u16, Duration)>,
    // Last: what it removes is in use until the child has ended.
    undo: Undo,
}

/// A child that executes the program, and what was made for it.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) pid: u32,
    pub(crate) process: PidFd,
    pub(crate) pipes: Pipes,
    pub(crate) terminal: Option<Terminal>,
    pub(crate) stops: Option<Stops>,
    pub(crate) spec: Spec,
    pub(crate) listener: Option<Listener>,
    /// What has failed since, and is no failure of the start.
    pub(crate) notes: Vec<String>,
    pub(crate) undo: Undo,
}

/// How long a killed child may take to end where others are that may keep it: by a file system of theirs, for example.
const DYING_TAKES: Duration = Duration::from_secs(2);

/// A child that was born, and waits.
pub(super) struct Born {
    wire: ParentWire,
    pid: u32,
    child: PidFd,
    pub(super) in_cgroup: bool,
}

impl Born {
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }
}

/// Waits for the child's birth. On failure the wire is closed.
pub(super) fn born(mut wire: ParentWire, launcher: &Child) -> Result<Born, Broken> {
    let (received, fds) = wire.receive_from(launcher.as_fd())?;
    let Received::Frame(Frame::Born { pid, in_cgroup }) = received else { return Err(Broken::Unexpected) };
    if let Ok([child, socket]) = <[OwnedFd; 2]>::try_from(fds) {
        wire.go_on_over(socket);
        return Ok(Born { wire, pid, child: PidFd::from(child), in_cgroup });
    }
    // There was no room for both descriptors. The child is ended and reaped by its number, which cannot have been given to
    // another process before that.
    end_by_number(pid);
    const EMFILE: u16 = 24;
    Err(Broken::Failed { at: AT_CLONE, errno: EMFILE, detail: 0 })
}

fn end_by_number(pid: u32) {
    use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    let _gone = kill_process(pid, Signal::KILL);
    let options = WaitIdOptions::EXITED | WaitIdOptions::from_bits_retain(0x4000_0000);
    while let Err(Errno::INTR) = waitid(WaitId::Pid(pid), options) {}
}

impl Launched {
    /// The child of this plan, which waits to be told to begin.
    pub(super) fn new(plan: Plan, spec: Spec, born: Born, pipes: Pipes, state: State) -> Self {
        let Born { wire, pid, child, .. } = born;
        Self {
            wire,
            plan,
            spec,
            state,
            pid,
            child,
            group: Vec::new(),
            setgroups_denied: false,
            end: None,
            left: None,
            unit: None,
            is_ours: true,
            pipes,
            terminal: None,
            stops: None,
            inside: None,
            listener: None,
            times: Vec::new(),
            undo: Undo::default(),
        }
    }

    /// The same, which others may keep from its program, and for how long.
    pub(super) fn among(mut self, joining: &Joining) -> Self {
        self.end = joining.patience.and_then(|patience| Instant::now().checked_add(patience));
        self.left = Some(Arc::clone(&joining.left));
        self.unit = joining.unit.clone();
        self
    }

    /// The same, with what is to be removed with it.
    pub(super) fn with_undo(mut self, undo: Undo) -> Self {
        self.undo = undo;
        self
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How long each step of the child's has taken, in words, where that was asked for.
    pub(crate) fn times(&self) -> Vec<(String, Duration)> {
        self.times.iter().map(|(at, time)| (self.plan.place(Stage::Child(*at)), *time)).collect()
    }

    pub(crate) fn process(&self) -> &PidFd {
        &self.child
    }

    pub(crate) fn child(&self) -> BorrowedFd<'_> {
        self.child.as_fd()
    }

    pub(crate) fn terminal(&self) -> Option<&Terminal> {
        self.terminal.as_ref()
    }

    pub(crate) fn listener(&self) -> Option<&Listener> {
        self.listener.as_ref()
    }

    pub(crate) fn take_listener(&mut self) -> Option<Listener> {
        self.listener.take()
    }

    /// Joins the child to its cgroup, maps ids, connects it to its networks, lets it perform its steps, among which hooks are
    /// run, and waits until it has.
    pub(super) fn prepare(
        &mut self,
        cgroup: Option<&Cgroup>,
        in_cgroup: bool,
        goes: bool,
        setgroups_denied: bool,
        undo: &mut Undo,
    ) -> Result<(), Error> {
        let joined = match cgroup {
            Some(cgroup) => perform(&self.plan, ParentStep::Join, || self.join(cgroup, in_cgroup, goes)),
            None => Ok(()),
        };
        let scoped = joined.and_then(|()| self.scope(undo));
        if self.plan.is_among_others() || self.plan.hooks().has_inside() {
            let made = self.plan.cgroup().map(|planned| planned.directories.clone());
            self.group = made
                .unwrap_or_else(|| cgroup.into_iter().flat_map(Cgroup::directories).map(Path::to_path_buf).collect());
        }
        let mapped = scoped.and_then(|()| match self.plan.id_map() {
            Some(map) => perform(&self.plan, ParentStep::IdMap, || ids::write(map, self.pid, &self.child)),
            None => Ok(setgroups_denied),
        });
        let connected = mapped.and_then(|denied| {
            let chosen = network::connect(&self.plan, &self.child, undo)?;
            self.plan.settle_networks(&mut self.spec, &chosen);
            Ok(denied)
        });
        match connected {
            Ok(setgroups_denied) => {
                self.setgroups_denied = setgroups_denied;
                self.advance(Frame::Go { setgroups_denied })
            }
            Err(error) => Err(match self.wire.reported() {
                // It had ended, and what was tried with it could only fail.
                Some(broken) => {
                    let status = self.end();
                    sentence(&self.plan, &self.spec, broken, &self.wire.log(), "child", status)
                }
                None => error,
            }),
        }
    }

    /// Joins the child to a group that is there.
    fn join(&self, cgroup: &Cgroup, in_cgroup: bool, goes: bool) -> Result<(), Error> {
        let joined = cgroup::join(&self.plan, cgroup, self.pid, in_cgroup, goes);
        match &self.unit {
            Some(unit) => joined.or_else(|refused| cgroup::join_scope(&self.plan, unit, self.pid, refused)),
            None => joined,
        }
    }

    /// Has systemd make the child's scope, if it is to be in one.
    fn scope(&mut self, undo: &mut Undo) -> Result<(), Error> {
        let Some((planned, wanted)) = self.plan.cgroup().zip(self.plan.scope()) else { return Ok(()) };
        undo.push(planned.removal());
        let made = perform(&self.plan, ParentStep::Scope, || scope::make(&self.plan, wanted, &self.child));
        // Whatever is there now, if systemd did not take it, is somebody else's.
        undo.pop();
        let made = made?;
        let directories = made.group.directories().map(Path::to_path_buf).collect();
        self.plan.settle_scope(directories, made.lacks.iter().map(ToString::to_string));
        self.plan.cgroup().into_iter().for_each(|made| undo.push(made.removal()));
        Ok(())
    }

    /// Has the child execute the program. Answers its process once that has succeeded.
    pub(crate) fn start(mut self) -> Result<Started, Error> {
        match self.execute() {
            Ok(process) => {
                if let Some(state) = self.undo.state() {
                    state.unlock();
                }
                let notes = hooks::after_start(&self.plan, &self.state);
                Ok(Started { notes, ..self.into_started(process) })
            }
            Err(error) => {
                self.end();
                Err(undone(error, &mut self.undo))
            }
        }
    }

    /// Lets the child wait for others to start it, whatever becomes of the caller. Answers it, and what was made for it.
    pub(crate) fn leave(mut self) -> Result<Started, Error> {
        let shown = self.spec.id_map().is_some();
        let left = self.recorded().and_then(|child| self.advance(Frame::Leave { shown }).map(|()| child));
        match left {
            Ok(process) => Ok(self.into_started(process)),
            Err(error) => {
                self.end();
                Err(undone(error, &mut self.undo))
            }
        }
    }

    /// What is handed to the caller, of one that is not ours to end any more.
    fn into_started(mut self, process: PidFd) -> Started {
        self.is_ours = false;
        let (pipes, undo) = (std::mem::take(&mut self.pipes), std::mem::take(&mut self.undo));
        let (terminal, stops, listener) = (self.terminal.take(), self.stops.take(), self.listener.take());
        if let Some(state) = undo.state() {
            state.unlock();
        }
        let spec = std::mem::take(&mut self.spec);
        Started { pid: self.pid, process, pipes, terminal, stops, listener, spec, notes: Vec::new(), undo }
    }

    /// The child, once it is written down who that is.
    fn recorded(&self) -> Result<PidFd, Error> {
        // Before there is a program to lose.
        let child = rustix::io::fcntl_dupfd_cloexec(&self.child, 3).map_err(|errno| descriptors(errno, "start"))?;
        if let Some(state) = self.undo.state() {
            perform(&self.plan, ParentStep::Record, || self.record(state))?;
        }
        Ok(PidFd::from(child))
    }

    fn execute(&mut self) -> Result<PidFd, Error> {
        let child = self.recorded()?;
        if let Some(inside) = self.inside.take() {
            hooks::inside((&self.plan, &self.spec), &inside, &self.state, Moment::StartContainer)?;
        }
        self.advance(Frame::Start)?;
        Ok(child)
    }

    /// Writes down who the first process is: on disk before it executes anything, so that it is found whatever happens to
    /// the caller then.
    fn record(&self, state: &StateDir) -> Result<(), Error> {
        let mut record = Record::intent(&self.spec, self.plan.removals());
        record.first = Identity::of(self.pid, &self.child);
        if record.first.is_none() {
            let why = "the first process has ended, or the caller has no /proc of its own pid namespace".to_owned();
            return Err(Error::because("start", self.plan.object(), ErrorKind::WrongState, why));
        }
        record.write(state)
    }

    /// Says `frame`, and waits for the answer.
    fn advance(&mut self, mut frame: Frame) -> Result<(), Error> {
        loop {
            match self.wire.send(frame).and_then(|()| self.answer()) {
                Ok(None) => return Ok(()),
                Ok(Some(at)) => self.meanwhile(at)?,
                Err(broken) => {
                    let status = self.end();
                    return Err(sentence(&self.plan, &self.spec, broken, &self.wire.log(), "child", status));
                }
            }
            frame = Frame::Go { setgroups_denied: self.setgroups_denied };
        }
    }

    /// Does what the child waits for at this step.
    fn meanwhile(&mut self, at: u16) -> Result<(), Error> {
        let described = (&self.plan, &self.spec);
        match (self.plan.step(at), &self.inside) {
            (Some(Step::Wait { hooks: true }), inside) => {
                hooks::while_created(&self.plan, &self.state)?;
                inside
                    .as_ref()
                    .map_or(Ok(()), |inside| hooks::inside(described, inside, &self.state, Moment::CreateContainer))
            }
            _ => {
                let group = self.group.clone();
                let inside = Inside::of(described, (self.pid, &self.child), group, self.setgroups_denied)?;
                self.inside = Some(inside);
                Ok(())
            }
        }
    }

    /// Waits for the answer, and keeps what comes before it: how long steps took, and what they hand over. Answers the step
    /// at which the child waits, if it does that.
    fn answer(&mut self) -> Result<Option<u16>, Broken> {
        loop {
            let received = if self.plan.is_among_others() {
                self.wire.receive_among_others(&self.child, self.end, || is_frozen(&self.group))?
            } else {
                self.wire.receive()?
            };
            match received {
                (Received::Frame(Frame::Took { at, nanos }), _) => {
                    self.times.push((at, Duration::from_nanos(nanos.into())));
                }
                (Received::Frame(Frame::Handed { at }), fds) => self.keep(at, fds)?,
                (Received::Frame(Frame::Ready), _) => {
                    let due = self.plan.steps().filter(Step::hands_over).count();
                    let kept = [self.terminal.is_some(), self.stops.is_some(), self.listener.is_some()];
                    let kept = kept.into_iter().filter(|is_kept| *is_kept).count();
                    return if kept == due { Ok(None) } else { Err(Broken::Unexpected) };
                }
                (Received::Frame(Frame::Waits { at }), _) => return Ok(Some(at)),
                _ => return Ok(None),
            }
        }
    }

    /// Keeps what a step hands over.
    fn keep(&mut self, at: u16, fds: Vec<OwnedFd>) -> Result<(), Broken> {
        const EMFILE: u16 = 24;
        // Without room for it here it came without its descriptor.
        let lost = |detail| Broken::Failed { at, errno: EMFILE, detail };
        let fd = <[OwnedFd; 1]>::try_from(fds);
        match self.plan.step(at) {
            Some(Step::Terminal { .. }) if self.terminal.is_none() => {
                let [master] = fd.map_err(|_| lost(TerminalPart::Hand as u16))?;
                self.terminal = Some(Terminal::from(master));
            }
            Some(Step::Init { own_group: true, .. }) if self.stops.is_none() => {
                let [counter] = fd.map_err(|_| lost(0))?;
                self.stops = Some(Stops::from(counter));
            }
            Some(Step::Supervise { .. }) if self.listener.is_none() => {
                let [listener] = fd.map_err(|_| lost(0))?;
                self.listener = Some(Listener::from(listener));
            }
            _ => return Err(Broken::Unexpected),
        }
        Ok(())
    }

    /// Ends the child and reaps it, if that has not been done.
    fn end(&mut self) -> ExitStatus {
        if !std::mem::replace(&mut self.is_ours, false) {
            return ExitStatus::UNKNOWN;
        }
        // It may have ended by itself; then the status that it had is what the wait answers.
        let _gone = self.child.kill();
        let ended = match &self.left {
            None => self.child.wait().map(Some),
            Some(_) => self.child.wait_for(DYING_TAKES),
        };
        if let (Ok(None), Some(left), Ok(child)) = (&ended, &self.left, rustix::io::fcntl_dupfd_cloexec(&self.child, 3))
        {
            *left.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.pid, PidFd::from(child)));
        }
        ended.ok().flatten().unwrap_or(ExitStatus::UNKNOWN)
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        self.end();
    }
}

/// Runs the undo stack after a failure. What cannot be undone is said; with a name it can be deleted later.
pub(super) fn undone(error: Error, undo: &mut Undo) -> Error {
    match undo.run() {
        Ok(()) => error,
        Err(failed) if undo.is_empty() => error.with_hint(crate::Report(&failed).to_string()),
        Err(left) => error.with_hint(format!("something of it is left: {}", crate::Report(&left))),
    }
}

pub(super) fn descriptors(errno: Errno, op: &'static str) -> Error {
    Error::os(op, Object::Container(None), errno.raw_os_error()).with_hint_of_limits()
}

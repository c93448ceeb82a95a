// SPDX-License-Identifier: MIT OR Apache-2.0
//! Driving a plan: start the launcher, answer its child over the wire, and turn a failure into a sentence.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use skep_caps_sec::Listener;
use skep_cgroup::Cgroup;
use skep_ns::{Child, ExitStatus, PidFd, Pipes, Prepared, Spawn, Stdio};
use skep_rootfs::{Steps, Trees};

use super::file::{self, Use};
use super::sentence::sentence;
use super::undo::Undo;
use super::wire::ParentWire;
use super::{cgroup, ids, launcher};
use crate::error::{Error, ErrorKind, Object};
use crate::floors::rootfs;
use crate::plan::step::Step;
use crate::plan::{Entering, ParentStep, Plan, Stage};
use crate::spec::{Spec, Stream};
use crate::state::{Identity, Record, StateDir, StateRoot};
use crate::stops::Stops;
use crate::terminal::Terminal;
use crate::wire::{AT_CLONE, AT_ENTER, Broken, Frame, Received, TerminalPart};

/// What a launch takes beside the plan: descriptors, and where the container's state is kept.
#[derive(Debug, Default)]
pub(crate) struct Launch {
    pub(crate) stdio: [Option<Stdio>; 3],
    pub(crate) fds: Vec<(i32, OwnedFd)>,
    /// An installed launcher, in place of the embedded one.
    pub(crate) launcher: Option<PathBuf>,
    /// What exists already, and the child is put into.
    pub(crate) joining: Option<Joining>,
}

/// What exists already, and a child is put into.
#[derive(Debug)]
pub(crate) struct Joining {
    /// The namespaces that the launcher joins.
    pub(crate) way: Prepared,
    /// Those that the child joins once it is in its cgroup.
    pub(crate) late: Option<Prepared>,
    pub(crate) cgroup: Option<Cgroup>,
    /// Whether the user namespace denies setgroups(2).
    pub(crate) setgroups_denied: bool,
}

impl Joining {
    /// What the plan has to know of it.
    pub(crate) fn entering(&self) -> Entering {
        let kinds = |way: &Prepared| way.joins().map(|(_, kinds)| kinds).collect();
        Entering {
            kinds: kinds(&self.way),
            late: self.late.as_ref().map(kinds).unwrap_or_default(),
            has_cgroup: self.cgroup.is_some(),
        }
    }

    /// The sentence for a namespace that could not be joined.
    fn refused(&self, plan: &Plan, at: u16, errno: u16) -> Error {
        const ESRCH: u16 = 3;
        let error = match errno {
            ESRCH => {
                let why = "its first process has ended, and with it the container".to_owned();
                Error::because(plan.operation(), plan.object(), ErrorKind::WrongState, why)
            }
            _ => Error::of_leaf(plan.operation(), plan.object(), self.way.refused(at.into(), errno)),
        };
        error.at(plan.place(Stage::Enter), plan.operation(), plan.object())
    }
}

/// A child that has performed its steps and waits to execute the program. Dropping it ends and reaps the child, and
/// removes what was made for it.
#[derive(Debug)]
pub(crate) struct Launched {
    wire: ParentWire,
    plan: Plan,
    spec: Spec,
    pid: u32,
    child: PidFd,
    /// Whether the child is ours to end: it does not run the program yet, and has not been reaped.
    is_ours: bool,
    pipes: Pipes,
    /// The other side of the program's terminal, once the child has made it.
    terminal: Option<Terminal>,
    /// What tells that the program was stopped, where the init can tell.
    stops: Option<Stops>,
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
    pub(crate) undo: Undo,
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
            Ok(mut launched) => {
                launched.undo = undo;
                Ok(launched)
            }
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
        let made = plan.cgroup().map(|wanted| cgroup::make(&plan, wanted, undo)).transpose()?;
        let cgroup = made.as_ref().or_else(|| joining.as_ref()?.cgroup.as_ref());
        let trees = match plan.trees() {
            Some(steps) => Some(perform(&plan, ParentStep::Trees, || {
                steps.make_trees().map_err(|error| Error::of_leaf("create", plan.object(), error).with_hint_of_limits())
            })?),
            None => None,
        };
        let (wire, far_end) = ParentWire::new().map_err(|errno| descriptors(errno, "make a socket pair for"))?;
        let ways = cgroup.map(cgroup::ways).unwrap_or_default();
        let goes = !ways.is_empty();
        let start = || self.start(&plan, far_end, trees.as_ref(), joining.as_ref(), cgroup, ways);
        let mut launcher = perform(&plan, ParentStep::Launch, start)?;
        // From here on the launcher's copies of them are all that holds them.
        drop(trees);
        let (mut launched, in_cgroup) = match born(wire, &launcher) {
            Ok(Born { wire, pid, child, in_cgroup }) => {
                let pipes = launcher.take_pipes();
                let undo = Undo::default();
                (
                    Launched {
                        wire,
                        plan,
                        spec,
                        pid,
                        child,
                        is_ours: true,
                        pipes,
                        terminal: None,
                        stops: None,
                        listener: None,
                        times: Vec::new(),
                        undo,
                    },
                    in_cgroup,
                )
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
        let prepared = launched.prepare(cgroup, in_cgroup, goes, denied);
        // The launcher has said all that it had to say, and has ended by itself meanwhile; its status tells nothing more.
        let _ended = launcher.pidfd().wait();
        prepared.map(|()| launched)
    }

    fn start(
        self,
        plan: &Plan,
        far_end: OwnedFd,
        trees: Option<&Trees>,
        joining: Option<&Joining>,
        cgroup: Option<&Cgroup>,
        ways: Vec<OwnedFd>,
    ) -> Result<Child, Error> {
        let taken: Vec<i32> = self.fds.iter().map(|(number, _)| *number).collect();
        let mut free = (3..).filter(|number| !taken.contains(number));
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
        let ours = [("wire", Some(far_end)), ("plan", Some(plan_file)), ("caller", caller), ("cgroup", cgroup)];
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
    Record::intent(spec.clone(), plan.removals()).write(state)
}

/// Runs the undo stack after a failure. What cannot be undone is said; with a name it can be deleted later.
fn undone(error: Error, undo: &mut Undo) -> Error {
    match undo.run() {
        Ok(()) => error,
        Err(left) => error.with_hint(format!("something of it is left: {}", crate::Report(&left))),
    }
}

/// The flat plan as a file: a memfd, or a nameless file where there are none.
fn plan_file(bytes: &[u8]) -> Result<OwnedFd, Error> {
    let mut answer = match file::sealed_memfd("skep-plan", bytes, Use::Read) {
        Ok(file) => return Ok(file),
        Err(errno) => errno,
    };
    for directory in file::directories() {
        match file::in_directory(&directory, bytes, Use::Read) {
            Ok(file) => return Ok(file),
            Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::FBIG)) => answer = errno,
            Err(_) => {}
        }
    }
    Err(descriptors(answer, "make a file for the plan of"))
}

fn descriptors(errno: Errno, op: &'static str) -> Error {
    Error::os(op, Object::Container(None), errno.raw_os_error()).with_hint_of_limits()
}

/// A child that was born, and waits.
struct Born {
    wire: ParentWire,
    pid: u32,
    child: PidFd,
    in_cgroup: bool,
}

/// Waits for the child's birth. On failure the wire is closed.
fn born(mut wire: ParentWire, launcher: &Child) -> Result<Born, Broken> {
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

    /// Joins the child to its cgroup, maps ids, lets it perform its steps, and waits until it has.
    fn prepare(
        &mut self,
        cgroup: Option<&Cgroup>,
        in_cgroup: bool,
        goes: bool,
        setgroups_denied: bool,
    ) -> Result<(), Error> {
        let joined = cgroup.map_or(Ok(()), |cgroup| {
            perform(&self.plan, ParentStep::Join, || cgroup::join(&self.plan, cgroup, self.pid, in_cgroup, goes))
        });
        let mapped = joined.and_then(|()| match self.plan.id_map() {
            Some(map) => perform(&self.plan, ParentStep::IdMap, || ids::write(map, self.pid, &self.child)),
            None => Ok(setgroups_denied),
        });
        match mapped {
            Ok(setgroups_denied) => self.advance(Frame::Go { setgroups_denied }),
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

    /// Has the child execute the program. Answers its process once that has succeeded.
    pub(crate) fn start(mut self) -> Result<Started, Error> {
        match self.execute() {
            Ok(process) => {
                self.is_ours = false;
                let (pipes, undo) = (std::mem::take(&mut self.pipes), std::mem::take(&mut self.undo));
                let (terminal, stops, listener) = (self.terminal.take(), self.stops.take(), self.listener.take());
                if let Some(state) = undo.state() {
                    state.unlock();
                }
                let spec = std::mem::take(&mut self.spec);
                Ok(Started { pid: self.pid, process, pipes, terminal, stops, listener, spec, undo })
            }
            Err(error) => {
                self.end();
                Err(undone(error, &mut self.undo))
            }
        }
    }

    fn execute(&mut self) -> Result<PidFd, Error> {
        // Before there is a program to lose.
        let child = rustix::io::fcntl_dupfd_cloexec(&self.child, 3).map_err(|errno| descriptors(errno, "start"))?;
        if let Some(state) = self.undo.state() {
            perform(&self.plan, ParentStep::Record, || self.record(state))?;
        }
        self.advance(Frame::Start)?;
        Ok(PidFd::from(child))
    }

    /// Writes down who the first process is: on disk before it executes anything, so that it is found whatever happens to
    /// the caller then.
    fn record(&self, state: &StateDir) -> Result<(), Error> {
        let mut record = Record::intent(self.spec.clone(), self.plan.removals());
        record.first = Identity::of(self.pid, &self.child);
        if record.first.is_none() {
            let why = "the first process has ended, or the caller has no /proc of its own pid namespace".to_owned();
            return Err(Error::because("start", self.plan.object(), ErrorKind::WrongState, why));
        }
        record.write(state)
    }

    /// Says `frame`, and waits for the answer.
    fn advance(&mut self, frame: Frame) -> Result<(), Error> {
        match self.wire.send(frame).and_then(|()| self.answer()) {
            Ok(()) => Ok(()),
            Err(broken) => {
                let status = self.end();
                Err(sentence(&self.plan, &self.spec, broken, &self.wire.log(), "child", status))
            }
        }
    }

    /// Waits for the answer, and keeps what comes before it: how long steps took, and what they hand over.
    fn answer(&mut self) -> Result<(), Broken> {
        loop {
            let received = if self.plan.is_among_others() {
                self.wire.receive_among_others(&self.child)?
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
                    return if kept == due { Ok(()) } else { Err(Broken::Unexpected) };
                }
                _ => return Ok(()),
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
        self.child.wait().unwrap_or(ExitStatus::UNKNOWN)
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        self.end();
    }
}

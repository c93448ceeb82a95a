// SPDX-License-Identifier: MIT OR Apache-2.0
//! Driving a plan: start the launcher, answer its child over the wire, and turn a failure into a sentence.

use std::ffi::OsString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use skep_ns::{Child, ExitStatus, PidFd, Pipes, Spawn, Stdio};

use super::file::{self, Use};
use super::wire::ParentWire;
use super::{ids, launcher};
use crate::error::{Cause, Error, ErrorKind, Object};
use crate::plan::{Plan, step::Step};
use crate::wire::{AT_CLONE, AT_EXEC, AT_PLAN, Broken, Detail, Frame, Received};

/// What a launch takes beside the plan: descriptors.
#[derive(Debug, Default)]
pub(crate) struct Launch {
    pub(crate) stdio: [Option<Stdio>; 3],
    pub(crate) fds: Vec<(i32, OwnedFd)>,
    /// An installed launcher, in place of the embedded one.
    pub(crate) launcher: Option<PathBuf>,
}

/// A child that has performed its steps and waits to execute the program. Dropping it ends and reaps the child.
#[derive(Debug)]
pub(crate) struct Launched {
    wire: ParentWire,
    plan: Plan,
    program: PathBuf,
    pid: u32,
    child: PidFd,
    /// Whether the child is ours to end: it does not run the program yet, and has not been reaped.
    is_ours: bool,
    pipes: Pipes,
}

impl Launch {
    /// Brings `plan` to where the child is ready.
    ///
    /// Everything that is made is owned by a value here: on failure the wire closes, which ends the launcher and the child
    /// wherever they are, and both are reaped. One gap is left: a launcher that somebody else kills between its clone and
    /// its word of it takes the child's number with it; that child ends by itself, and is a zombie until the caller ends.
    pub(crate) fn create(self, plan: Plan, program: OsString) -> Result<Launched, Error> {
        let program = PathBuf::from(program);
        let (wire, far_end) = ParentWire::new().map_err(|errno| descriptors(errno, "make a socket pair for"))?;
        let mut launcher = self.start(&plan, far_end)?;
        let mut launched = match born(wire, &launcher) {
            Ok((wire, pid, child)) => {
                let pipes = launcher.take_pipes();
                Launched { wire, plan, program, pid, child, is_ours: true, pipes }
            }
            Err(broken) => {
                // Its end of the wire is closed by now. It may be anywhere; what it has made ends by the closed wire.
                let _gone = launcher.kill();
                let status = launcher.wait().unwrap_or(ExitStatus::UNKNOWN);
                return Err(sentence(&plan, &program, broken, "launcher", status));
            }
        };
        let prepared = launched.prepare();
        // The launcher has said all that it had to say, and has ended by itself meanwhile; its status tells nothing more.
        let _ended = launcher.pidfd().wait();
        prepared.map(|()| launched)
    }

    fn start(self, plan: &Plan, far_end: OwnedFd) -> Result<Child, Error> {
        let plan_file = plan_file(plan.bytes())?;
        // So that the child knows of the caller's death even if a copy of the caller lives on. It does without where this
        // is refused.
        let caller = PidFd::open(std::process::id()).ok().map(OwnedFd::from);
        let mut spawn = Spawn::new("skep [setup]");
        spawn.env_clear();
        let taken: Vec<i32> = self.fds.iter().map(|(number, _)| *number).collect();
        let free = (3..).filter(|number| !taken.contains(number));
        for (number, fd) in free.zip([Some(far_end), Some(plan_file), caller].into_iter().flatten()) {
            spawn.arg(number.to_string()).fd(number, fd);
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
    let error = Error::os(op, Object::Container(None), errno.raw_os_error());
    match errno {
        Errno::MFILE => error.with_hint("the limit on open descriptors of this process is reached (ulimit -n)"),
        Errno::NFILE => error.with_hint("the machine's limit on open files is reached (sysctl fs.file-max)"),
        Errno::FBIG => error.with_hint("the limit on the size of files of this process is reached (ulimit -f)"),
        _ => error,
    }
}

/// Waits for the child's birth. On failure the wire is closed.
fn born(mut wire: ParentWire, launcher: &Child) -> Result<(ParentWire, u32, PidFd), Broken> {
    let (received, fds) = wire.receive_from(launcher.as_fd())?;
    let Received::Frame(Frame::Born(pid)) = received else { return Err(Broken::Unexpected) };
    if let Ok([child, socket]) = <[OwnedFd; 2]>::try_from(fds) {
        wire.go_on_over(socket);
        return Ok((wire, pid, PidFd::from(child)));
    }
    // There was no room for both descriptors. The child is ended and reaped by its number, which cannot have been given to
    // another process before that.
    end_by_number(pid);
    const EMFILE: u16 = 24;
    Err(Broken::Failed { at: AT_CLONE, errno: EMFILE, detail: Detail::None })
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

    pub(crate) fn child(&self) -> BorrowedFd<'_> {
        self.child.as_fd()
    }

    /// Maps ids, lets the child perform its steps, and waits until it has.
    fn prepare(&mut self) -> Result<(), Error> {
        let setgroups_denied = match self.plan.id_map() {
            Some(map) => ids::write(map, self.pid, &self.child)?,
            None => false,
        };
        self.advance(Frame::Go { setgroups_denied })
    }

    /// Has the child execute the program. Answers its process once that has succeeded.
    pub(crate) fn start(mut self) -> Result<(u32, PidFd, Pipes), Error> {
        // Before there is a program to lose.
        let child = rustix::io::fcntl_dupfd_cloexec(&self.child, 3).map_err(|errno| descriptors(errno, "start"))?;
        self.advance(Frame::Start)?;
        self.is_ours = false;
        Ok((self.pid, PidFd::from(child), std::mem::take(&mut self.pipes)))
    }

    /// Says `frame`, and waits for the answer.
    fn advance(&mut self, frame: Frame) -> Result<(), Error> {
        match self.wire.send(frame).and_then(|()| self.wire.receive()) {
            Ok(_) => Ok(()),
            Err(broken) => {
                let status = self.end();
                Err(sentence(&self.plan, &self.program, broken, "child", status))
            }
        }
    }

    /// Ends the child and reaps it.
    fn end(&mut self) -> ExitStatus {
        self.is_ours = false;
        // It may have ended by itself; then the status that it had is what the wait answers.
        let _gone = self.child.kill();
        self.child.wait().unwrap_or(ExitStatus::UNKNOWN)
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        if self.is_ours {
            self.end();
        }
    }
}

/// What a tired person wants to know of a launch that broke.
fn sentence(plan: &Plan, program: &Path, broken: Broken, who: &str, status: ExitStatus) -> Error {
    let container = Object::Container(None);
    match broken {
        Broken::Failed { at: AT_EXEC, errno, detail } => execute_error(program, errno, detail),
        Broken::Failed { at: AT_CLONE, errno, .. } => clone_error(plan, i32::from(errno)),
        Broken::Failed { at: AT_PLAN, errno, .. } => Error::os("prepare", container, i32::from(errno)),
        Broken::Failed { at, errno, .. } => step_error(plan, at, i32::from(errno)),
        Broken::Died => {
            let why = format!("the {who} ended before it had done its work: {status}");
            Error::because("create", container, ErrorKind::WrongState, why)
        }
        Broken::Unexpected => {
            let why = format!("the {who} does not keep to the protocol; is the launcher of another version?");
            Error::because("create", container, ErrorKind::WrongState, why)
        }
    }
}

fn step_error(plan: &Plan, at: u16, errno: i32) -> Error {
    let step = plan.steps().nth(at.into());
    let cause = Cause::Step { place: plan.place(at), source: Box::new(Cause::Os(errno)) };
    let error = Error::new("create", Object::Container(None), ErrorKind::of_errno(errno), cause);
    match (step, errno) {
        (Some(Step::Proc { .. }), 1) => error.with_hint(
            "a user namespace may mount a proc only where /proc is wholly visible; inside another container parts of it \
             are covered",
        ),
        (Some(Step::ReceiveOnly), 22) => error.with_hint("the caller's root directory is no mount point: it is in a chroot"),
        (Some(Step::Become { .. }), 22) => error.with_hint("the id is not mapped in the user namespace"),
        _ => error,
    }
}

fn clone_error(plan: &Plan, errno: i32) -> Error {
    const EPERM: i32 = 1;
    const ENOSPC: i32 = 28;
    const EUSERS: i32 = 87;
    const EMFILE: i32 = 24;
    let cause = Cause::Step { place: plan.place_of_clone(), source: Box::new(Cause::Os(errno)) };
    let error = Error::new("create", Object::Container(None), ErrorKind::of_errno(errno), cause);
    match errno {
        EPERM if plan.makes_user_namespace() => error.with_hint(
            "user namespaces are closed to this account: see the sysctls user.max_user_namespaces, \
             kernel.unprivileged_userns_clone (Debian) and kernel.apparmor_restrict_unprivileged_userns (Ubuntu)",
        ),
        EPERM => error.with_hint("namespaces take CAP_SYS_ADMIN; an ordinary user makes a user namespace with them"),
        ENOSPC | EUSERS => error.with_hint("a limit on namespaces is reached: see the sysctls user.max_*_namespaces"),
        EMFILE => error.with_hint("the limit on open descriptors of this process is reached (ulimit -n)"),
        _ => error,
    }
}

fn execute_error(program: &Path, errno: u16, detail: Detail) -> Error {
    let errno = i32::from(errno);
    let (kind, why) = match (errno, detail) {
        (_, Detail::Absent) => (ErrorKind::NotFound, "there is no such program in the container"),
        (_, Detail::Interpreter) => {
            (ErrorKind::NotFound, "the interpreter or loader that it names is absent in the container")
        }
        (_, Detail::Directory) => (ErrorKind::NotExecutable, "it is a directory, not a program"),
        (_, Detail::NoPermission) => (ErrorKind::NotExecutable, "no execute permission is set on it for this user"),
        (20, _) => (ErrorKind::NotFound, "a part of its path is not a directory"),
        (7, _) => {
            (ErrorKind::Invalid, "its arguments and environment are larger than the kernel takes (execve(2), ARG_MAX)")
        }
        (8, _) => {
            (ErrorKind::NotExecutable, "it is in no format that this kernel executes; a script must begin with #!")
        }
        (13, _) => (ErrorKind::Denied, "a directory of its path, a noexec mount or a security module forbids it"),
        _ => return Error::os("execute", Object::Program(program.into()), errno),
    };
    Error::new("execute", Object::Program(program.into()), kind, Cause::Explained(errno, why))
}

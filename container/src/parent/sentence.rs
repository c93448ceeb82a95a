// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a tired person wants to know of a launch that broke: eight bytes of the child, made a sentence.

use std::path::Path;

use skep_ns::ExitStatus;

use crate::error::{Cause, Error, ErrorKind, Object};
use crate::floors::caps_sec::{self, procfs};
use crate::plan::step::{CLOCKS, Step};
use crate::plan::{ParentStep, Plan, Stage};
use crate::spec::Spec;
use crate::wire::{AT_CLONE, AT_ENTER_LATE, AT_EXEC, AT_JOIN, AT_PLAN, Broken, Detail, TerminalPart};

const EMFILE: i32 = 24;
/// Of an exec that a supervisor is asked about.
const ASKED: &str =
    "the policy asks the supervisor about execve: this may be its answer, or ENOSYS, that nobody has the listener";
const DESCRIPTORS: &str = "the limit on open descriptors of this process is reached (ulimit -n)";

/// The error for a launch that broke, said by or about `who`, which ended by `status`. The kernel has noted `log` of it.
pub(super) fn sentence(plan: &Plan, spec: &Spec, broken: Broken, log: &str, who: &str, status: ExitStatus) -> Error {
    match broken {
        Broken::Failed { at: AT_EXEC, errno, detail } => {
            let error = execute_error(Path::new(&spec.process.program), errno, Detail::of(detail));
            if plan.asks_about_exec() { error.with_hint(ASKED) } else { error }
        }
        Broken::Failed { at: AT_CLONE, errno, .. } => clone_error(plan, i32::from(errno)),
        Broken::Failed { at: AT_JOIN, errno, .. } => {
            let errno = i32::from(errno);
            let part = Cause::Part { part: "entering the cgroup's hierarchies of version 1".to_owned(), errno };
            let cause = Cause::Step { place: plan.place(Stage::Parent(ParentStep::Join)), source: Box::new(part) };
            Error::new(plan.operation(), plan.object(), ErrorKind::of_errno(errno), cause).with_hint(
                "its group was changed or removed meanwhile: see who else manages /sys/fs/cgroup, and try again",
            )
        }
        Broken::Failed { at: AT_ENTER_LATE, errno, .. } => {
            let errno = i32::from(errno);
            let cause = Cause::Step { place: plan.place(Stage::EnterLate), source: Box::new(Cause::Os(errno)) };
            Error::new(plan.operation(), plan.object(), ErrorKind::of_errno(errno), cause)
        }
        Broken::Failed { at: AT_PLAN, errno, .. } => Error::os("prepare", plan.object(), i32::from(errno)),
        Broken::Failed { at, errno, detail } => step_error(plan, at, i32::from(errno), detail, log),
        Broken::Died => {
            let why = format!("the {who} ended before it had done its work: {status}");
            Error::because(plan.operation(), plan.object(), ErrorKind::WrongState, why)
        }
        Broken::Stopped => {
            let why = "somebody in it stops what is to become the program, again and again".to_owned();
            Error::because(plan.operation(), plan.object(), ErrorKind::Busy, why)
        }
        Broken::Frozen => {
            let why = "its cgroup was frozen meanwhile, and has not been thawed for some seconds".to_owned();
            Error::because(plan.operation(), plan.object(), ErrorKind::Busy, why)
        }
        Broken::Late => {
            let why =
                "its program did not run in time: its files may be of a file system that does not answer".to_owned();
            Error::because(plan.operation(), plan.object(), ErrorKind::TimedOut, why)
        }
        Broken::Unexpected => {
            let why = format!("the {who} does not keep to the protocol; is the launcher of another version?");
            Error::because(plan.operation(), plan.object(), ErrorKind::WrongState, why)
        }
    }
}

fn step_error(plan: &Plan, at: u16, errno: i32, part: u16, log: &str) -> Error {
    let (cause, hint) = match plan.step(at) {
        Some(Step::Disk(step)) => {
            let half = step.part(part).map(|half| if log.is_empty() { half } else { format!("{half}: {log}") });
            leaf(half, step.hint(part, errno).map(str::to_owned), errno)
        }
        Some(Step::Right(step)) => leaf(step.part(part), step.hint(part, errno), errno),
        Some(Step::Supervise { .. }) if errno == EMFILE => {
            (Cause::Os(errno), Some(format!("{DESCRIPTORS}, or the program's own, which the listener counts for")))
        }
        Some(Step::Supervise { program, flags }) => {
            leaf(None, caps_sec::Step::Seccomp { program, flags }.hint(part, errno), errno)
        }
        Some(Step::Terminal { .. }) => terminal(TerminalPart::of(part), errno),
        Some(Step::Sysctl { path, .. }) if path == CLOCKS => of_clocks(part, errno),
        Some(Step::Sysctl { .. } | Step::Proc { .. }) => of_proc(part, errno),
        Some(Step::Groups { .. }) if errno == 1 => (
            Cause::Os(errno),
            Some("the user namespace denies setgroups(2), as it does where no newgidmap has helped".to_owned()),
        ),
        Some(Step::Null) if matches!(errno, 1 | 13) => {
            let hint = "its cgroup allows it no null device (c 1:3 rw), and that is what some of its streams are";
            (Cause::Os(errno), Some(hint.to_owned()))
        }
        Some(Step::Become { .. }) if errno == 22 => {
            (Cause::Os(errno), Some("the id is not mapped in the user namespace".to_owned()))
        }
        Some(Step::Init { .. }) if errno == EMFILE => (Cause::Os(errno), Some(DESCRIPTORS.to_owned())),
        _ => (Cause::Os(errno), None),
    };
    let cause = Cause::Step { place: plan.place(Stage::Child(at)), source: Box::new(cause) };
    let error = Error::new(plan.operation(), plan.object(), ErrorKind::of_errno(errno), cause);
    match hint {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// A leaf's words for the part of a step that failed.
fn leaf(part: Option<String>, hint: Option<String>, errno: i32) -> (Cause, Option<String>) {
    let cause = match part {
        Some(part) => Cause::Part { part, errno },
        None => Cause::Os(errno),
    };
    (cause, hint)
}

/// The same for the parts of setting a switch.
fn of_proc(part: u16, errno: i32) -> (Cause, Option<String>) {
    const ENOENT: i32 = 2;
    const EINVAL: i32 = 22;
    let hint = match (part, errno) {
        (procfs::FOREIGN, _) => "what is at /proc is not the kernel's, or something is mounted over a part of it",
        (procfs::OPENING, ENOENT) => "this kernel, or this namespace, has no such key",
        (procfs::WRITING, EINVAL) => "the kernel does not take this value",
        (_, 1 | 13) => {
            "it is not this container's to set: in a user namespace those of ipc namespaces are since Linux 6.11, \
             and some of net namespaces never"
        }
        _ => return (Cause::Os(errno), None),
    };
    (Cause::Os(errno), Some(hint.to_owned()))
}

/// The same for the parts of setting clocks.
fn of_clocks(part: u16, errno: i32) -> (Cause, Option<String>) {
    const EPERM: i32 = 1;
    const ERANGE: i32 = 34;
    match (part, errno) {
        (procfs::WRITING, ERANGE) => {
            (Cause::Explained(errno, "a clock would become negative, or pass 146 years"), None)
        }
        (procfs::WRITING, EPERM) => (
            Cause::Os(errno),
            Some("it takes CAP_SYS_TIME in the user namespace that owns the time namespace".to_owned()),
        ),
        _ => of_proc(part, errno),
    }
}

/// The same for the parts of making a terminal.
fn terminal(part: Option<TerminalPart>, errno: i32) -> (Cause, Option<String>) {
    const ENOENT: i32 = 2;
    const EACCES: i32 = 13;
    const ENOSPC: i32 = 28;
    let words = part.map(|part| match part {
        TerminalPart::Place => "finding \"/dev/pts\"",
        TerminalPart::Devpts => "\"/dev/pts\" is no devpts",
        TerminalPart::Open => "opening \"/dev/pts/ptmx\"",
        TerminalPart::Ptmx => "\"/dev/pts/ptmx\" is not the ptmx of its devpts",
        TerminalPart::Unlock => "unlocking the program's side",
        TerminalPart::Peer => "opening the program's side",
        TerminalPart::Size => "setting its size",
        TerminalPart::Control => "making it the session's",
        TerminalPart::Stream => "making it a standard stream",
        TerminalPart::Hand => "handing its other side to the caller",
    });
    let hint = match (part, errno) {
        (Some(TerminalPart::Devpts | TerminalPart::Ptmx), _) | (Some(TerminalPart::Place), ENOENT) => {
            Some("something else was mounted there, or \"/dev/pts\" was changed meanwhile")
        }
        (Some(TerminalPart::Open), EACCES) => Some("this user may not open it: see Devpts::ptmx_mode"),
        (Some(TerminalPart::Open), ENOSPC) => {
            Some("no terminal is free: see Devpts::max, and the sysctls kernel.pty.max and kernel.pty.reserve")
        }
        (_, EMFILE) => Some(DESCRIPTORS),
        _ => None,
    };
    leaf(words.map(str::to_owned), hint.map(str::to_owned), errno)
}

fn clone_error(plan: &Plan, errno: i32) -> Error {
    const EPERM: i32 = 1;
    const ENOMEM: i32 = 12;
    const ENOSPC: i32 = 28;
    const EUSERS: i32 = 87;
    let (source, kind) = match errno {
        ENOMEM if plan.is_among_others() => {
            let why = if plan.is_further() {
                "its first process has ended, and with it the container"
            } else {
                "process 1 of the pid namespace has ended, and with it the namespace"
            };
            (Cause::Explained(errno, why), ErrorKind::WrongState)
        }
        _ => (Cause::Os(errno), ErrorKind::of_errno(errno)),
    };
    let cause = Cause::Step { place: plan.place(Stage::Clone), source: Box::new(source) };
    let error = Error::new(plan.operation(), plan.object(), kind, cause);
    match errno {
        EPERM if plan.makes_user_namespace() => error.with_hint(
            "user namespaces are closed to this account: see the sysctls user.max_user_namespaces, \
             kernel.unprivileged_userns_clone (Debian) and kernel.apparmor_restrict_unprivileged_userns (Ubuntu)",
        ),
        EPERM => error.with_hint("namespaces take CAP_SYS_ADMIN; an ordinary user makes a user namespace with them"),
        ENOSPC | EUSERS => error.with_hint("a limit on namespaces is reached: see the sysctls user.max_*_namespaces"),
        EMFILE => error.with_hint(DESCRIPTORS),
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
        (_, Detail::Unseen) => (
            ErrorKind::NotFound,
            "it is absent in the container, or the interpreter or loader that it names is: to look which would be asked \
             about",
        ),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Report;
    use crate::handle::Container;
    use crate::host::Host;

    #[test]
    fn a_child_that_cannot_enter_its_cgroup_says_that_it_was_that() {
        let plan = Container::builder("web").command("/bin/true", [""; 0]).plan_for(&Host::default()).unwrap();
        let broken = Broken::Failed { at: AT_JOIN, errno: 28, detail: 0 };
        let error = sentence(&plan, &Spec::default(), broken, "", "child", ExitStatus::UNKNOWN);
        let said = Report(&error).to_string();
        assert!(said.contains("cannot create container \"web\"") && said.contains("ENOSPC"), "{said}");
        assert!(said.contains("entering the cgroup's hierarchies of version 1"), "{said}");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The child: waits for its ids, performs its steps, waits for the start, executes the program.

use core::ffi::CStr;

use ns_floor::identity::{self, Groups};
use ns_floor::{Errno, loopback, process, sys as kernel, uts};

use crate::floors::{caps_sec, rootfs};
use crate::init;
use crate::step::{Flat, Step};
use crate::sys::{self, Wire};
use crate::wire::{AT_CLONE, AT_EXEC, Detail, Frame};
use crate::{streams, terminal};

/// Becomes the program, or reports why not. With a socket to listen on it may outlive the caller before that.
pub fn child(wire: &Wire, plan: &Flat<'static>, late_flags: u64, listener: Option<i32>) -> ! {
    let Frame::Go { setgroups_denied } = wire.receive() else { kernel::exit_group(1) };
    if late_flags != 0
        && let Err(errno) = kernel::unshare(late_flags)
    {
        wire.fail(AT_CLONE, errno)
    }
    let mut room = rootfs::Room::new();
    let mut proc = None;
    let mut clock = Clock::start(plan.header().profile);
    let mut at = 0_u16;
    while let Some(step) = plan.step(at) {
        fail_on_purpose(wire, plan, at);
        if let Err((errno, part)) = perform(step, at, &mut room, &mut proc, setgroups_denied, wire, plan) {
            wire.fail_with(at, errno, part, room.refused.as_ref().map(|fs| fs.number()))
        }
        clock.tell(wire, at);
        at = at.saturating_add(1);
    }
    if u32::from(at) != plan.header().steps.count {
        wire.fail(at, Errno::PROTO)
    }
    if listener.is_some()
        && let Some((errno, detail)) = cannot_be_executed(plan)
    {
        // Who makes it is told as well as who starts it would be.
        wire.fail_in_detail(AT_EXEC, errno, detail as u16)
    }
    wire.send(Frame::Ready);
    let others;
    let wire = match (wire.receive(), listener) {
        (Frame::Start, _) => wire,
        (Frame::Leave { shown }, Some(listener)) => {
            // What it could hide it does not know any more: who comes may look, as at the program.
            if shown {
                let _ = kernel::make_dumpable();
            }
            others = wire.left(listener);
            &others
        }
        _ => kernel::exit_group(1),
    };
    fail_on_purpose(wire, plan, AT_EXEC);
    let (errno, detail) = execute(plan);
    wire.fail_in_detail(AT_EXEC, errno, detail as u16)
}

/// What tells how long each step has taken, where the plan asks for it.
struct Clock(Option<u64>);

impl Clock {
    fn start(is_wanted: bool) -> Self {
        Self(if is_wanted { Some(kernel::nanoseconds()) } else { None })
    }

    fn tell(&mut self, wire: &Wire, at: u16) {
        if let Some(began) = self.0 {
            let nanos = kernel::nanoseconds().saturating_sub(began);
            wire.send(Frame::Took { at, nanos: u32::try_from(nanos).unwrap_or(u32::MAX) });
            // What the telling takes is not the next step's.
            self.0 = Some(kernel::nanoseconds());
        }
    }
}

/// Ends the launch here if the plan says so.
pub fn fail_on_purpose(wire: &Wire, plan: &Flat<'static>, at: u16) {
    if let Some((step, errno)) = plan.header().fail
        && step == at
    {
        wire.fail(at, Errno(errno))
    }
}

/// What went wrong: the kernel's answer, and in which part of the step.
type Failure = (Errno, u16);

fn perform(
    step: Step<'_>,
    at: u16,
    room: &mut rootfs::Room,
    proc: &mut Option<caps_sec::procfs::Root>,
    setgroups_denied: bool,
    wire: &Wire,
    plan: &Flat<'static>,
) -> Result<(), Failure> {
    let whole = |errno: Errno| (errno, 0);
    let of_proc = |failure: caps_sec::Failure| (Errno(failure.errno.0), failure.part);
    match step {
        Step::Disk(step) => {
            let done = step.perform(room).map_err(|failure| (Errno(failure.errno.0), failure.part));
            // What the parent has made is attached, or will never be: the program has no business with it.
            if let rootfs::Step::Attach { tree, .. } = step {
                kernel::close(tree);
            }
            done
        }
        Step::Right(step) => step.perform().map_err(|failure| (Errno(failure.errno.0), failure.part)),
        Step::Hostname { name } => uts::hostname(name).map_err(whole),
        Step::Domainname { name } => uts::domainname(name).map_err(whole),
        Step::Proc { held } => {
            *proc = None;
            if held {
                *proc = Some(caps_sec::procfs::Root::open().map_err(of_proc)?);
            }
            Ok(())
        }
        Step::Root => identity::act_as_root().map_err(whole),
        Step::Sysctl { path, value } => match proc {
            Some(proc) => proc.write(path, value.to_bytes()).map_err(of_proc),
            None => Err(whole(Errno::PROTO)),
        },
        Step::Loopback => loopback::up().map_err(whole),
        Step::Unshare { flags } => kernel::unshare(flags).map_err(whole),
        Step::Become { uid, gid, drop_groups } => {
            let groups = if drop_groups && !setgroups_denied { Groups::Drop } else { Groups::Keep };
            identity::become_user(uid, gid, groups).map_err(whole)
        }
        Step::Groups { list } => kernel::setgroups_of(list).map_err(whole),
        Step::DieWithCaller { signal } => process::parent_death_signal(signal).map_err(whole),
        Step::Init { own_group, shown, terminal } => {
            init::stay(wire, plan, at, (own_group, shown), terminal).map_err(whole)
        }
        Step::Null => streams::own_null().map_err(whole),
        Step::Wait { .. } => {
            wire.send(Frame::Waits { at });
            // Otherwise there is nobody to go on for.
            let Frame::Go { .. } = wire.receive() else { kernel::exit_group(1) };
            Ok(())
        }
        Step::Session => kernel::setsid().map_err(whole),
        Step::Supervise { program, flags } => {
            let listener = caps_sec::thread::seccomp_with_listener(program, flags).map_err(of_proc)?;
            let handed = wire.send_descriptor(Frame::Handed { at }, listener);
            // Whoever has it answers for all that are under the filter: nobody in the container may.
            kernel::close(listener);
            handed.map_err(whole)
        }
        Step::Umask { mask } => {
            kernel::umask(mask);
            Ok(())
        }
        Step::Directory { path } => kernel::chdir(path).map_err(whole),
        Step::Terminal { streams, rows, columns } => {
            terminal::make(streams, rows, columns, wire, at).map_err(|(errno, part)| (errno, part as u16))
        }
    }
}

/// Tries the program's paths in order, as execvp(3) does: past what is absent, and past what may not be executed if a later
/// one may. Returns only if none could be executed.
fn execute(plan: &Flat<'static>) -> (Errno, Detail) {
    let blind = plan.header().blind;
    let many = plan.header().programs.count > 1;
    let exists = |path: &CStr| !blind && kernel::exists(path);
    let mut answer = (Errno::NOENT, if blind { Detail::Unseen } else { Detail::Absent });
    let mut at = 0;
    while let Some(path) = plan.program(at) {
        let errno = sys::execve(path, plan);
        match errno {
            Errno::NOENT if exists(path) => return (errno, Detail::Interpreter),
            // A path that was given says what is wrong with it; a name that is looked for is just not there.
            Errno::NOENT => {}
            Errno::NOTDIR if many && !exists(path) => {}
            Errno::ACCES if many && !blind && !exists(path) => {}
            Errno::ACCES => answer = (errno, if blind { Detail::None } else { denial(path) }),
            _ => return (errno, Detail::None),
        }
        at = at.saturating_add(1);
    }
    answer
}

/// What an exec would fail with as far as it can be seen without one; nothing of what somebody would be asked about.
fn cannot_be_executed(plan: &Flat<'static>) -> Option<(Errno, Detail)> {
    let mut answer = (Errno::NOENT, Detail::Absent);
    let mut at = 0;
    while let Some(path) = plan.program(at) {
        if plan.header().blind || (kernel::may_execute(path) && !kernel::is_directory(path)) {
            return None;
        }
        if kernel::exists(path) {
            answer = (Errno::ACCES, denial(path));
        }
        at = at.saturating_add(1);
    }
    // Unless nothing can be seen at all: a filter may say so.
    if kernel::exists(c"/") { Some(answer) } else { None }
}

/// What EACCES means for the file at `path`.
fn denial(path: &CStr) -> Detail {
    if kernel::is_directory(path) {
        Detail::Directory
    } else if kernel::exists(path) && !kernel::may_execute(path) {
        Detail::NoPermission
    } else {
        Detail::None
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The child: waits for its ids, performs its steps, waits for the start, executes the program.

use core::ffi::CStr;

use ns_floor::identity::{self, Groups};
use ns_floor::{Errno, loopback, process, sys as kernel, uts};
use rootfs_floor::mount;

use crate::step::{Flat, Step};
use crate::sys::{self, Wire};
use crate::wire::{AT_CLONE, AT_EXEC, Detail, Frame};

/// Becomes the program, or reports why not.
pub fn child(wire: &Wire, plan: &Flat<'static>, late_flags: u64) -> ! {
    let Frame::Go { setgroups_denied } = wire.receive() else { kernel::exit_group(1) };
    if late_flags != 0
        && let Err(errno) = kernel::unshare(late_flags)
    {
        wire.fail(AT_CLONE, errno)
    }
    let mut at = 0_u16;
    while let Some(step) = plan.step(at) {
        if let Err(errno) = perform(step, setgroups_denied) {
            wire.fail(at, errno)
        }
        at = at.saturating_add(1);
    }
    if u32::from(at) != plan.header().steps.count {
        wire.fail(at, Errno::PROTO)
    }
    wire.send(Frame::Ready);
    let Frame::Start = wire.receive() else { kernel::exit_group(1) };
    let (errno, detail) = execute(plan);
    wire.fail_in_detail(AT_EXEC, errno, detail)
}

fn perform(step: Step<'_>, setgroups_denied: bool) -> Result<(), Errno> {
    let mounted = |done: Result<(), rootfs_floor::sys::Errno>| done.map_err(|errno| Errno(errno.0));
    match step {
        Step::ReceiveOnly => mounted(mount::receive_only()),
        Step::Bind { source, target } => mounted(mount::bind(source, target)),
        Step::Proc { target } => mounted(mount::proc(target)),
        Step::Hostname { name } => uts::hostname(name),
        Step::Loopback => loopback::up(),
        Step::Unshare { flags } => kernel::unshare(flags),
        Step::Become { uid, gid, drop_groups } => {
            identity::become_user(uid, gid, if drop_groups && !setgroups_denied { Groups::Drop } else { Groups::Keep })
        }
        Step::Undumpable => process::undumpable(),
        Step::Umask { mask } => {
            kernel::umask(mask);
            Ok(())
        }
        Step::Directory { path } => kernel::chdir(path),
        Step::Session => kernel::setsid(),
        Step::DieWithCaller { signal } => process::parent_death_signal(signal),
    }
}

/// Tries the program's paths in order, as execvp(3) does: past what is absent, and past what may not be executed if a later
/// one may. Returns only if none could be executed.
fn execute(plan: &Flat<'static>) -> (Errno, Detail) {
    let mut answer = (Errno::NOENT, Detail::Absent);
    let mut at = 0;
    while let Some(path) = plan.program(at) {
        let errno = sys::execve(path, plan);
        match errno {
            Errno::NOENT if kernel::exists(path) => return (errno, Detail::Interpreter),
            // A path that was given says what is wrong with it; a name that is looked for is just not there.
            Errno::NOENT => {}
            Errno::NOTDIR | Errno::ACCES if plan.header().programs.count > 1 && !kernel::exists(path) => {}
            Errno::ACCES => answer = (errno, denial(path)),
            _ => return (errno, Detail::None),
        }
        at = at.saturating_add(1);
    }
    answer
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

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tracing: which calls a program makes, seen by ptrace(2), where no filter can ask about them.
//!
//! A thread of its own starts the program, since it is a thread that traces, and waits for what it has started and traces
//! alone, so that other children of the process are nobody's here. A program can see that it is traced, and cannot trace.
//!
//! Man: ptrace(2).

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::thread;

use nix::libc;

use super::Arch;
use super::sys::{self, ptrace};
use crate::error::{Error, ErrorKind, Object};

const OP: &str = "record";
const OBJECT: Object = Object::Named("the system calls of a program");

/// What was seen: calls, each once, and how the program ended.
pub(super) struct Seen {
    pub(super) calls: BTreeSet<ptrace::Made>,
    pub(super) status: Option<ExitStatus>,
}

/// Runs a program to its end, and that of all that it has started.
///
/// # Errors
/// As [`Command::spawn`]; `Denied` where nobody may be traced, or the process is itself without the right to let it.
pub(super) fn trace(command: &mut Command) -> Result<Seen, Error> {
    let failed = |error| Error::io(OP, OBJECT, &error);
    let joined = thread::scope(|scope| {
        let tracer = thread::Builder::new().name("tracer".to_owned()).spawn_scoped(scope, || run(command));
        tracer.map(thread::ScopedJoinHandle::join)
    });
    match joined.map_err(failed)? {
        Ok(seen) => seen.map_err(failed),
        Err(_) => {
            Err(Error::because(OP, OBJECT, ErrorKind::WrongState, "the thread that traces has panicked".to_owned()))
        }
    }
}

fn run(command: &mut Command) -> io::Result<Seen> {
    let armed = Arc::new(());
    sys::before_exec(command, Arc::downgrade(&armed), |()| ptrace::trace_me());
    let mut child = command.spawn()?;
    drop((armed, child.stdin.take()));
    let first = child.id().cast_signed();
    let mut seen = Seen { calls: BTreeSet::new(), status: None };
    // Of its exec only the end is seen.
    let exec = Arch::NATIVE.number_of("execve").map(|number| (Arch::NATIVE.audit_number(), number));
    seen.calls.extend(exec);
    let mut known = BTreeSet::new();
    while let Some((thread, status)) = ptrace::wait()? {
        if !libc::WIFSTOPPED(status) {
            known.remove(&thread);
            if thread == first {
                seen.status = Some(ExitStatus::from_raw(status));
            }
            continue;
        }
        let is_new = known.insert(thread);
        // Whoever is killed meanwhile is told of by the next wait.
        let _gone = stopped(thread, status, is_new.then_some(first), &mut seen.calls);
    }
    Ok(seen)
}

/// Looks at why a thread has stopped, and has it go on. `new` is the first thread of all, if this is its first stop.
fn stopped(thread: i32, status: i32, new: Option<i32>, calls: &mut BTreeSet<ptrace::Made>) -> io::Result<()> {
    const CALL: i32 = libc::SIGTRAP | 0x80;
    let signal = match (libc::WSTOPSIG(status), status >> 16, new) {
        // The exec.
        (libc::SIGTRAP, 0, Some(first)) if first == thread => {
            ptrace::set_options(thread)?;
            0
        }
        // What is traced since it was started begins with this.
        (libc::SIGSTOP, 0, Some(first)) if first != thread => 0,
        (CALL, ..) => {
            calls.extend(ptrace::about_to_make(thread)?);
            0
        }
        (signal, 0, _) if ptrace::gets_signal(thread) => signal,
        // Events; and the stop of a process, which goes on.
        _ => 0,
    };
    ptrace::go_on(thread, signal)
}

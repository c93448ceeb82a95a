// SPDX-License-Identifier: MIT OR Apache-2.0
//! A role that is traced: stopped before and after its system calls, at births and at execs.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::common::{DEADLINE, role};

/// A role whose starting threads are traced and wait for their cue.
pub(crate) struct Traced {
    pub(crate) child: Child,
    pub(crate) output: BufReader<ChildStdout>,
    pub(crate) threads: Vec<Pid>,
}

impl Traced {
    /// Starts the role, and traces each of the `count` threads that say they are ready.
    pub(crate) fn start(part: &str, count: usize, options: Options) -> Self {
        Self::start_with(part, count, options, |_| {})
    }

    /// The same of a role that is told more.
    pub(crate) fn start_with(
        part: &str,
        count: usize,
        options: Options,
        tell: impl FnOnce(&mut std::process::Command),
    ) -> Self {
        let mut role = role(part);
        tell(&mut role);
        let mut child = role.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let threads: Vec<Pid> = (0..count).map(|_| ready(&mut output)).collect();
        for thread in &threads {
            ptrace::seize(*thread, options | Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL).unwrap();
            ptrace::interrupt(*thread).unwrap();
            waitpid(*thread, Some(WaitPidFlag::__WALL)).unwrap();
        }
        Self { child, output, threads }
    }

    /// Lets the role begin.
    pub(crate) fn cue(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// The rest of its output, to the end.
    pub(crate) fn said(mut self) -> String {
        drop(self.child.stdin.take());
        let mut text = String::new();
        std::io::Read::read_to_string(&mut self.output, &mut text).unwrap();
        text
    }
}

fn ready(output: &mut impl BufRead) -> Pid {
    let mut line = String::new();
    while !line.starts_with("ready ") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the role has ended early");
    }
    Pid::from_raw(line["ready ".len()..].trim().parse().unwrap())
}

/// The next stop of any traced thread; `None` when nobody is left.
pub(crate) fn next_stop() -> Option<WaitStatus> {
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL)) {
            Ok(status) => return Some(status),
            Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) => return None,
            Err(errno) => panic!("wait: {errno}"),
        }
    }
}

/// Lets a stopped thread go on, to its next system call or not; one that was killed meanwhile is gone.
pub(crate) fn go_on(thread: Pid, to_system_call: bool, signal: Option<Signal>) {
    let done = if to_system_call { ptrace::syscall(thread, signal) } else { ptrace::cont(thread, signal) };
    assert!(matches!(done, Ok(()) | Err(Errno::ESRCH)), "{done:?}");
}

/// The signal that a stop would have delivered; none of its own for the stops that tracing makes.
pub(crate) fn pending(status: WaitStatus) -> Option<Signal> {
    match status {
        WaitStatus::Stopped(_, signal) => Some(signal),
        _ => None,
    }
}

/// Reaps until there is no child of this process left, which adopts every orphan; fails if there is one that stays.
pub(crate) fn until_nobody_is_left(when: &str) {
    let end = Instant::now() + DEADLINE;
    loop {
        match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return,
            Err(Errno::EINTR) => {}
            Err(errno) => panic!("wait: {errno}"),
            Ok(WaitStatus::StillAlive) if Instant::now() > end => panic!("{when}: a process is left: {}", children()),
            Ok(WaitStatus::StillAlive) => std::thread::sleep(std::time::Duration::from_micros(300)),
            Ok(WaitStatus::Stopped(pid, signal)) => go_on(pid, false, Some(signal)),
            Ok(WaitStatus::PtraceEvent(pid, ..) | WaitStatus::PtraceSyscall(pid)) => go_on(pid, false, None),
            Ok(_) => {}
        }
    }
}

fn children() -> String {
    let listed = std::fs::read_to_string(format!("/proc/self/task/{}/children", nix::unistd::gettid()));
    let pids = listed.unwrap_or_default();
    let describe = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    pids.split_whitespace().map(describe).collect()
}

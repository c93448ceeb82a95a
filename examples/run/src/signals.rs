// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals for skep-run that are meant for the program.
//!
//! The program is PID 1 of its namespace: the kernel drops signals that it has no handler for, which would end any other
//! program. So that Ctrl-C and `kill` do what they do to every command, such a signal ends the container here.

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use skep::Container;
use skep::ns::ExitStatus;

const FORWARDED: [Signal; 7] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
];

/// `si_code` of a signal that the kernel itself sent: by the terminal, to the whole foreground group.
const SI_KERNEL: i32 = 0x80;

/// The signals that are forwarded, blocked from now on and read from a descriptor.
#[derive(Debug)]
pub(crate) struct Signals(SignalFd);

/// How the container ended.
#[derive(Debug)]
pub(crate) enum Ended {
    ByItself(ExitStatus),
    BySignal(u8),
}

impl Signals {
    /// Blocks them.
    pub(crate) fn block() -> nix::Result<Self> {
        // What is ignored, by nohup or by a shell that runs us in the background, stays ignored: not for us, not for it.
        let ignored = signals_of(std::process::id(), "SigIgn:").unwrap_or(0);
        let set = SigSet::from_iter(FORWARDED.into_iter().filter(|signal| ignored & bit(*signal as u8) == 0));
        // Made first: without it they had better do what they always do.
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        set.thread_block()?;
        Ok(Self(signals))
    }

    /// Waits for the container's end, and hands it every signal that arrives until then.
    pub(crate) fn forward_until_end(&self, container: &Container) -> Result<Ended, skep::Error> {
        loop {
            let mut fds =
                [PollFd::new(container.as_fd(), PollFlags::POLLIN), PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            match nix::poll::poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(nix::Error::EINTR) => {}
                // Out of memory, say: no more forwarding, but its end is still worth waiting for.
                Err(_) => return container.wait().map(Ended::ByItself),
            }
            if let Some(status) = container.try_wait()? {
                return Ok(Ended::ByItself(status));
            }
            while let Ok(Some(info)) = self.0.read_signal() {
                let Ok(signal) = u8::try_from(info.ssi_signo) else { continue };
                if is_deadly(signal) && container.pid().is_some_and(|pid| would_be_dropped(pid, signal)) {
                    container.kill()?;
                    container.wait()?;
                    return Ok(Ended::BySignal(signal));
                }
                // The terminal has sent it to the program as well.
                if info.ssi_code != SI_KERNEL {
                    let _ended_meanwhile = container.signal(signal.into());
                }
            }
        }
    }
}

/// Whether the signal ends a process that does nothing about it.
fn is_deadly(signal: u8) -> bool {
    i32::from(signal) != Signal::SIGWINCH as i32
}

/// Whether the process neither handles the signal, nor ignores it, nor waits for it with the signal blocked. Taken for true
/// where nobody can tell: a command that cannot be ended is worse than one that is ended too soon.
fn would_be_dropped(pid: u32, signal: u8) -> bool {
    let is_in = |set| signals_of(pid, set).is_some_and(|mask| mask & bit(signal) != 0);
    !["SigCgt:", "SigIgn:", "SigBlk:"].into_iter().any(is_in)
}

/// A set of signals as /proc/PID/status shows it; `None` without a /proc.
fn signals_of(pid: u32, set: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix(set))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

fn bit(signal: u8) -> u64 {
    1 << signal.saturating_sub(1)
}

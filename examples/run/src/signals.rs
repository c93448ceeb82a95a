// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals for skep-run that are meant for the program.
//!
//! Process 1 of the container is an init, which hands them on. Where the program itself is process 1, the kernel drops
//! signals that it has no handler for, which would end any other program: so that `kill` does what it does to every
//! command, such a signal to skep-run ends the container here. (Keys in the container's own terminal do not come by.)

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use skep::Container;
use skep::ns::ExitStatus;

use crate::terminal::{Key, Relay};

const FORWARDED: [Signal; 7] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
];

/// What a terminal's keeper has to know of besides: that a shell stops it, and has given it the terminal back.
const OF_JOB_CONTROL: [Signal; 2] = [Signal::SIGTSTP, Signal::SIGCONT];

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
    /// Blocks them; those of job control too if we keep a terminal.
    pub(crate) fn block(keeps_terminal: bool) -> nix::Result<Self> {
        // What is ignored, by nohup or by a shell that runs us in the background, stays ignored: not for us, not for it.
        let ignored = signals_of(std::process::id(), "SigIgn:").unwrap_or(0);
        let of_job_control = OF_JOB_CONTROL.into_iter().filter(|_| keeps_terminal);
        let set = SigSet::from_iter(
            FORWARDED.into_iter().chain(of_job_control).filter(|signal| ignored & bit(*signal as u8) == 0),
        );
        // Made first: without it they had better do what they always do.
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        set.thread_block()?;
        Ok(Self(signals))
    }

    /// Waits for the container's end, and hands it every signal that arrives until then; with a terminal, until what it has
    /// written there has been shown, unless a signal says not to wait for that.
    pub(crate) fn forward_until_end(
        &self,
        container: &Container,
        relay: &mut Option<Relay>,
        has_init: bool,
    ) -> Result<Ended, skep::Error> {
        let mut ended = None;
        loop {
            let mut fds = vec![PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            if ended.is_none() {
                fds.push(PollFd::new(container.as_fd(), PollFlags::POLLIN));
            }
            if let Some(relay) = &*relay {
                relay.watch(&mut fds);
            }
            match nix::poll::poll(&mut fds, relay.as_ref().map_or(PollTimeout::NONE, Relay::timeout)) {
                Ok(_) | Err(nix::Error::EINTR) => {}
                // Out of memory, say: no more forwarding, but its end is still worth waiting for.
                Err(_) => return container.wait().map(Ended::ByItself),
            }
            if ended.is_none() {
                ended = container.try_wait()?;
            }
            if let (Some(status), None) = (ended, &*relay) {
                return Ok(Ended::ByItself(status));
            }
            // Before keys are read: that the terminal is ours again, and how large it is, is older than they are.
            while let Ok(Some(info)) = self.0.read_signal() {
                let Ok(signal) = u8::try_from(info.ssi_signo) else { continue };
                if let Some(relay) = relay
                    && concerns_terminal(signal, info.ssi_code == SI_KERNEL, relay)
                {
                    continue;
                }
                if let Some(status) = ended {
                    return Ok(Ended::ByItself(status));
                }
                // An init hands them on; while it waits for them none is blocked in it that could be looked for.
                if !has_init && is_deadly(signal) && container.pid().is_some_and(|pid| would_be_dropped(pid, signal)) {
                    container.kill()?;
                    container.wait()?;
                    return Ok(Ended::BySignal(signal));
                }
                // Its session is its own: what a terminal sends to all of ours does not reach it without us.
                let _ended_meanwhile = container.signal(signal.into());
            }
            let Some(relay) = relay else { continue };
            if ended.is_some() {
                relay.end();
            }
            relay.turn();
            if let Some(status) = ended.filter(|_| relay.is_done()) {
                return Ok(Ended::ByItself(status));
            }
        }
    }
}

/// Does what a signal asks of the keeper of a terminal; whether it does.
fn concerns_terminal(signal: u8, is_a_key: bool, relay: &mut Relay) -> bool {
    match Signal::try_from(i32::from(signal)) {
        // For all of what is in the foreground in there, as it was for all of ours: so no signal to the program.
        Ok(Signal::SIGINT) if is_a_key => relay.press(Key::Interrupt),
        Ok(Signal::SIGQUIT) if is_a_key => relay.press(Key::Quit),
        Ok(Signal::SIGWINCH) => relay.resize(),
        Ok(Signal::SIGCONT) => relay.resume(),
        Ok(Signal::SIGTSTP) => {
            relay.suspend();
            // The one that is not blocked. Whoever lets us go on sends SIGCONT.
            let _running = nix::sys::signal::raise(Signal::SIGSTOP);
        }
        _ => return false,
    }
    true
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

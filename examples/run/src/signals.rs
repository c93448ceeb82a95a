// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signals for skep-run that are meant for the program.
//!
//! Process 1 of the container is an init, which hands them on. Where the program itself is process 1, the kernel drops
//! signals that it has no handler for, which would end any other program: so that `kill` does what it does to every
//! command, such a signal to skep-run ends the container here. (Keys in the container's own terminal do not come by.)
//!
//! Stopping goes the other way round, as no process may be stopped that nobody would have go on: the program is asked, and
//! once it has stopped, by that or by Ctrl-Z in its own terminal, the init tells, and skep-run stops with it, where its shell
//! sees it.

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal, killpg, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::getpgrp;
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

/// What is to be known besides by who can be stopped with the program, and who keeps a terminal: that a shell stops it, and
/// has it go on.
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
    /// Blocks them; those of job control too if they are ours to handle.
    pub(crate) fn block(has_job_control: bool) -> nix::Result<Self> {
        // What is ignored, by nohup or by a shell that runs us in the background, stays ignored: not for us, not for it.
        let ignored = signals_of(std::process::id(), "SigIgn:").unwrap_or(0);
        let of_job_control = OF_JOB_CONTROL.into_iter().filter(|_| has_job_control);
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
        let mut is_stopped = false;
        loop {
            let mut fds = vec![PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
            if ended.is_none() {
                fds.push(PollFd::new(container.as_fd(), PollFlags::POLLIN));
                fds.extend(container.stops.iter().map(|stops| PollFd::new(stops.as_fd(), PollFlags::POLLIN)));
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
                if concerns_us(signal, info.ssi_code == SI_KERNEL, relay.as_mut(), has_init) {
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
            let stops = container.stops.as_ref().filter(|_| ended.is_none());
            is_stopped |= stops.is_some_and(|stops| stops.take().is_ok_and(|count| count > 0));
            if let Some(relay) = relay {
                if ended.is_some() {
                    relay.end();
                }
                relay.turn();
                if let Some(status) = ended.filter(|_| relay.is_done()) {
                    return Ok(Ended::ByItself(status));
                }
            }
            // What it has written last is shown before: an editor puts the screen back.
            if is_stopped && ended.is_none() && relay.as_ref().is_none_or(Relay::is_quiet) {
                is_stopped = false;
                if stop(relay.as_mut()) == Stop::None {
                    let _ended_meanwhile = container.signal(Signal::SIGCONT as i32);
                }
            }
        }
    }
}

/// Does what a signal asks of us alone; whether that was all.
fn concerns_us(signal: u8, is_a_key: bool, relay: Option<&mut Relay>, has_init: bool) -> bool {
    match (Signal::try_from(i32::from(signal)), relay) {
        // For all of what is in the foreground in there, as it was for all of ours: so no signal to the program.
        (Ok(Signal::SIGINT), Some(relay)) if is_a_key => relay.press(Key::Interrupt),
        (Ok(Signal::SIGQUIT), Some(relay)) if is_a_key => relay.press(Key::Quit),
        (Ok(Signal::SIGTSTP), Some(relay)) if is_a_key && has_init => relay.press(Key::Suspend),
        (Ok(Signal::SIGWINCH), Some(relay)) => relay.resize(),
        (Ok(Signal::SIGCONT), relay) => {
            if let Some(relay) = relay {
                relay.resume();
            }
            // The program goes on too, if it was stopped.
            return !has_init;
        }
        // Where it is process 1, nothing stops it.
        (Ok(Signal::SIGTSTP), relay) if !has_init => {
            stop(relay);
        }
        _ => return false,
    }
    true
}

/// Whether we were stopped.
#[derive(Debug, PartialEq, Eq)]
enum Stop {
    /// Until somebody has us go on, whose SIGCONT waits to be read.
    Full,
    /// There is nobody who would have us go on: the kernel does not stop us then.
    None,
}

/// Stops, and with a terminal all of our process group, which a key in it would have stopped.
fn stop(mut relay: Option<&mut Relay>) -> Stop {
    let has_terminal = relay.is_some();
    if let Some(relay) = &mut relay {
        relay.suspend();
    }
    let is_sent = if has_terminal { killpg(getpgrp(), Signal::SIGTSTP) } else { raise(Signal::SIGTSTP) };
    let one = SigSet::from(Signal::SIGTSTP);
    // Here it stops us.
    let _stopped = is_sent.and_then(|()| one.thread_unblock()).and_then(|()| one.thread_block());
    if signals_of(std::process::id(), "ShdPnd:").is_some_and(|pending| pending & bit(Signal::SIGCONT as u8) != 0) {
        return Stop::Full;
    }
    if let Some(relay) = &mut relay {
        relay.resume();
    }
    Stop::None
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

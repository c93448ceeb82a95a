// SPDX-License-Identifier: MIT OR Apache-2.0
//! Stopping: asking a container to end, and ending it if it does not.

use std::time::{Duration, Instant};

use skep_ns::{ExitStatus, NamespaceKind};

use super::running::Container;
use crate::error::{Error, ErrorKind};

const SIGHUP: i32 = 1;
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
/// `SIGRTMIN+3`, as the kernel numbers it: systemd's word for a halt, systemd(1), "SIGNALS".
const SYSTEMD_HALT: i32 = 37;

/// How long a killed process may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What an init has asked of its machine, which is the container: reboot(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RebootRequest {
    /// To be started again.
    Restart,
    /// To be off.
    Halt,
}

impl Container {
    /// Asks it to end, and ends it if it has not within `deadline`; answers how it ended, by `SIGKILL` if it had to be.
    ///
    /// It is asked by its [`stop_signal`](crate::Builder::stop_signal), or if none was said by `SIGTERM`, and where systemd is
    /// its process 1 by systemd's own. What is frozen is thawed for it. A process 1 that neither handles nor blocks that
    /// signal is kept from it by the kernel: it would never hear it, and is killed at once where that is certain.
    ///
    /// # Errors
    /// As [`PidFd::signal`](skep_ns::PidFd::signal); `TimedOut` if what was killed does not end within ten seconds.
    /// `WrongState` if it was never started. One that has ended is no failure.
    /// # Privileges
    /// Those over its processes, kill(2), and over its cgroup if it is frozen.
    #[doc(alias = "SIGTERM")]
    #[doc(alias = "SIGPWR")]
    pub fn stop(&self, deadline: Duration) -> Result<ExitStatus, Error> {
        if let Some(status) = self.try_wait_if_ended()? {
            return Ok(status);
        }
        let end = Instant::now().checked_add(deadline);
        let left = || end.map_or(deadline, |end| end.saturating_duration_since(Instant::now()));
        let signal = self.halt_signal();
        if self.hears(signal) {
            match self.signal(signal) {
                // It has ended by itself in between.
                Err(error) if error.kind() == ErrorKind::WrongState => {}
                sent => sent?,
            }
            if self.is_frozen() {
                // Asked first: it does nothing else in between.
                let _held_above = self.thaw(left());
            }
            if let Some(status) = self.wait_for(left())? {
                return Ok(status);
            }
        }
        self.kill()?;
        self.wait_for(PATIENCE)?.ok_or_else(|| {
            let why =
                "its first process was killed and does not end: it is in the kernel's or a tracer's hands".to_owned();
            Error::because("stop", self.object(), ErrorKind::TimedOut, why)
        })
    }

    /// What its init has asked for by reboot(2), if `status`, by which it [ended](Self::wait), says so: in a pid namespace of
    /// its own that call ends process 1, by `SIGHUP` for a restart and `SIGINT` for the rest.
    ///
    /// A signal of that number that somebody sends from outside looks the same. Starting it again is the caller's: make it
    /// anew by its [`spec`](Self::spec).
    /// # Kernel
    /// Linux 3.4; the call takes `CAP_SYS_BOOT` in the container. See reboot(2).
    #[must_use]
    #[doc(alias = "reboot")]
    pub fn reboot_request(&self, status: ExitStatus) -> Option<RebootRequest> {
        if !self.spec().is_some_and(|spec| spec.namespaces.contains(NamespaceKind::Pid)) {
            return None;
        }
        match status.signal() {
            Some(SIGHUP) => Some(RebootRequest::Restart),
            Some(SIGINT) => Some(RebootRequest::Halt),
            _ => None,
        }
    }

    /// How it ended, if it has; an error if it was never started.
    fn try_wait_if_ended(&self) -> Result<Option<ExitStatus>, Error> {
        if self.first.process().is_some() { self.try_wait() } else { self.wait().map(Some) }
    }

    fn halt_signal(&self) -> i32 {
        let said = self.spec().and_then(|spec| spec.stop_signal);
        let comm = || self.pid().and_then(|pid| std::fs::read(format!("/proc/{pid}/comm")).ok());
        said.unwrap_or_else(|| if comm().is_some_and(|comm| comm == b"systemd\n") { SYSTEMD_HALT } else { SIGTERM })
    }

    /// Whether its first process may hear this signal from here: not if it is process 1 of a pid namespace, where the kernel
    /// drops what there is neither a handler for nor somebody who waits. What cannot be told for certain is taken to.
    fn hears(&self, signal: i32) -> bool {
        let makes_pids = self.spec().is_some_and(|spec| spec.namespaces.contains(NamespaceKind::Pid));
        let Some(pid) = self.pid().filter(|_| makes_pids) else { return true };
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
        // It must have slept all the while in one and the same call: who waits for signals by a call has them unblocked for
        // it.
        let (Some(before), Some(call), Some(after)) = (read("status"), read("syscall"), read("status")) else {
            return true;
        };
        sleeps(&before) != sleeps(&after) || !is_deaf(&call, &before, signal)
    }
}

/// How often a process of this status has been off a processor, by its will and against it.
fn sleeps(status: &str) -> Vec<&str> {
    status.lines().filter(|line| line.contains("ctxt_switches:")).collect()
}

/// Whether a process in this system call, of this status, is deaf to the signal: both as /proc has them.
fn is_deaf(call: &str, status: &str, signal: i32) -> bool {
    let value = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map(str::trim);
    let bit = u32::try_from(signal).ok().and_then(|signal| signal.checked_sub(1)).filter(|bit| *bit < 64);
    let lacks = |key: &str| {
        let mask = value(key).and_then(|mask| u64::from_str_radix(mask, 16).ok());
        mask.zip(bit).is_some_and(|(mask, bit)| mask >> bit & 1 == 0)
    };
    // "running" if it is in none.
    let number = call.split(' ').next().and_then(|number| number.parse().ok());
    let waits = number.is_none_or(|number: i64| SIGTIMEDWAIT.contains(&number));
    value("Threads") == Some("1") && !waits && lacks("SigCgt") && lacks("SigBlk")
}

/// The numbers of rt_sigtimedwait(2): on x86_64 and aarch64, for programs of 32 bits on either, in two forms, and of x32.
const SIGTIMEDWAIT: [i64; 5] = [128, 137, 177, 421, 0x4000_020b];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_certainly_hears_nothing_is_deaf() {
        let status = |threads: u32, blocked: u64, caught: u64| {
            format!("Name:\tx\nThreads:\t{threads}\nSigBlk:\t{blocked:016x}\nSigIgn:\t0\nSigCgt:\t{caught:016x}\n")
        };
        let term = 1 << 14;
        let [waits, waits_in_32_bits] = [0, 2].map(|form| format!("{} 0x0 0x0", SIGTIMEDWAIT[form]));
        assert!(is_deaf("230 0x0", &status(1, 0, 0), 15));
        assert!(is_deaf("230 0x0", &status(1, !term, !term), 15));
        assert!(is_deaf("230 0x0", &status(1, 0, 0), 64));
        for (call, status, signal) in [
            (waits.as_str(), status(1, 0, 0), 15),
            (waits_in_32_bits.as_str(), status(1, 0, 0), 15),
            ("running", status(1, 0, 0), 15),
            ("-1 0x0", status(2, 0, 0), 15),
            ("230 0x0", status(2, 0, 0), 15),
            ("230 0x0", status(1, term, 0), 15),
            ("230 0x0", status(1, 0, term), 15),
            ("230 0x0", status(1, 0, 0), 65),
            ("230 0x0", status(1, 0, 0), 0),
            ("230 0x0", String::new(), 15),
            ("", status(1, 0, 0), 15),
        ] {
            assert!(!is_deaf(call, &status, signal), "{call} {signal} {status}");
        }
    }
}

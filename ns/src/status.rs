// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a process ended.
//!
//! Unlike std's, an [`ExitStatus`] may be *unknown*: a host program that ignores `SIGCHLD`, or reaps every child of the
//! process, takes the status away before anybody can ask for it. It is then never made up.
//!
//! Man: wait(2), pidfd_open(2), `PIDFD_GET_INFO` in ioctl_pidfd(2).

use std::fmt;

/// How a process ended: an exit code, a signal, or unknown.
///
/// See waitid(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExitStatus(Option<i32>);

impl ExitStatus {
    /// The status that nobody could learn any more.
    pub const UNKNOWN: Self = Self(None);

    /// From a wait status, as wait(2) and `PIDFD_GET_INFO` encode it. That of a stopped or continued process is no end:
    /// unknown.
    #[must_use]
    pub const fn from_wait_status(status: i32) -> Self {
        if status & 0x7f == 0x7f { Self(None) } else { Self(Some(status)) }
    }

    /// Whether the process ended with exit code 0. An unknown status is not a success.
    #[must_use]
    pub fn success(&self) -> bool {
        self.code() == Some(0)
    }

    /// The exit code, 0 to 255, if the process exited.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.0.filter(|status| status & 0x7f == 0).map(|status| (status >> 8) & 0xff)
    }

    /// The signal that ended the process, 1 to 64, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        self.0.map(|status| status & 0x7f).filter(|signal| *signal != 0)
    }

    /// Whether the kernel wrote a core dump.
    #[must_use]
    pub fn core_dumped(&self) -> bool {
        self.signal().is_some() && self.0.is_some_and(|status| status & 0x80 != 0)
    }

    /// Whether it is known how the process ended.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.0.is_some()
    }

    /// As shells show it: the exit code, 128 + n for signal n, nothing when unknown.
    #[must_use]
    pub fn shell_code(&self) -> Option<u8> {
        let code = self.code().or_else(|| self.signal().map(|signal| 128 + signal))?;
        u8::try_from(code).ok()
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code(), self.signal()) {
            (Some(code), _) => write!(f, "exit code {code}"),
            (None, Some(signal)) if self.core_dumped() => write!(f, "signal {signal} (core dumped)"),
            (None, Some(signal)) => write!(f, "signal {signal}"),
            (None, None) => f.write_str("unknown status: somebody else in this process reaped it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_status_is_never_a_success() {
        assert!(!ExitStatus::UNKNOWN.success());
        assert_eq!(ExitStatus::UNKNOWN.code(), None);
        assert_eq!(ExitStatus::UNKNOWN.signal(), None);
        assert_eq!(ExitStatus::UNKNOWN.shell_code(), None);
    }

    #[test]
    fn a_stop_is_no_end() {
        for stopped in [0x137f, 0xffff] {
            assert_eq!(ExitStatus::from_wait_status(stopped), ExitStatus::UNKNOWN);
        }
    }

    #[test]
    fn wait_statuses_decode_as_std_s_do() {
        use std::os::unix::process::ExitStatusExt;
        for raw in [0, 1 << 8, 127 << 8, 255 << 8, 9, 11 | 0x80, 15, 64] {
            let (ours, std) = (ExitStatus::from_wait_status(raw), std::process::ExitStatus::from_raw(raw));
            assert_eq!(ours.code(), std.code(), "{raw:#x}");
            assert_eq!(ours.signal(), std.signal(), "{raw:#x}");
            assert_eq!(ours.core_dumped(), std.core_dumped(), "{raw:#x}");
            assert_eq!(ours.success(), std.success(), "{raw:#x}");
        }
    }

    #[test]
    fn shells_see_signals_above_128() {
        assert_eq!(ExitStatus::from_wait_status(9).shell_code(), Some(137));
        assert_eq!(ExitStatus::from_wait_status(3 << 8).shell_code(), Some(3));
    }
}

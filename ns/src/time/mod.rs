// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clocks: what a time namespace adds to them.
//!
//! A process that has unshared the time namespace stays in its old one; its children begin in the new. Until the first is
//! there the offsets can be written, to `/proc/PID/timens_offsets` of the process; then never again.
//!
//! Man: time_namespaces(7), clock_gettime(2).

#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Object};
use crate::procfs::{self, demand_procfs};

/// The furthest that the kernel moves a clock, in seconds either way: 292 years (`KTIME_SEC_MAX`).
const FURTHEST: i64 = 9_223_372_036;
const NANOS: i128 = 1_000_000_000;

/// How far a clock of a time namespace is ahead of the initial one's, or behind: at most 292 years. See
/// time_namespaces(7).
///
/// Displays as the kernel writes it: seconds, rounded down, and nanoseconds more. What is half a second behind is
/// `-1 500000000`.
///
/// ```
/// use std::time::Duration;
/// use skep_ns::ClockOffset;
///
/// let back = ClockOffset::behind(Duration::from_millis(1500));
/// assert_eq!((back.seconds(), back.nanoseconds()), (-2, 500_000_000));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct ClockOffset {
    seconds: i64,
    nanoseconds: u32,
}

impl ClockOffset {
    /// As the initial one's.
    pub const ZERO: Self = Self { seconds: 0, nanoseconds: 0 };

    /// So many seconds, and nanoseconds more: to be 0 to 999,999,999, which [`TimeOffsets::check`] looks at.
    #[must_use]
    pub const fn new(seconds: i64, nanoseconds: u32) -> Self {
        Self { seconds, nanoseconds }
    }

    /// Later than the initial one's.
    #[must_use]
    pub fn ahead(by: Duration) -> Self {
        // What does not fit is beyond what the kernel takes, and a problem then.
        Self { seconds: i64::try_from(by.as_secs()).unwrap_or(i64::MAX), nanoseconds: by.subsec_nanos() }
    }

    /// Earlier than the initial one's.
    #[must_use]
    pub fn behind(by: Duration) -> Self {
        let nanos = i128::try_from(by.as_nanos()).map_or(i128::MIN, |nanos| -nanos);
        let seconds = i64::try_from(nanos.div_euclid(NANOS)).unwrap_or(i64::MIN);
        Self { seconds, nanoseconds: u32::try_from(nanos.rem_euclid(NANOS)).unwrap_or_default() }
    }

    /// The whole seconds, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// The nanoseconds on top of them.
    #[must_use]
    pub const fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }

    fn problems(self, place: &str) -> Vec<String> {
        let mut problems = Vec::new();
        if !(-FURTHEST..=FURTHEST).contains(&self.seconds) {
            problems.push(format!("{place}: {} seconds are more than 292 years", self.seconds));
        }
        if self.nanoseconds > 999_999_999 {
            problems.push(format!("{place}: {} nanoseconds are more than a second", self.nanoseconds));
        }
        problems
    }
}

impl fmt::Display for ClockOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.seconds, self.nanoseconds)
    }
}

/// What a time namespace adds to the clocks. The clock that tells the date has none. See time_namespaces(7), clock_gettime(2).
///
/// Displays, and parses, as the text of `/proc/PID/timens_offsets`; a clock without a line is not moved.
///
/// ```
/// use std::time::Duration;
/// use skep_ns::{ClockOffset, TimeOffsets};
///
/// let offsets = TimeOffsets::new().boottime(ClockOffset::ahead(Duration::from_secs(86_400)));
/// assert_eq!(offsets.to_string(), "monotonic 0 0\nboottime 86400 0\n");
/// assert_eq!(offsets.to_string().parse::<TimeOffsets>()?, offsets);
/// # Ok::<(), skep_ns::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct TimeOffsets {
    /// Of `CLOCK_MONOTONIC`, with its coarse and raw forms.
    pub monotonic: ClockOffset,
    /// Of `CLOCK_BOOTTIME`, with its alarm form: what uptime(1) shows.
    pub boottime: ClockOffset,
}

impl TimeOffsets {
    /// No offsets.
    #[must_use]
    pub const fn new() -> Self {
        Self { monotonic: ClockOffset::ZERO, boottime: ClockOffset::ZERO }
    }

    /// With this offset of the monotonic clock.
    #[must_use]
    #[doc(alias = "CLOCK_MONOTONIC")]
    pub const fn monotonic(mut self, offset: ClockOffset) -> Self {
        self.monotonic = offset;
        self
    }

    /// With this offset of the time since boot.
    #[must_use]
    #[doc(alias = "CLOCK_BOOTTIME")]
    pub const fn boottime(mut self, offset: ClockOffset) -> Self {
        self.boottime = offset;
        self
    }

    /// Everything wrong with the offsets by themselves, a sentence each.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        [self.monotonic.problems("monotonic"), self.boottime.problems("boottime")].concat()
    }

    /// Whether the offsets can be written. What a clock of now makes of them is for the kernel: it must not become negative,
    /// nor pass 146 years.
    ///
    /// # Errors
    /// `Invalid`, with every problem found.
    pub fn check(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("use", Object::Named("clock offsets"), problems)) }
    }

    /// Writes the offsets of the time namespace that the *children* of a process will be in.
    ///
    /// `process` is the directory `/proc/PID` of the process, held open so that it cannot become another. It has unshared
    /// its time namespace, and has no child since; what was cloned with `CLONE_NEWTIME` is in its old one until its exec.
    ///
    /// # Errors
    /// `Invalid` before anything is written, for what [`check`](Self::check) refuses, and if the kernel finds that a clock
    /// would be negative or pass 146 years; `WrongState` if there is a process in the namespace, or it is not a new one;
    /// `Denied` without the right; `NotFound` if the process has ended, `Unsupported` without time namespaces; `Invalid` if
    /// the directory is not one of procfs, `WrongState` if something lies over the file.
    /// # Privileges
    /// `CAP_SYS_TIME` in the user namespace that owns the time namespace, and to write the file.
    /// # Kernel
    /// Linux 5.6. See time_namespaces(7).
    #[doc(alias = "timens_offsets")]
    pub fn write_to(&self, process: impl AsFd) -> Result<(), Error> {
        const OP: &str = "write";
        self.check()?;
        demand_procfs(process.as_fd(), OP, OBJECT)?;
        let failed = |errno: Errno| {
            let raw = errno.raw_os_error();
            let explained = |kind, why| Error::explained(OP, OBJECT, kind, raw, why);
            match errno {
                Errno::RANGE => explained(ErrorKind::Invalid, "a clock would become negative, or pass 146 years"),
                Errno::ACCESS => explained(
                    ErrorKind::WrongState,
                    "the time namespace of its children has a process already, or is the initial one",
                )
                .with_hint("offsets are written after unshare(CLONE_NEWTIME) and before the first child"),
                Errno::PERM => {
                    Error::os(OP, OBJECT, raw).with_hint("it takes CAP_SYS_TIME in the user namespace that owns it")
                }
                _ => explain(OP, errno),
            }
        };
        let mut file = open(process.as_fd(), OFlags::WRONLY).map_err(|errno| match errno {
            // The file's own mode: of another user's process.
            Errno::ACCESS => Error::os(OP, OBJECT, errno.raw_os_error()),
            _ => explain(OP, errno),
        })?;
        // In one call: the kernel takes the lines of one write together.
        file.write(self.to_string().as_bytes()).map(drop).map_err(|error| failed(errno_of(&error)))
    }

    /// Reads the offsets of the time namespace that the *children* of a process will be in; for all but those that have
    /// just unshared it, it is their own.
    ///
    /// `process` is the directory `/proc/PID` of the process.
    ///
    /// # Errors
    /// `NotFound` if the process has ended, `Unsupported` without time namespaces, `Invalid` if the directory is not one of
    /// procfs.
    /// # Kernel
    /// Linux 5.6. See time_namespaces(7).
    pub fn of(process: impl AsFd) -> Result<Self, Error> {
        let mut text = String::new();
        demand_procfs(process.as_fd(), "read", OBJECT)?;
        let mut file = open(process.as_fd(), OFlags::RDONLY).map_err(|errno| explain("read", errno))?;
        file.read_to_string(&mut text).map_err(|error| explain("read", errno_of(&error)))?;
        text.parse()
    }

    /// Those of the calling process' children.
    ///
    /// # Errors
    /// `Unsupported` without time namespaces, `NotFound` where no /proc is mounted.
    /// # Kernel
    /// Linux 5.6. See time_namespaces(7).
    pub fn current() -> Result<Self, Error> {
        let own = procfs::root()
            .and_then(|proc| procfs::own_directory(proc.as_fd()))
            .map_err(|errno| Error::os("open", Object::Path("/proc/self".into()), errno.raw_os_error()))?;
        Self::of(own)
    }
}

const OBJECT: Object = Object::Named("the clock offsets of a process (timens_offsets)");

fn open(process: BorrowedFd<'_>, access: OFlags) -> Result<File, Errno> {
    procfs::open(process, &[c"timens_offsets"], access).map(File::from)
}

fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

fn explain(op: &'static str, errno: Errno) -> Error {
    let raw = errno.raw_os_error();
    match errno {
        Errno::NOENT if !crate::handle::kind_exists(crate::NamespaceKind::Time) => {
            let why = "this kernel has no time namespaces";
            Error::explained(op, OBJECT, ErrorKind::Unsupported, raw, why)
        }
        Errno::NOENT | Errno::SRCH => {
            Error::explained(op, OBJECT, ErrorKind::NotFound, Errno::SRCH.raw_os_error(), "the process has ended")
        }
        Errno::XDEV | Errno::LOOP => Error::explained(op, OBJECT, ErrorKind::WrongState, raw, procfs::NOT_THE_KERNELS),
        _ => Error::os(op, OBJECT, raw),
    }
}

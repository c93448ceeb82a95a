// SPDX-License-Identifier: MIT OR Apache-2.0
//! Outcome: how the command ended and what it used, as a line of JSON.

use std::time::Duration;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::Serialize;
use skep::Container;
use skep::ns::ExitStatus;

/// How the command ended, and what it used.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    /// What skep-run ends with.
    pub(crate) code: u8,
    /// How the command ended, in words: "exit code 7".
    pub(crate) status: String,
    /// From before it was made to its end, in seconds.
    pub(crate) seconds: f64,
    /// Processor time of the command and all that it waited for, in seconds.
    pub(crate) user_seconds: f64,
    /// The same in the kernel.
    pub(crate) system_seconds: f64,
    /// The most memory that one of its processes had, in bytes.
    pub(crate) max_rss: u64,
    /// The most memory that all of them had together, in bytes; null where nothing counts it.
    pub(crate) memory_peak: Option<u64>,
    /// How many of them the kernel ended because memory was used up; null where nothing counts it.
    pub(crate) oom_kills: Option<u64>,
    /// How many processes it was refused; null where nothing counts it.
    pub(crate) forks_refused: Option<u64>,
}

impl Outcome {
    /// That of a container which has ended. To be asked before its cgroup is removed.
    pub(crate) fn of(container: &Container, status: Option<ExitStatus>, code: u8, time: Duration) -> Self {
        // Who is waited for is counted: the launcher and the first process, with all that it has waited for.
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok();
        let seconds = |time: fn(&Usage) -> TimeVal| {
            let micros = usage.as_ref().map(time).map_or(0, |time| u64::try_from(time.num_microseconds()).unwrap_or(0));
            Duration::from_micros(micros).as_secs_f64()
        };
        let cgroup = container.cgroup().ok().flatten();
        let stat = cgroup.as_ref().and_then(|cgroup| cgroup.stat().ok());
        let events = cgroup.as_ref().and_then(|cgroup| cgroup.events().ok());
        Self {
            code,
            status: in_words(status, code),
            seconds: time.as_secs_f64(),
            user_seconds: seconds(Usage::user_time),
            system_seconds: seconds(Usage::system_time),
            max_rss: usage.map_or(0, |usage| u64::try_from(usage.max_rss()).unwrap_or(0).saturating_mul(1024)),
            memory_peak: stat.and_then(|stat| stat.memory.peak).map(|bytes| bytes.as_u64()),
            oom_kills: events.as_ref().and_then(|events| events.oom_kill),
            forks_refused: events.and_then(|events| events.forks_refused),
        }
    }
}

/// How the command ended. An init tells of a signal as shells do.
fn in_words(status: Option<ExitStatus>, code: u8) -> String {
    match (status, code.checked_sub(128).filter(|signal| (1..=64).contains(signal))) {
        (None, signal) => format!("ended by signal {}", signal.unwrap_or_default()),
        (Some(status), Some(signal)) if status.code().is_some() => format!("{status}: signal {signal}, or that code"),
        (Some(status), _) => status.to_string(),
    }
}

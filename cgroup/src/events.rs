// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events: what has happened to a group.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "cgroup.events", "memory.events", "pids.events".

use std::fmt;

use crate::controller::Controller;
use crate::error::Error;
use crate::group::Cgroup;
use crate::layout::Version;
use crate::text::{field, number};

/// What has happened to a group since it was made.
///
/// A count is `None` where the kernel does not keep it. Under version 2 groups below are included; under version 1 the
/// counts are of the group by itself, without groups that a payload has made below it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Events {
    /// Whether it has a process now.
    pub populated: bool,
    /// Whether it is frozen now, all of it; `None` without a freezer.
    #[doc(alias = "freezer.state")]
    pub frozen: Option<bool>,
    /// How often memory was taken from it although it had less than `memory.low`; version 2 alone.
    pub memory_low: Option<u64>,
    /// How often it was slowed down because it had more than `memory.high`; version 2 alone.
    pub memory_high: Option<u64>,
    /// How often it was about to have more memory than it may: then some is taken away first. Where version 1 limits memory
    /// and swap together as much, that limit comes first, and newer kernels do not count it.
    #[doc(alias = "memory.failcnt")]
    pub memory_max: Option<u64>,
    /// How often its memory was used up; version 2 alone.
    pub oom: Option<u64>,
    /// How many processes the kernel has killed because memory was used up.
    #[doc(alias = "memory.oom_control")]
    #[doc(alias = "memory.events")]
    pub oom_kill: Option<u64>,
    /// How often it has killed all of the group; Linux 5.17, version 2 alone.
    pub oom_group_kill: Option<u64>,
    /// How many forks were refused for `pids.max`; Linux 4.8.
    #[doc(alias = "pids.events")]
    pub forks_refused: Option<u64>,
}

/// One thing that has happened to a group, with how often if that is more than a change: from [`Cgroup::changes`].
///
/// Displays as a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Event {
    /// It has got its first process.
    Populated,
    /// Its last process has ended or gone elsewhere.
    Empty,
    /// All of it stands still.
    Frozen,
    /// It goes on.
    Thawed,
    /// Memory was taken from it although it had less than `memory.low`.
    MemoryLow(u64),
    /// It was slowed down because it had more than `memory.high`.
    MemoryHigh(u64),
    /// It was about to have more memory than it may.
    MemoryMax(u64),
    /// Its memory was used up.
    Oom(u64),
    /// So many of its processes were killed because memory was used up.
    OomKill(u64),
    /// All of it was killed because memory was used up.
    OomGroupKill(u64),
    /// A fork was refused.
    ForksRefused(u64),
    /// It was removed: the last of all.
    Removed,
}

impl Events {
    /// What has happened between an earlier look and this one. Of what went there and back again between the two looks
    /// nothing is told, but for what is counted.
    #[must_use]
    pub fn since(&self, before: &Self) -> Vec<Event> {
        let more = |now: Option<u64>, then: Option<u64>, event: fn(u64) -> Event| {
            let more = now.unwrap_or(0).saturating_sub(then.unwrap_or(0));
            (more > 0).then(|| event(more))
        };
        let (is_frozen, was_frozen) = (self.frozen == Some(true), before.frozen == Some(true));
        let happened = [
            (self.populated && !before.populated).then_some(Event::Populated),
            (is_frozen && !was_frozen).then_some(Event::Frozen),
            (was_frozen && !is_frozen).then_some(Event::Thawed),
            more(self.memory_low, before.memory_low, Event::MemoryLow),
            more(self.memory_high, before.memory_high, Event::MemoryHigh),
            more(self.memory_max, before.memory_max, Event::MemoryMax),
            more(self.oom, before.oom, Event::Oom),
            more(self.oom_kill, before.oom_kill, Event::OomKill),
            more(self.oom_group_kill, before.oom_group_kill, Event::OomGroupKill),
            more(self.forks_refused, before.forks_refused, Event::ForksRefused),
            // The end comes after what has led to it.
            (before.populated && !self.populated).then_some(Event::Empty),
        ];
        happened.into_iter().flatten().collect()
    }
}

impl Cgroup {
    /// Reads what has happened to the group.
    ///
    /// # Errors
    /// What the kernel has against reading its files; `NotFound` if the group was removed.
    /// # Kernel
    /// Linux 4.13 for the count of kills.
    pub fn events(&self) -> Result<Events, Error> {
        let held = self.held("read the events of")?;
        let populated = match held.version() {
            Version::V2 => field(&held.read("cgroup.events")?, "populated") == Some(1),
            Version::V1 => !self.procs()?.is_empty(),
        };
        let of = |controller: Controller, v1: &str, v2: &str| {
            let group = self.of(controller);
            let text = group.map(|group| group.read_if_there(if group.version() == Version::V2 { v2 } else { v1 }));
            Ok::<_, Error>(text.transpose()?.flatten().unwrap_or_default())
        };
        let memory = of(Controller::Memory, "memory.oom_control", "memory.events")?;
        let pids = of(Controller::Pids, "pids.events", "pids.events")?;
        let v1 = self.of(Controller::Memory).filter(|group| group.version() == Version::V1);
        let refused = v1.map(|group| group.read_if_there("memory.failcnt")).transpose()?.flatten();
        let refused = refused.and_then(|text| number(&text));
        Ok(Events {
            populated,
            frozen: self.is_frozen()?,
            memory_low: field(&memory, "low"),
            memory_high: field(&memory, "high"),
            memory_max: field(&memory, "max").or(refused),
            oom: field(&memory, "oom"),
            oom_kill: field(&memory, "oom_kill"),
            oom_group_kill: field(&memory, "oom_group_kill"),
            forks_refused: field(&pids, "max"),
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (words, count) = match self {
            Self::Populated => ("it has a process", 1),
            Self::Empty => ("its last process is gone", 1),
            Self::Frozen => ("it is frozen", 1),
            Self::Thawed => ("it is thawed", 1),
            Self::MemoryLow(count) => ("memory below memory.low was taken from it", *count),
            Self::MemoryHigh(count) => ("it had more memory than memory.high", *count),
            Self::MemoryMax(count) => ("it wanted more memory than it may have", *count),
            Self::Oom(count) => ("its memory was used up", *count),
            Self::OomKill(count) => ("a process was killed for want of memory", *count),
            Self::OomGroupKill(count) => ("all of it was killed for want of memory", *count),
            Self::ForksRefused(count) => ("a fork was refused", *count),
            Self::Removed => ("it was removed", 1),
        };
        f.write_str(words)?;
        if count > 1 { write!(f, ", {count} times") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_looks_tell_what_was_between_them_and_the_end_comes_last() {
        let before = Events { populated: true, frozen: Some(true), oom_kill: Some(1), ..Events::default() };
        let after = Events { frozen: Some(false), oom_kill: Some(3), memory_high: Some(1), ..Events::default() };
        let told = after.since(&before);
        assert_eq!(told, [Event::Thawed, Event::MemoryHigh(1), Event::OomKill(2), Event::Empty]);
        assert_eq!(before.since(&after), [Event::Populated, Event::Frozen]);
        assert_eq!(after.since(&after), []);
        assert_eq!(Event::OomKill(2).to_string(), "a process was killed for want of memory, 2 times");
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The priority of input and output: whose requests a disk sees first.
//!
//! Man: ioprio_set(2). Kernel: include/uapi/linux/ioprio.h.

use std::fmt;

use crate::error::Error;
use crate::floor::sys::{Errno, sched};
use crate::scheduler::object;
use crate::words::kernel_words;

/// The class of a priority.
///
/// Displays as a short name ("idle"), and parses from that and the kernel's ("IOPRIO_CLASS_IDLE"), in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String", into = "String")
)]
#[non_exhaustive]
pub enum IoClass {
    /// As its nice value says.
    #[default]
    None,
    /// Before all others.
    RealTime,
    /// By its level.
    BestEffort,
    /// When nobody else wants to.
    Idle,
}

kernel_words! {
    IoClass, "class of input and output",
    None "none" "IOPRIO_CLASS_NONE",
    RealTime "rt" "IOPRIO_CLASS_RT",
    BestEffort "be" "IOPRIO_CLASS_BE",
    Idle "idle" "IOPRIO_CLASS_IDLE",
}

/// The priority of a thread's input and output, where the disk's scheduler knows priorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct IoPriority {
    /// Its class.
    pub class: IoClass,
    /// Within the class: from 0, the first, to 7.
    pub level: u8,
}

impl IoPriority {
    /// Before all others, at this level.
    #[must_use]
    pub const fn real_time(level: u8) -> Self {
        Self { class: IoClass::RealTime, level }
    }

    /// At this level.
    #[must_use]
    pub const fn best_effort(level: u8) -> Self {
        Self { class: IoClass::BestEffort, level }
    }

    /// When nobody else wants to.
    #[must_use]
    pub const fn idle() -> Self {
        Self { class: IoClass::Idle, level: 0 }
    }

    /// What is wrong with it, in sentences.
    #[must_use]
    pub fn problems(self) -> Vec<String> {
        let Self { class, level } = self;
        match class {
            IoClass::None if level != 0 => vec![format!("io_priority: class none has no level, and {level} was given")],
            _ if level > 7 => vec![format!("io_priority: the level {level} is not from 0 to 7")],
            _ => Vec::new(),
        }
    }

    pub(crate) fn value(self) -> u32 {
        let class: u32 = match self.class {
            IoClass::None => 0,
            IoClass::RealTime => 1,
            IoClass::BestEffort => 2,
            IoClass::Idle => 3,
        };
        class << 13 | u32::from(self.level)
    }

    /// That of thread `pid`, or of the calling one for 0.
    ///
    /// # Errors
    /// `NotFound` if there is no such thread.
    #[doc(alias = "ioprio_get")]
    pub fn of_thread(pid: u32) -> Result<Self, Error> {
        let value = sched::io_priority(pid)
            .map_err(|errno| Error::os("read the priority of input and output of", object(pid), errno.0.into()))?;
        let class = match value >> 13 {
            1 => IoClass::RealTime,
            2 => IoClass::BestEffort,
            3 => IoClass::Idle,
            _ => IoClass::None,
        };
        // Kernels before 6.1 tell a level where there is no class. Above the level there are hints.
        let level = if class == IoClass::None { 0 } else { u8::try_from(value & 7).unwrap_or_default() };
        Ok(Self { class, level })
    }

    /// Gives it to thread `pid`, or to the calling one for 0. Other threads of a process keep theirs.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is touched; `NotFound`; `Denied` without the right.
    /// # Privileges
    /// `CAP_SYS_ADMIN` or `CAP_SYS_NICE`, in the first user namespace, for real time; the user of the thread, or
    /// `CAP_SYS_NICE`, for another's.
    #[doc(alias = "ioprio_set")]
    pub fn apply_to(self, pid: u32) -> Result<(), Error> {
        const OP: &str = "set the priority of input and output of";
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::invalid(OP, object(pid), problems));
        }
        sched::set_io_priority(pid, self.value()).map_err(|errno| {
            let error = Error::os(OP, object(pid), errno.0.into());
            if errno == Errno::PERM { error.with_hint(RIGHT) } else { error }
        })
    }

    /// Gives it to the calling thread, and what it starts.
    ///
    /// # Errors
    /// As [`apply_to`](Self::apply_to).
    /// # Privileges
    /// As [`apply_to`](Self::apply_to).
    pub fn enter_thread(self) -> Result<(), Error> {
        self.apply_to(0)
    }
}

pub(crate) const RIGHT: &str =
    "real time takes CAP_SYS_NICE or CAP_SYS_ADMIN in the first user namespace; another user's thread CAP_SYS_NICE";

impl fmt::Display for IoPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.class {
            IoClass::None => write!(f, "none"),
            class => write!(f, "{class} {}", self.level),
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scheduler: by which rule a thread gets processor time.
//!
//! Man: sched(7), sched_setattr(2). Kernel: include/uapi/linux/sched.h, include/uapi/linux/sched/types.h.

use std::fmt;

use crate::error::{Error, Object};
use crate::floor::sys::{Errno, sched};
use crate::words::kernel_words;

/// By which rule a thread is chosen.
///
/// Displays as a short name ("fifo"), and parses from that and the kernel's ("SCHED_FIFO"), in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String", into = "String")
)]
#[non_exhaustive]
pub enum SchedulerPolicy {
    /// In turns, the longer the lower its nice value is.
    #[default]
    Other,
    /// As `Other`, for what does not wait for anybody.
    Batch,
    /// When nobody else wants to.
    Idle,
    /// In real time, until it blocks or yields.
    Fifo,
    /// In real time, in turns with others of its priority.
    RoundRobin,
    /// So much time within so much time, before all others.
    Deadline,
    /// By a BPF program, where one is loaded. Linux 6.12.
    Ext,
}

kernel_words! {
    SchedulerPolicy, "scheduler policy",
    Other "other" "SCHED_OTHER",
    Batch "batch" "SCHED_BATCH",
    Idle "idle" "SCHED_IDLE",
    Fifo "fifo" "SCHED_FIFO",
    RoundRobin "rr" "SCHED_RR",
    Deadline "deadline" "SCHED_DEADLINE",
    Ext "ext" "SCHED_EXT",
}

impl SchedulerPolicy {
    const fn number(self) -> u32 {
        match self {
            Self::Other => 0,
            Self::Fifo => 1,
            Self::RoundRobin => 2,
            Self::Batch => 3,
            Self::Idle => 5,
            Self::Deadline => 6,
            Self::Ext => 7,
        }
    }
}

bitflags::bitflags! {
    /// What else holds for a thread's scheduling.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    pub struct SchedulerFlags: u64 {
        /// What it starts is scheduled by the ordinary rule.
        #[doc(alias = "SCHED_FLAG_RESET_ON_FORK")]
        const RESET_ON_FORK = 0x01;
        /// A deadline's thread may use what others leave.
        #[doc(alias = "SCHED_FLAG_RECLAIM")]
        const RECLAIM = 0x02;
        /// SIGXCPU when a deadline's time is overrun.
        #[doc(alias = "SCHED_FLAG_DL_OVERRUN")]
        const DL_OVERRUN = 0x04;
        /// The policy stays as it is.
        #[doc(alias = "SCHED_FLAG_KEEP_POLICY")]
        const KEEP_POLICY = 0x08;
        /// Nice value, priority and times stay as they are.
        #[doc(alias = "SCHED_FLAG_KEEP_PARAMS")]
        const KEEP_PARAMS = 0x10;
        /// The least speed is set.
        #[doc(alias = "SCHED_FLAG_UTIL_CLAMP_MIN")]
        const UTIL_CLAMP_MIN = 0x20;
        /// The most speed is set.
        #[doc(alias = "SCHED_FLAG_UTIL_CLAMP_MAX")]
        const UTIL_CLAMP_MAX = 0x40;
    }
}

/// How a thread is scheduled: the rule, and what that needs.
///
/// ```
/// use skep_caps_sec::Scheduler;
///
/// let quiet = Scheduler::batch(10);
/// assert!(quiet.problems().is_empty());
/// assert_eq!(quiet.to_string(), "batch, nice 10");
/// assert_eq!(Scheduler::fifo(0).problems(), ["scheduler: fifo has a priority from 1 to 99, not 0"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Scheduler {
    /// The rule.
    pub policy: SchedulerPolicy,
    /// For `Other` and `Batch`: from -20, the most, to 19, the least.
    pub nice: i32,
    /// For `Fifo` and `RoundRobin`: from 1 to 99, the first.
    pub priority: u32,
    /// For `Deadline`: the time that it gets in each period, in nanoseconds.
    pub runtime: u64,
    /// For `Deadline`: how long after the start of a period it has had that.
    pub deadline: u64,
    /// For `Deadline`: the period; 0 is the deadline.
    pub period: u64,
    /// What else holds.
    pub flags: SchedulerFlags,
    /// The least speed that a processor should have for it, of 1024; with its flag.
    pub util_min: u32,
    /// The most.
    pub util_max: u32,
}

impl Scheduler {
    const fn of(policy: SchedulerPolicy) -> Self {
        Self {
            policy,
            nice: 0,
            priority: 0,
            runtime: 0,
            deadline: 0,
            period: 0,
            flags: SchedulerFlags::empty(),
            util_min: 0,
            util_max: 0,
        }
    }

    /// The ordinary rule with this nice value.
    #[must_use]
    #[doc(alias = "nice")]
    pub const fn other(nice: i32) -> Self {
        Self { nice, ..Self::of(SchedulerPolicy::Other) }
    }

    /// For long work that nobody waits for, with this nice value.
    #[must_use]
    pub const fn batch(nice: i32) -> Self {
        Self { nice, ..Self::of(SchedulerPolicy::Batch) }
    }

    /// When nobody else wants to run.
    #[must_use]
    pub const fn idle() -> Self {
        Self::of(SchedulerPolicy::Idle)
    }

    /// In real time, until it blocks.
    #[must_use]
    pub const fn fifo(priority: u32) -> Self {
        Self { priority, ..Self::of(SchedulerPolicy::Fifo) }
    }

    /// In real time, in turns.
    #[must_use]
    pub const fn round_robin(priority: u32) -> Self {
        Self { priority, ..Self::of(SchedulerPolicy::RoundRobin) }
    }

    /// `runtime` within `deadline` of the start of each `period`, in nanoseconds.
    #[must_use]
    pub const fn deadline(runtime: u64, deadline: u64, period: u64) -> Self {
        Self { runtime, deadline, period, ..Self::of(SchedulerPolicy::Deadline) }
    }

    /// With these flags.
    #[must_use]
    pub const fn flags(self, flags: SchedulerFlags) -> Self {
        Self { flags, ..self }
    }

    /// What is wrong with it, in sentences.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        use SchedulerPolicy::{Batch, Deadline, Ext, Fifo, Idle, Other, RoundRobin};
        let mut problems = Vec::new();
        let policy = self.policy;
        if !(-20..=19).contains(&self.nice) {
            problems.push(format!("scheduler: the nice value {} is not from -20 to 19", self.nice));
        }
        match policy {
            Fifo | RoundRobin if !(1..=99).contains(&self.priority) => {
                problems.push(format!("scheduler: {policy} has a priority from 1 to 99, not {}", self.priority));
            }
            Other | Batch | Idle | Deadline | Ext if self.priority != 0 => {
                problems.push(format!("scheduler: {policy} has no priority, and {} was given", self.priority));
            }
            _ => {}
        }
        let Self { runtime, deadline, period, .. } = *self;
        if policy == Deadline {
            // The kernel's own least, 2^10 ns: DL_SCALE.
            if runtime < 1024 || runtime > deadline || period != 0 && deadline > period {
                problems.push(format!(
                    "scheduler: of a deadline 1024 <= runtime <= deadline <= period must hold, and these are {runtime}, \
                     {deadline}, {period}"
                ));
            }
        } else if runtime | deadline | period != 0 {
            problems.push(format!("scheduler: {policy} has no runtime, deadline or period"));
        }
        if self.util_min.max(self.util_max) > 1024 {
            problems.push("scheduler: a speed is at most 1024".to_owned());
        }
        problems
    }

    fn attributes(&self) -> sched::Attributes {
        sched::Attributes {
            size: if (self.util_min, self.util_max) == (0, 0) { 48 } else { 56 },
            policy: self.policy.number(),
            flags: self.flags.bits(),
            nice: self.nice,
            priority: self.priority,
            runtime: self.runtime,
            deadline: self.deadline,
            period: self.period,
            least: self.util_min,
            most: self.util_max,
        }
    }

    /// `struct sched_attr`.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let attributes = self.attributes();
        let mut bytes = Vec::new();
        let words = [attributes.size, attributes.policy];
        bytes.extend(words.into_iter().flat_map(u32::to_ne_bytes));
        bytes.extend(attributes.flags.to_ne_bytes());
        bytes.extend(attributes.nice.to_ne_bytes());
        bytes.extend(attributes.priority.to_ne_bytes());
        let times = [attributes.runtime, attributes.deadline, attributes.period];
        bytes.extend(times.into_iter().flat_map(u64::to_ne_bytes));
        if attributes.size == 56 {
            bytes.extend([attributes.least, attributes.most].into_iter().flat_map(u32::to_ne_bytes));
        }
        bytes
    }

    /// How thread `pid` is scheduled, or the calling one for 0.
    ///
    /// # Errors
    /// `NotFound` if there is no such thread; `Unsupported` for a policy that has no name here.
    #[doc(alias = "sched_getattr")]
    pub fn of_thread(pid: u32) -> Result<Self, Error> {
        const OP: &str = "read the scheduler of";
        let told = sched::scheduler(pid).map_err(|errno| Error::os(OP, object(pid), errno.0.into()))?;
        let known = SchedulerPolicy::ALL.iter().find(|policy| policy.number() == told.policy);
        let Some(policy) = known.copied() else {
            let why = format!("its policy has the number {}", told.policy);
            return Err(Error::because(OP, object(pid), crate::ErrorKind::Unsupported, why));
        };
        let mut read = Self {
            policy,
            nice: told.nice,
            priority: told.priority,
            runtime: told.runtime,
            deadline: told.deadline,
            period: told.period,
            flags: SchedulerFlags::from_bits_retain(told.flags),
            util_min: told.least,
            util_max: told.most,
        };
        // The kernel tells of a deadline's times and an ordinary slice by the same fields, since Linux 6.12.
        if policy != SchedulerPolicy::Deadline {
            (read.runtime, read.deadline, read.period) = (0, 0, 0);
        }
        Ok(read)
    }

    /// Schedules thread `pid` so, or the calling one for 0. Other threads of a process are scheduled as they were.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is touched; `NotFound`; `Denied` without the right, or where processors
    /// are not all in the thread's set, of a deadline; `Busy` if there is no time left for a deadline.
    /// # Privileges
    /// `CAP_SYS_NICE`, in the first user namespace, for a lower nice value than `RLIMIT_NICE` allows, for a priority above
    /// `RLIMIT_RTPRIO`, for deadlines, and for threads of others.
    #[doc(alias = "sched_setattr")]
    pub fn apply_to(&self, pid: u32) -> Result<(), Error> {
        const OP: &str = "set the scheduler of";
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::invalid(OP, object(pid), problems));
        }
        sched::set_scheduler(pid, &self.to_bytes()).map_err(|errno| {
            let error = Error::os(OP, object(pid), errno.0.into());
            if errno == Errno::PERM { error.with_hint(RIGHT) } else { error }
        })
    }

    /// Schedules the calling thread so, and what it starts.
    ///
    /// # Errors
    /// As [`apply_to`](Self::apply_to).
    /// # Privileges
    /// As [`apply_to`](Self::apply_to).
    pub fn enter_thread(&self) -> Result<(), Error> {
        self.apply_to(0)
    }
}

pub(crate) const RIGHT: &str = "it takes CAP_SYS_NICE in the first user namespace, or as much of the resource limits nice and \
                                rtprio; a deadline takes every processor in the thread's set as well";

pub(crate) fn object(pid: u32) -> Object {
    if pid == 0 { Object::Named("the calling thread") } else { Object::Pid(pid) }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use SchedulerPolicy::{Batch, Deadline, Fifo, Other, RoundRobin};
        write!(f, "{}", self.policy)?;
        match self.policy {
            Other | Batch => write!(f, ", nice {}", self.nice)?,
            Fifo | RoundRobin => write!(f, ", priority {}", self.priority)?,
            Deadline => {
                write!(f, ", {} ns within {} ns of each {} ns", self.runtime, self.deadline, self.period)?;
            }
            _ => {}
        }
        for (name, _) in self.flags.iter_names() {
            write!(f, ", {}", name.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The OOM score adjustment: whom the kernel kills first when memory runs out.
//!
//! Man: proc_pid_oom_score_adj(5).

use std::fmt;
use std::fs;

use crate::error::{Error, ErrorKind, Object};

/// How much more, or less, likely a process is to be killed when memory runs out: thousandths of the machine's memory (or
/// of its memory cgroup's limit) that are counted as if it used them. -1000 is never, 1000 is first.
///
/// Children and programs inherit it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct OomScoreAdj(i32);

impl OomScoreAdj {
    /// The process is never killed for want of memory.
    pub const NEVER: Self = Self(-1000);
    /// The process is the first to be killed.
    pub const FIRST: Self = Self(1000);

    /// An adjustment, from -1000 to 1000; other numbers are a [problem](Self::problems).
    #[must_use]
    pub const fn new(value: i32) -> Self {
        Self(value)
    }

    /// The number.
    #[must_use]
    pub const fn value(self) -> i32 {
        self.0
    }

    /// What is wrong with it, in sentences.
    #[must_use]
    pub fn problems(self) -> Vec<String> {
        if (-1000..=1000).contains(&self.0) {
            Vec::new()
        } else {
            vec![format!("oom_score_adj: {self} is not from -1000 (never) to 1000 (first)")]
        }
    }

    /// That of process `pid`.
    ///
    /// # Errors
    /// `NotFound` if there is no such process; else the error number of reading.
    pub fn of_process(pid: u32) -> Result<Self, Error> {
        const OP: &str = "read the OOM score adjustment of";
        let text = fs::read_to_string(path(pid)).map_err(|error| Error::io(OP, Object::Pid(pid), &error))?;
        text.trim().parse().map(Self).map_err(|_| {
            let why = format!("{} says {text:?}", path(pid));
            Error::because(OP, Object::Pid(pid), ErrorKind::Unsupported, why)
        })
    }

    /// Gives it to process `pid`, all threads of it.
    ///
    /// # Errors
    /// `Invalid` for a number that is out of range, before anything is touched; `NotFound` if there is no such process;
    /// `Denied` if it is another user's, undumpable, or would get less than it had.
    /// # Privileges
    /// `CAP_SYS_RESOURCE`, in the first user namespace, for less than the least that was set by who had it.
    #[doc(alias = "oom_score_adj")]
    pub fn apply_to(self, pid: u32) -> Result<(), Error> {
        const OP: &str = "set the OOM score adjustment of";
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::invalid(OP, Object::Pid(pid), problems));
        }
        fs::write(path(pid), self.to_string()).map_err(|error| Error::io(OP, Object::Pid(pid), &error))
    }
}

impl fmt::Display for OomScoreAdj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn path(pid: u32) -> String {
    format!("/proc/{pid}/oom_score_adj")
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Profile: where the time went that making a container took.

use std::fmt;
use std::time::Duration;

use skep::Created;

/// How long each step of the child's took, and how long all of it.
#[derive(Debug)]
pub(crate) struct Profile {
    steps: Vec<(String, Duration)>,
    all: Duration,
}

impl Profile {
    /// That of a container which took so long to create.
    pub(crate) fn of(created: &Created, all: Duration) -> Self {
        Self { steps: created.times(), all }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_child: Duration = self.steps.iter().map(|(_, time)| *time).sum();
        let mut line = |time: Duration, what: &str| writeln!(f, "skep-run: {:>7} us  {what}", time.as_micros());
        line(self.all.saturating_sub(in_child), "checking, planning, cgroup, launcher, clone, ids")?;
        for (what, time) in &self.steps {
            line(*time, what)?;
        }
        line(self.all, "all of it, until the command can begin")
    }
}

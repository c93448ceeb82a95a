// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a container is doing.

use std::fmt;

/// What a container is doing, by its processes and its record together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Somebody makes it right now, or has made it and not started it yet.
    Creating,
    /// Whoever made it was killed before it was started. Nothing runs; it can be deleted.
    HalfMade,
    /// It is made, and its first process waits to be [started](crate::Container::start) by whoever comes: see
    /// [`Builder::create_waiting`](crate::Builder::create_waiting).
    Created,
    /// Its first process runs.
    Running,
    /// Its processes stand still until they are thawed.
    Frozen,
    /// Its first process has ended.
    Ended,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Creating => "creating",
            Status::HalfMade => "half made",
            Status::Created => "created",
            Status::Running => "running",
            Status::Frozen => "frozen",
            Status::Ended => "ended",
        })
    }
}

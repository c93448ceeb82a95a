// SPDX-License-Identifier: MIT OR Apache-2.0
//! Leftovers: what runs that were killed could not remove, removed by the next one.
//!
//! A run with a cgroup has a name, `run-PID-NUMBER`, so that its container is written down before it is made, and can be
//! found and deleted by others. A run that ends as it should deletes its own.

use std::time::{SystemTime, UNIX_EPOCH};

use skep::{Container, Status};

const PREFIX: &str = "run-";

/// A name for this run's container that no other has.
pub(crate) fn name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{PREFIX}{}-{:x}", std::process::id(), now.as_nanos())
}

/// Deletes what is left of runs whose skep-run has gone. Whatever cannot be deleted is left to the run after this one.
pub(crate) fn sweep() {
    for name in Container::names().unwrap_or_default() {
        if is_left(&name)
            && let Ok(container) = Container::open(&name)
            && matches!(container.status(), Ok(Status::Ended | Status::HalfMade))
        {
            let _left = container.delete();
        }
    }
}

/// Whether the name is that of a run, and no skep-run has the number that is in it: one that has may still be reading what
/// its container has used. (It may be another one, or that of another pid namespace: then another sweep removes it.)
fn is_left(name: &str) -> bool {
    let Some((pid, _)) = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-')) else { return false };
    let name_of = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    pid.parse().is_ok_and(|pid| name_of(pid) != name_of(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_goes_on_is_not_left_over() {
        assert!(!is_left(&name()), "this very process");
        assert!(is_left("run-4194305-1"), "no process has that number");
        for other in ["web", "run-", "run-x-1", "run-1", "run--1"] {
            assert!(!is_left(other), "{other}");
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Leftovers: what runs that were killed could not remove, removed by the next one.
//!
//! A run with a cgroup has a name, `run-PID-NUMBER`, so that its container is written down before it is made, and can be
//! found and deleted by others. A run that ends as it should deletes its own.
//!
//! That a run goes on is seen by a lock, which ends with it however it ends: of the byte at its number, on the directory
//! where all of them are. Process IDs would not do: runs of several pid namespaces may share the directory, and see none of
//! each other's processes.

use std::fs::File;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use skep::{Container, Status};

const PREFIX: &str = "run-";

/// A name for this run's container that no other has.
pub(crate) fn name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{PREFIX}{}-{:x}", std::process::id(), now.as_nanos())
}

/// Keeps other runs from removing this container as long as the value is there: its own run reads what it has used after it
/// has ended. To be called before it begins. Without a lock, where the file system has none, those figures may be missing.
pub(crate) fn hold(name: Option<&str>) -> Option<File> {
    lock(&Container::default_state_root(), number(name?)?).ok()
}

/// Deletes what is left of runs whose skep-run has gone. Whatever cannot be deleted is left to the run after this one.
pub(crate) fn sweep() {
    let root = Container::default_state_root();
    for name in Container::names().unwrap_or_default() {
        if number(&name).is_some_and(|number| matches!(is_locked(&root, number), Ok(false)))
            && let Ok(container) = Container::open(&name)
            && matches!(container.status(), Ok(Status::Ended | Status::HalfMade))
        {
            let _left = container.delete();
        }
    }
}

/// The number in a run's name; `None` if that is no run's.
fn number(name: &str) -> Option<i64> {
    let (pid, number) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let is_digits = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| i64::from_str_radix(number, 16).ok().filter(|number| *number >= 0))?
}

/// Locks the byte at `number`. For reading: a directory cannot be opened for more, and others only ask.
fn lock(directory: &Path, number: i64) -> std::io::Result<File> {
    let file = File::open(directory)?;
    fcntl(&file, FcntlArg::F_OFD_SETLK(&byte(libc::F_RDLCK, number)))?;
    Ok(file)
}

/// Whether anybody has it locked, in whatever namespace.
fn is_locked(directory: &Path, number: i64) -> std::io::Result<bool> {
    let mut asked = byte(libc::F_WRLCK, number);
    fcntl(File::open(directory)?, FcntlArg::F_OFD_GETLK(&mut asked))?;
    Ok(i32::from(asked.l_type) != libc::F_UNLCK)
}

fn byte(kind: i32, at: i64) -> libc::flock {
    let [kind, whence] = [kind, libc::SEEK_SET].map(|small| libc::c_short::try_from(small).unwrap_or_default());
    libc::flock { l_type: kind, l_whence: whence, l_start: at, l_len: 1, l_pid: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_runs_and_no_others_have_a_number() {
        assert!(number(&name()).is_some_and(|number| number > 0));
        assert_eq!(number("run-4194305-1f"), Some(31));
        for other in
            ["web", "run-", "run-x-1", "run-1", "run--1", "run-1-", "run-1--2", "run-1-g", "run-1-8000000000000000"]
        {
            assert_eq!(number(other), None, "{other}");
        }
    }

    #[test]
    fn a_run_is_seen_to_go_on_until_its_lock_is_dropped() {
        let directory = Path::new("/");
        let number = number(&name()).unwrap();
        let held = lock(directory, number).unwrap();
        assert!(is_locked(directory, number).unwrap());
        assert!(!is_locked(directory, number + 1).unwrap(), "its neighbour");
        drop(held);
        assert!(!is_locked(directory, number).unwrap());
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rooms: a directory for each machine that runs, gone when it ends.
//!
//! A room is locked for as long as its process lives, however that one ends. The next one clears what was left.

use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use crate::failure::Failure;

/// One machine's directory.
#[derive(Debug)]
pub(super) struct Room {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl Room {
    /// Clears the rooms of the dead below `parent`, and makes a new one.
    pub(super) fn open(parent: &Path) -> Result<Self, Failure> {
        // In turn: a room that is made and not yet locked looks like one of the dead.
        let _turn = lock(parent)?;
        clear(parent)?;
        let path = parent.join(random());
        make(&path)?;
        let lock = lock_file(&path)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|errno| format!("cannot lock {}: {errno}", path.display()))?;
        Ok(Self { path, _lock: lock })
    }

    /// The path of `name` in it.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("error: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Sixteen hexadecimal digits that nobody has used: std seeds every hasher from the kernel.
pub(super) fn random() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// Waits for whoever holds the lock of a directory, and takes it.
pub(super) fn lock(directory: &Path) -> Result<File, Failure> {
    make(directory)?;
    let file = lock_file(directory)?;
    let locked = rustix::fs::flock(&file, FlockOperation::LockExclusive);
    locked.map_err(|errno| format!("cannot lock {}: {errno}", directory.display()))?;
    Ok(file)
}

fn clear(parent: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(parent)?.flatten() {
        // Nothing else is a room.
        let Ok(file) = File::open(entry.path().join("lock")) else { continue };
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // Gone already where another one clears too.
            let _gone = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

fn lock_file(directory: &Path) -> Result<File, Failure> {
    let path = directory.join("lock");
    let file = File::options().create(true).append(true).open(&path);
    file.map_err(|error| format!("cannot make {}: {error}", path.display()).into())
}

/// Makes a directory and those above it.
pub(super) fn make(directory: &Path) -> Result<(), Failure> {
    fs::create_dir_all(directory).map_err(|error| format!("cannot make {}: {error}", directory.display()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_gone_when_it_is_dropped_and_one_that_lives_is_left() {
        let dir = needs::Scratch::new();
        let first = Room::open(dir.path()).unwrap();
        fs::write(first.join("disk"), "x").unwrap();
        let second = Room::open(dir.path()).unwrap();
        assert!(first.join("disk").is_file());
        drop((first, second));
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"]);
    }

    #[test]
    fn what_a_dead_process_has_left_is_cleared() {
        let dir = needs::Scratch::new();
        fs::create_dir(dir.join("dead")).unwrap();
        fs::write(dir.join("dead/lock"), "").unwrap();
        let room = Room::open(dir.path()).unwrap();
        assert!(!dir.join("dead").exists());
        drop(room);
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A watch for changes of the table.
//!
//! Man: proc_pid_mounts(5): "this file is pollable".

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::error::{Error, Object};

const OWN: &str = "/proc/thread-self/mountinfo";

/// Tells when something is mounted, unmounted, moved or changed in the mount namespace that it was made in.
///
/// It tells that there was a change, not which: compare tables. What happens between two waits is told at once by the
/// second.
///
/// ```
/// use std::time::Duration;
/// use skep_rootfs::MountWatch;
///
/// let watch = MountWatch::of_this_thread()?;
/// let _changed: bool = watch.wait(Some(Duration::ZERO))?;
/// # Ok::<(), skep_rootfs::Error>(())
/// ```
#[derive(Debug)]
pub struct MountWatch(File);

impl MountWatch {
    /// Of the calling thread's mount namespace, from now on.
    ///
    /// # Errors
    /// `ENOENT` where no proc is mounted.
    pub fn of_this_thread() -> Result<Self, Error> {
        Self::open(OWN)
    }

    /// Of a process' mount namespace. See proc_pid_mounts(5).
    ///
    /// # Errors
    /// `ENOENT` for a process that is not there.
    pub fn of_process(pid: u32) -> Result<Self, Error> {
        Self::open(&format!("/proc/{pid}/mountinfo"))
    }

    fn open(path: &str) -> Result<Self, Error> {
        let file = File::open(path)
            .map_err(|error| Error::os("watch", Object::Path(path.into()), error.raw_os_error().unwrap_or_default()))?;
        Ok(Self(file))
    }

    /// Waits for the next change; false if there was none in this time. Without a time it waits for ever.
    ///
    /// In a loop of one's own: the descriptor has `POLLPRI` and `POLLERR` when there was a change, once.
    ///
    /// # Errors
    /// What poll(2) fails with.
    pub fn wait(&self, time: Option<Duration>) -> Result<bool, Error> {
        let end = time.and_then(|time| std::time::Instant::now().checked_add(time));
        loop {
            let left = end.map(|end| end.saturating_duration_since(std::time::Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(&mut [PollFd::new(&self.0, PollFlags::PRI)], left.as_ref()) {
                Ok(ready) => return Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => {
                    let object = Object::Named("for a change of the mounts");
                    return Err(Error::os("wait", object, errno.raw_os_error()));
                }
            }
        }
    }
}

impl AsFd for MountWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

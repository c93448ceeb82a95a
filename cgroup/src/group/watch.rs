// SPDX-License-Identifier: MIT OR Apache-2.0
//! Watching: a descriptor that tells when something has happened to a group, for who has other descriptors to wait for.
//!
//! The file itself is polled: that takes a descriptor and nothing else, where instances of inotify are few. What version 1
//! tells, it tells an eventfd.
//!
//! Man: poll(2). Kernel: Documentation/admin-guide/cgroup-v2.rst, "cgroup.events", "memory.events"; fs/kernfs/file.c,
//! `kernfs_fop_poll`: a file is ready from a change until it is read again from its start, *by the same descriptor*.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::{Errno, pread, read, retry_on_intr};

use super::wait::wait_for;
use super::{Cgroup, Directory};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::file;
use crate::layout::Version;

pub(super) const OP: &str = "watch";

/// A descriptor that is ready when something has happened to a group: from [`Cgroup::watch`] (populated, frozen),
/// [`Cgroup::watch_memory`], [`Cgroup::watch_pids`], [`Cgroup::watch_pressure`], and of version 1 alone
/// [`Cgroup::watch_memory_usage`] and [`Cgroup::watch_memory_pressure`]. Who wants to be told what has happened, and has
/// nothing else to wait for, goes through [`Cgroup::changes`].
///
/// In a loop of one's own: poll(2) its descriptor for [`poll_events`](Self::poll_events), which epoll(7) has by the same
/// numbers: `POLLPRI` (a regular file is always ready for reading), or `POLLIN` for one that version 1 tells. When it is
/// ready, [`reset`](Self::reset) it, and *then* read [`Cgroup::events`]: the other way round a change between the two would
/// be lost. Until it is reset it stays ready; but that of pressure until it was polled. The kernel tells of many changes in
/// 10 ms once.
///
/// When the group is removed it is ready for good, and `reset` says `NotFound`. The removal itself wakes nobody who is
/// already waiting for a file; but before it the group has become empty, which does.
///
/// ```no_run
/// use std::time::Duration;
/// use skep_cgroup::Cgroup;
///
/// let web = Cgroup::open("web-1")?;
/// let watch = web.watch()?;
/// while web.events()?.populated {
///     watch.wait(Duration::MAX)?;
/// }
/// # Ok::<(), skep_cgroup::Error>(())
/// ```
#[derive(Debug)]
pub struct Watch {
    file: OwnedFd,
    /// For an eventfd: a file of the group, to see whether that is still there.
    alive: Option<OwnedFd>,
    path: PathBuf,
}

impl Cgroup {
    /// Watches whether the group is populated and whether it is frozen.
    ///
    /// # Errors
    /// `Unsupported` under version 1, which tells nobody; `NotFound` if the group was removed; `Exhausted` without a free
    /// descriptor.
    /// # Kernel
    /// Linux 4.5 (`cgroup.events`).
    #[doc(alias = "cgroup.events")]
    #[doc(alias = "POLLPRI")]
    pub fn watch(&self) -> Result<Watch, Error> {
        Watch::new(self.held(OP)?, "cgroup.events")
    }

    /// Watches whether memory was used up, and processes were killed for it; under version 2 also whether `memory.high`,
    /// `memory.max` or `memory.low` had something to do.
    ///
    /// Version 1 tells before it kills: the count of kills may be the same for a moment.
    ///
    /// # Errors
    /// `NotFound` if the group was removed; `Exhausted` without a free descriptor; `Unsupported` where the group does not
    /// have the memory controller: under version 2 it is given with the first limit of memory.
    /// # Privileges
    /// Under version 1 write access to `cgroup.event_control`.
    /// # Kernel
    /// Linux 4.5 (`memory.events`).
    #[doc(alias = "memory.events")]
    #[doc(alias = "memory.oom_control")]
    #[doc(alias = "cgroup.event_control")]
    pub fn watch_memory(&self) -> Result<Watch, Error> {
        let held = self.held(OP)?;
        match self.of(Controller::Memory) {
            Some(group) if group.version() == Version::V1 => Watch::told(group, "memory.oom_control", ""),
            group => Watch::new(group.unwrap_or(held), "memory.events"),
        }
    }

    /// Watches whether a fork was refused for `pids.max`.
    ///
    /// # Errors
    /// Those of [`watch`](Self::watch); `Unsupported` too where the group does not have the controller pids.
    /// # Kernel
    /// Linux 4.8 (`pids.events`). Version 1 counts there, and tells nobody.
    #[doc(alias = "pids.events")]
    pub fn watch_pids(&self) -> Result<Watch, Error> {
        let held = self.held(OP)?;
        Watch::new(self.of(Controller::Pids).unwrap_or(held), "pids.events")
    }
}

impl Watch {
    fn new(directory: &Directory, name: &str) -> Result<Self, Error> {
        if directory.version() == Version::V1 {
            let object = Object::Group(directory.path().to_owned());
            let why = "version 1 does not tell of changes";
            return Err(Error::explained(OP, object, ErrorKind::Unsupported, 0, why));
        }
        Self::open(directory, name)
    }

    fn open(directory: &Directory, name: &str) -> Result<Self, Error> {
        let file = file::open(directory.fd(), name).map_err(|errno| failure(directory, name, errno))?;
        let watch = Self::of(file, None, directory.path().join(name));
        // A file that was never read is ready, as if something had happened.
        watch.reset()?;
        Ok(watch)
    }

    /// One that is ready as the file is; or, with a file of the group beside it, as the eventfd is.
    pub(super) fn of(file: OwnedFd, alive: Option<OwnedFd>, path: PathBuf) -> Self {
        Self { file, alive, path }
    }

    /// What to ask poll(2) or epoll(7) for.
    #[must_use]
    #[doc(alias = "POLLPRI")]
    pub fn poll_events(&self) -> i16 {
        self.flags().bits().cast_signed()
    }

    pub(super) fn flags(&self) -> PollFlags {
        if self.alive.is_some() { PollFlags::IN } else { PollFlags::PRI }
    }

    /// Is not ready any more until something else happens.
    ///
    /// # Errors
    /// `NotFound` if the group was removed.
    pub fn reset(&self) -> Result<(), Error> {
        let mut text = [0; 4096];
        if self.alive.is_some() {
            match retry_on_intr(|| read(&self.file, &mut text)) {
                Ok(_) | Err(Errno::AGAIN) => {}
                Err(errno) => return Err(Error::os(OP, self.object(), errno.raw_os_error())),
            }
        }
        match retry_on_intr(|| pread(self.alive.as_ref().unwrap_or(&self.file), &mut text, 0)) {
            Ok(_) => Ok(()),
            Err(Errno::NODEV) => {
                let why = "the group was removed";
                Err(Error::explained(OP, self.object(), ErrorKind::NotFound, Errno::NODEV.raw_os_error(), why))
            }
            Err(errno) => Err(Error::os(OP, self.object(), errno.raw_os_error())),
        }
    }

    /// Waits until something has happened, at most for `deadline`, and resets it; false at the end of the time.
    ///
    /// # Errors
    /// Those of [`reset`](Self::reset).
    pub fn wait(&self, deadline: Duration) -> Result<bool, Error> {
        let end = Instant::now().checked_add(deadline);
        let happened = wait_for(self.file.as_fd(), self.flags(), end)
            .map_err(|errno| Error::os(OP, self.object(), errno.raw_os_error()))?;
        if happened {
            self.reset()?;
        }
        Ok(happened)
    }

    fn object(&self) -> Object {
        Object::Path(self.path.clone())
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl From<Watch> for OwnedFd {
    /// The descriptor alone: it is reset by a pread(2) from offset 0; the eventfd of version 1 by a read(2) of 8 bytes.
    fn from(watch: Watch) -> Self {
        watch.file
    }
}

/// A watch that cannot be had.
pub(super) fn failure(directory: &Directory, name: &str, errno: Errno) -> Error {
    let object = Object::Path(directory.path().join(name));
    let raw = errno.raw_os_error();
    match errno {
        Errno::MFILE => Error::os(OP, object, raw)
            .with_hint("each watch takes a descriptor or two: raise the limit of open files (RLIMIT_NOFILE)"),
        Errno::NFILE => Error::os(OP, object, raw).with_hint("raise the machine's limit of open files (fs.file-max)"),
        _ => directory.read_error(name, errno),
    }
}

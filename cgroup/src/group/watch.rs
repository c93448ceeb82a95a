// SPDX-License-Identifier: MIT OR Apache-2.0
//! Watching: a descriptor that tells when something has happened to a group, for who has other descriptors to wait for.
//!
//! Man: poll(2). Kernel: Documentation/admin-guide/cgroup-v2.rst, "cgroup.events", "memory.events"; fs/kernfs/file.c,
//! `kernfs_fop_poll`: a file is ready from a change until it is read again from its start, *by the same descriptor*.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::{Errno, pread, retry_on_intr};

use super::wait::wait_for;
use super::{Cgroup, Directory};
use crate::controller::Controller;
use crate::error::{Error, ErrorKind, Object};
use crate::file;
use crate::layout::Version;

const OP: &str = "watch";

/// A descriptor that is ready when something has happened to a group, from [`Cgroup::watch`] or
/// [`Cgroup::watch_memory`].
///
/// In a loop of one's own: poll(2) its descriptor for `POLLPRI` (a regular file is always ready for reading), epoll(7) for
/// `EPOLLPRI`. When it is ready, [`reset`](Self::reset) it, and *then* read [`Cgroup::events`]: the other way round a
/// change between the two would be lost. Until it is reset it stays ready. The kernel tells of many changes in 10 ms once.
///
/// When the group is removed it is ready for good, and `reset` says `NotFound`. The removal itself wakes nobody who is
/// already waiting; but before it the group has become empty, which does.
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

    /// Watches whether memory was used up, and processes were killed for it.
    ///
    /// # Errors
    /// Those of [`watch`](Self::watch); `Unsupported` too where the group does not have the memory controller: it is given
    /// with the first limit of memory.
    /// # Kernel
    /// Linux 4.5 (`memory.events`).
    #[doc(alias = "memory.events")]
    pub fn watch_memory(&self) -> Result<Watch, Error> {
        let held = self.held(OP)?;
        Watch::new(self.of(Controller::Memory).unwrap_or(held), "memory.events")
    }
}

impl Watch {
    fn new(directory: &Directory, name: &str) -> Result<Self, Error> {
        if directory.version() == Version::V1 {
            let object = Object::Group(directory.path().to_owned());
            let why = "version 1 does not tell of changes";
            return Err(Error::explained(OP, object, ErrorKind::Unsupported, 0, why));
        }
        let file = file::open(directory.fd(), name).map_err(|errno| directory.read_error(name, errno))?;
        let watch = Self { file, path: directory.path().join(name) };
        // A file that was never read is ready, as if something had happened.
        watch.reset()?;
        Ok(watch)
    }

    /// Is not ready any more until something else happens.
    ///
    /// # Errors
    /// `NotFound` if the group was removed.
    pub fn reset(&self) -> Result<(), Error> {
        let mut text = [0; 4096];
        match retry_on_intr(|| pread(&self.file, &mut text, 0)) {
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
        let happened = wait_for(self.file.as_fd(), PollFlags::PRI, end)
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
    /// The descriptor alone: it is reset by a pread(2) from offset 0.
    fn from(watch: Watch) -> Self {
        watch.file
    }
}

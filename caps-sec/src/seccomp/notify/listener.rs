// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listeners: where the calls arrive that a filter asks about.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};

use super::Notification;
use crate::error::{Error, Object};
use crate::seccomp::sys;

/// The listening end of a filter: a descriptor, to be kept by whoever supervises.
///
/// When the last copy of it is closed, calls that the filter asks about answer `ENOSYS`, those that are waiting too.
/// It can be polled: it is readable when a call waits, and hung up when nobody is left under the filter.
#[derive(Debug)]
pub struct Listener(OwnedFd);

impl Listener {
    /// The next call; waits for one. `None` when nobody is left under the filter.
    ///
    /// Several threads may receive, each its own calls. One that has been told by poll(2) that there is a call waits
    /// nevertheless if another was quicker.
    ///
    /// # Errors
    /// `Invalid` for a descriptor that is no listener.
    /// # Kernel
    /// Linux 5.0; that nobody is left is known since 5.8. Before 6.11 who has ended counts until somebody has waited for it:
    /// where that is one's own child, another thread than this must.
    #[doc(alias = "SECCOMP_IOCTL_NOTIF_RECV")]
    pub fn receive(&self) -> Result<Option<Notification<'_>>, Error> {
        let failed = |error| Error::io("receive a system call from", Object::Named("the seccomp listener"), &error);
        loop {
            let mut here = [PollFd::new(&self.0, PollFlags::IN)];
            match poll(&mut here, None) {
                Err(rustix::io::Errno::INTR) => continue,
                done => done.map_err(|errno| failed(errno.into()))?,
            };
            let [here] = here;
            if !here.revents().contains(PollFlags::IN) {
                return Ok(None);
            }
            match sys::receive(self.0.as_fd()) {
                Ok(received) => return Ok(Some(Notification::new(self, &received))),
                // Whoever asked is gone meanwhile.
                Err(error) if matches!(error.raw_os_error(), Some(sys::ENOENT | sys::EINTR)) => {}
                Err(error) => return Err(failed(error)),
            }
        }
    }
}

/// A descriptor that came from elsewhere: from a process that loaded its own filter, over a socket.
impl From<OwnedFd> for Listener {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> Self {
        listener.0
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

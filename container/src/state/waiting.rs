// SPDX-License-Identifier: MIT OR Apache-2.0
//! The socket at which the first process of a container waits for whoever starts it.
//!
//! That somebody listens is the only sign that a container waits: it ends with the process, and with its waiting, whoever
//! is killed when. The name of the socket may stay for longer, and means nothing by itself.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::StateDir;
use crate::error::{Error, ErrorKind, Object};

/// The name of the socket.
pub(super) const FILE: &str = "start";

/// How many may stand in line: one who starts it, and some who look whether it waits.
const LINE: i32 = 8;

/// How long one who starts it stands behind a full line: the first process may not have had a processor for a while.
const PATIENCE: Duration = Duration::from_secs(10);

impl StateDir {
    /// Makes the socket, for the first process to listen on.
    pub(crate) fn listen(&self) -> Result<OwnedFd, Error> {
        let listen = || -> Result<OwnedFd, Errno> {
            let socket = socket(SocketFlags::CLOEXEC)?;
            rustix::net::bind(&socket, &self.address()?)?;
            rustix::net::listen(&socket, LINE)?;
            Ok(socket)
        };
        listen().map_err(|errno| {
            Error::os("make", Object::Path(self.path().join(FILE)), errno.raw_os_error()).with_hint_of_limits()
        })
    }

    /// A connection to the first process, if that waits.
    pub(crate) fn knock(&self) -> Result<Option<OwnedFd>, Error> {
        let knock = || -> Result<OwnedFd, Errno> {
            // Who does not come to the door keeps nobody waiting.
            let socket = socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
            let begin = Instant::now();
            while let Err(errno) = rustix::net::connect(&socket, &self.address()?) {
                if errno != Errno::AGAIN || begin.elapsed() > PATIENCE {
                    return Err(errno);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            rustix::fs::fcntl_setfl(&socket, OFlags::empty())?;
            Ok(socket)
        };
        match knock() {
            Ok(socket) => Ok(Some(socket)),
            Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(None),
            Err(Errno::AGAIN) => {
                let why =
                    "its first process takes nobody from the line there: it is stopped, or has no processor".to_owned();
                Err(Error::because("connect to", Object::Path(self.path().join(FILE)), ErrorKind::TimedOut, why))
            }
            Err(errno) => Err(self.failed("connect to", errno)),
        }
    }

    /// Whether the first process waits. Whoever asks has come and gone again for it.
    pub(crate) fn is_waited_at(&self) -> Result<bool, Error> {
        // Most were started: there is nothing by that name.
        let found = rustix::fs::statat(self.directory(), FILE, AtFlags::SYMLINK_NOFOLLOW);
        if matches!(found, Err(Errno::NOENT)) {
            return Ok(false);
        }
        let knock = || rustix::net::connect(&socket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?, &self.address()?);
        match knock() {
            // Others stand in line there.
            Ok(()) | Err(Errno::AGAIN) => Ok(true),
            Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.failed("connect to", errno)),
        }
    }

    /// Removes the name of the socket. Nothing goes wrong if it stays.
    pub(crate) fn waits_no_more(&self) {
        let _stays = rustix::fs::unlinkat(self.directory(), FILE, AtFlags::empty());
    }

    /// By way of the directory that is held: addresses are short, and a directory may be renamed.
    fn address(&self) -> Result<SocketAddrUnix, Errno> {
        SocketAddrUnix::new(format!("/proc/self/fd/{}/{FILE}", self.directory().as_raw_fd()))
    }
}

/// Packets, as on every wire.
fn socket(flags: SocketFlags) -> Result<OwnedFd, Errno> {
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)
}

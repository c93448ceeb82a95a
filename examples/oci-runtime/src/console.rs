// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sockets of engines that descriptors are sent to: the other side of a container's terminal, and a filter's listener.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use crate::failure::Failure;

/// A socket with somebody at its other end.
#[derive(Debug)]
pub(crate) struct Receiver {
    stream: UnixStream,
    /// What it is for, in words for failures.
    purpose: &'static str,
}

impl Receiver {
    /// Finds who listens at the path.
    pub(crate) fn connect(purpose: &'static str, path: &Path) -> Result<Self, Failure> {
        let stream = UnixStream::connect(path)
            .map_err(|error| Failure::from(format!("{purpose}: cannot connect to the socket {path:?}: {error}")))?;
        Ok(Self { stream, purpose })
    }

    /// Sends a descriptor, and these bytes with it, without which there would be no message.
    pub(crate) fn send(&self, fd: impl AsFd, bytes: &[u8]) -> Result<(), Failure> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fds: [BorrowedFd<'_>; 1] = [fd.as_fd()];
        let has_room = ancillary.push(SendAncillaryMessage::ScmRights(&fds));
        debug_assert!(has_room, "there is room for one");
        let sent = rustix::net::sendmsg(&self.stream, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL);
        match sent {
            Ok(count) if count == bytes.len() => Ok(()),
            Ok(_) => Err(Failure::from(format!("{}: the message was cut off", self.purpose))),
            Err(errno) => {
                let error = std::io::Error::from(errno);
                Err(Failure::from(format!("{}: cannot send a descriptor: {error}", self.purpose)))
            }
        }
    }
}

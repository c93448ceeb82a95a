// SPDX-License-Identifier: MIT OR Apache-2.0
//! The parent's end of the wire: a socket, and where in the chart of `src/wire.rs` one is.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags,
    SocketType,
};
use rustix::process::{WaitId, WaitIdOptions, waitid};
use skep_ns::PidFd;

use crate::wire::{Broken, Frame, Phase, Received, SIZE};

const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// How long a child may say nothing before it is looked at.
const SILENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// How often a child is had go on.
const PATIENCE: u32 = 50;

const SIGCONT: i32 = 18;

/// The parent's end.
#[derive(Debug)]
pub(crate) struct ParentWire {
    socket: OwnedFd,
    phase: Phase,
    /// What came with the report of a failure.
    log: Option<OwnedFd>,
}

impl ParentWire {
    /// A wire, and the end that the launcher gets.
    pub(crate) fn new() -> Result<(Self, OwnedFd), Errno> {
        // Packets: a frame arrives whole, and end of file cannot be mistaken for a short one.
        let (socket, other) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self { socket, phase: Phase::Launching, log: None }, other))
    }

    /// The wire to a child that was left to others to start, of which it says that it is ready next.
    pub(crate) fn to_waiting(socket: OwnedFd) -> Self {
        Self { socket, phase: Phase::Preparing, log: None }
    }

    /// Waits for what is due and moves on; descriptors that came along are answered with it.
    pub(crate) fn receive(&mut self) -> Result<(Received, Vec<OwnedFd>), Broken> {
        let (received, mut fds) = self.read().map_err(|_| Broken::Died)?;
        self.phase = self.phase.receive(received).inspect_err(|_| self.log = fds.pop())?;
        Ok((received, fds))
    }

    /// What the kernel has noted of the failure that was received, in one line; empty for most.
    pub(crate) fn log(&self) -> String {
        self.log.as_ref().map(skep_rootfs::fs_log).unwrap_or_default()
    }

    /// Goes on over another socket, which came with the child's birth: the far end of this one was the caller's for a
    /// moment, and a copy of the caller may hold it for ever.
    pub(crate) fn go_on_over(&mut self, socket: OwnedFd) {
        self.socket = socket;
    }

    /// As [`receive`](Self::receive), for as long as the process of the pidfd `speaker` lives.
    ///
    /// What it has made may hold the same end of the wire and wait for the parent: without a look at the speaker itself
    /// both would wait for ever once it was killed.
    pub(crate) fn receive_from(&mut self, speaker: BorrowedFd<'_>) -> Result<(Received, Vec<OwnedFd>), Broken> {
        let ready = |fd: BorrowedFd<'_>, wait: bool| loop {
            let mut fds =
                [PollFd::from_borrowed_fd(fd, PollFlags::IN), PollFd::from_borrowed_fd(speaker, PollFlags::IN)];
            match rustix::event::poll(&mut fds, if wait { None } else { Some(&NOW) }) {
                Err(Errno::INTR) => {}
                Err(_) => return false,
                Ok(_) => return fds.first().is_some_and(|fd| !fd.revents().is_empty()),
            }
        };
        // Looked at again once the speaker is known to be dead: it may have spoken just before.
        if ready(self.socket.as_fd(), true) || ready(self.socket.as_fd(), false) {
            return self.receive();
        }
        Err(Broken::Died)
    }

    /// As [`receive`](Self::receive), from a child that is among others, who may stop it or end it: neither must keep the
    /// caller.
    ///
    /// A stopped child is had go on, for a while: whoever stops it again and again is told. One that is frozen is waited for
    /// as long: a container that may freeze groups of its own could keep it so. And a file of theirs may answer nobody who
    /// opens it, which only the clock tells: at `end`.
    pub(crate) fn receive_among_others(
        &mut self,
        child: &PidFd,
        end: Option<Instant>,
        is_frozen: impl Fn() -> bool,
    ) -> Result<(Received, Vec<OwnedFd>), Broken> {
        let mut patience = PATIENCE;
        loop {
            if self.is_ready(Some(&SILENCE)) {
                return self.receive();
            }
            if end.is_some_and(|end| Instant::now() >= end) {
                return Err(Broken::Late);
            }
            // Its end of the wire may be somebody else's too by now.
            if !matches!(child.has_ended(), Ok(false)) && !self.is_ready(Some(&NOW)) {
                return Err(Broken::Died);
            }
            if is_frozen() {
                patience = patience.checked_sub(1).ok_or(Broken::Frozen)?;
            }
            if is_stopped(child) && !self.is_ready(Some(&NOW)) {
                patience = patience.checked_sub(1).ok_or(Broken::Stopped)?;
                // Without the right it stays stopped, and patience ends.
                let _refused = child.signal(SIGCONT);
            }
        }
    }

    fn is_ready(&self, timeout: Option<&Timespec>) -> bool {
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        matches!(rustix::event::poll(&mut fds, timeout), Ok(1))
    }

    /// The failure that the other end has reported already, while something else was done. Waits for nothing.
    pub(crate) fn reported(&mut self) -> Option<Broken> {
        if !self.is_ready(Some(&NOW)) {
            return None;
        }
        self.receive().err().filter(|broken| matches!(broken, Broken::Failed { .. }))
    }

    /// Says `frame` and moves on.
    ///
    /// Where nobody listens any more the phase stays: the end of file that follows is then a death, not an exec.
    pub(crate) fn send(&mut self, frame: Frame) -> Result<(), Broken> {
        let next = self.phase.send(frame).ok_or(Broken::Unexpected)?;
        let bytes = frame.encode();
        let mut none = SendAncillaryBuffer::default();
        loop {
            match rustix::net::sendmsg(&self.socket, &[IoSlice::new(&bytes)], &mut none, SendFlags::NOSIGNAL) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(_) => return Ok(()),
            }
        }
        self.phase = next;
        Ok(())
    }

    fn read(&self) -> Result<(Received, Vec<OwnedFd>), Errno> {
        let mut bytes = [0; SIZE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let size = loop {
            let mut data = [IoSliceMut::new(&mut bytes)];
            match rustix::net::recvmsg(&self.socket, &mut data, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Ok(message) => break message.bytes,
                Err(Errno::INTR) => {}
                // ECONNRESET among them: the other end was closed with a frame of ours unread in it, so it was no exec.
                Err(errno) => return Err(errno),
            }
        };
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                fds.extend(received);
            }
        }
        match (size, Frame::decode(bytes)) {
            (0, _) => Ok((Received::End, fds)),
            (SIZE, Some(frame)) => Ok((Received::Frame(frame), fds)),
            _ => Err(Errno::PROTO),
        }
    }
}

/// Whether a child of ours is stopped now. It stays to be told to others.
fn is_stopped(child: &PidFd) -> bool {
    // __WALL: it has not executed.
    let all = WaitIdOptions::from_bits_retain(0x4000_0000);
    let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT | all;
    waitid(WaitId::PidFd(child.as_fd()), options).is_ok_and(|status| status.is_some_and(|status| status.stopped()))
}

#[cfg(test)]
mod tests;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The connection: a socket that is never waited for beyond a deadline.
//!
//! Specification: "Authentication Protocol".

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, connect, recv, send, sendmsg, socket_with,
};

use super::address::Address;
use super::message::{Message, PREFIX};
use super::trouble::Trouble;
use crate::{dir, sys};

/// How much is read at a time.
const CHUNK: usize = 16 << 10;
/// The longest line of the introduction.
const LINE: usize = 4096;
/// The most descriptors that the kernel takes with one message (`SCM_MAX_FD`).
pub(in crate::systemd) const MOST_DESCRIPTORS: usize = 253;
/// How long to wait where the kernel does not tell when it is worth trying again: a listener whose queue is full.
const PAUSE: Duration = Duration::from_millis(5);

/// When an operation has to be over.
#[derive(Debug, Clone, Copy)]
pub(in crate::systemd) struct Deadline(Option<Instant>);

impl Deadline {
    /// So long from now on; what no clock reaches is no deadline.
    pub(in crate::systemd) fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    /// What is left of the time.
    pub(in crate::systemd) fn left(self) -> Result<Duration, Trouble> {
        const LONG: Duration = Duration::from_hours(24);
        let Some(end) = self.0 else { return Ok(LONG) };
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(Trouble::Late) } else { Ok(left.min(LONG)) }
    }
}

/// The socket at this path, which is this user's: its directory is the user's to fill, and what is there may be somebody
/// else's, behind a link.
fn own_socket(uid: u32, path: &Path) -> Result<OwnedFd, Trouble> {
    const FLAGS: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::INVAL.into()) };
    let above = dir::open_absolute(above).map_err(|errno| match errno {
        Errno::LOOP | Errno::NOTDIR => Trouble::Foreign("a symbolic link is on the way to it"),
        errno => errno.into(),
    })?;
    let socket = openat(&above, name, FLAGS, Mode::empty())?;
    let found = fstat(&socket)?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::Symlink => Err(Trouble::Foreign("it is a symbolic link")),
        FileType::Socket if found.st_uid == uid => Ok(socket),
        FileType::Socket => Err(Trouble::Foreign("the socket is another user's")),
        _ => Err(Trouble::Foreign("it is no socket")),
    }
}

/// A connection to a bus, or to a manager itself, that has been let in.
#[derive(Debug)]
pub(in crate::systemd) struct Connection {
    socket: OwnedFd,
    /// What has come and is not read yet.
    read: Vec<u8>,
    serial: u32,
    /// Whether the other side takes descriptors.
    takes_descriptors: bool,
}

impl Connection {
    /// Goes there, and is let in.
    ///
    /// Without a name, the other side takes whom the kernel tells it of: in a user namespace that is another number than
    /// ours. Who will not have that is told a number, on a new connection: some hang up on who was not let in.
    ///
    /// With `descriptors`, it is asked whether it takes some with messages.
    pub(in crate::systemd) fn open(address: &Address, descriptors: bool, deadline: Deadline) -> Result<Self, Trouble> {
        let end = if descriptors { "NEGOTIATE_UNIX_FD\r\nBEGIN\r\n" } else { "BEGIN\r\n" };
        let unnamed = format!("\0AUTH EXTERNAL\r\nDATA\r\n{end}");
        match Self::reach(address, deadline)?.introduced(unnamed.as_bytes(), deadline) {
            Err(Trouble::Rejected) => {}
            answer => return answer,
        }
        let number = rustix::process::geteuid().as_raw().to_string();
        let digits: String = number.bytes().map(|digit| format!("{digit:02x}")).collect();
        let named = format!("\0AUTH EXTERNAL {digits}\r\n{end}");
        Self::reach(address, deadline)?.introduced(named.as_bytes(), deadline)
    }

    fn reach(address: &Address, deadline: Deadline) -> Result<Self, Trouble> {
        // Held until we are there: what was looked at is what is gone to.
        let held;
        let owner = match address {
            Address::Of(uid, _) => Some(*uid),
            Address::Path(_) | Address::Abstract(_) => None,
        };
        let address = match address {
            Address::Path(path) => SocketAddrUnix::new(path.as_path())?,
            Address::Of(uid, path) => {
                held = own_socket(*uid, path)?;
                SocketAddrUnix::new(format!("/proc/self/fd/{}", held.as_raw_fd()))?
            }
            Address::Abstract(name) => SocketAddrUnix::new_abstract_name(name)?,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        loop {
            match connect(&socket, &address) {
                Ok(()) | Err(Errno::ISCONN) => break,
                Err(Errno::AGAIN | Errno::INTR) => std::thread::sleep(PAUSE.min(deadline.left()?)),
                Err(errno) => return Err(errno.into()),
            }
        }
        // A socket that is given to somebody is still listened at by who has made it.
        if let Some(owner) = owner
            && sys::peer(socket.as_fd())?.uid != owner
        {
            return Err(Trouble::Foreign("who listens there is another user"));
        }
        Ok(Self { socket, read: Vec::new(), serial: 0, takes_descriptors: false })
    }

    /// Whether the other side takes descriptors.
    pub(in crate::systemd) fn takes_descriptors(&self) -> bool {
        self.takes_descriptors
    }

    /// Whether our numbers of processes are those of the other side: it is in our pid namespace, or one below, and so has a
    /// number here.
    pub(in crate::systemd) fn has_our_numbers(&self) -> bool {
        sys::peer(self.socket.as_fd()).is_ok_and(|peer| peer.pid > 0)
    }

    /// Says who we are, with what ends the introduction, and hears the answers: one for each line but that.
    ///
    /// The end goes out with the rest, as in libsystemd. systemd's own end of a connection reads as much as there is; a
    /// message that comes in the same breath as the end stays in its buffer, and is answered when the next one comes. So
    /// the end must have been read before the first message is sent, and it has been where it came with what is answered.
    fn introduced(mut self, lines: &[u8], deadline: Deadline) -> Result<Self, Trouble> {
        self.write(lines, deadline)?;
        let mut is_in = false;
        for _ in 1..lines.iter().filter(|byte| **byte == b'\n').count() {
            let answer = self.line(deadline)?;
            match answer.split(' ').next().unwrap_or_default() {
                "OK" => is_in = true,
                "DATA" => {}
                "AGREE_UNIX_FD" if is_in => self.takes_descriptors = true,
                // Who has let us in at the first line does not know what the second is for.
                "ERROR" if is_in => {}
                "REJECTED" | "ERROR" => return Err(Trouble::Rejected),
                _ => return Err(Trouble::Malformed("the answer to our introduction is none")),
            }
        }
        if is_in { Ok(self) } else { Err(Trouble::Malformed("the answer to our introduction is none")) }
    }

    /// Sends a message; the answer is its serial number.
    pub(in crate::systemd) fn send(&mut self, message: &Message, deadline: Deadline) -> Result<u32, Trouble> {
        self.send_with(message, &[], deadline)
    }

    /// Sends a message and descriptors with it, as many as it says.
    pub(in crate::systemd) fn send_with(
        &mut self,
        message: &Message,
        descriptors: &[BorrowedFd<'_>],
        deadline: Deadline,
    ) -> Result<u32, Trouble> {
        self.serial = self.serial.checked_add(1).unwrap_or(1);
        let bytes = message.encode(self.serial);
        let sent = if descriptors.is_empty() { 0 } else { self.begin(&bytes, descriptors, deadline)? };
        self.write(bytes.get(sent..).unwrap_or_default(), deadline)?;
        Ok(self.serial)
    }

    /// Sends descriptors, with as many bytes as go with them.
    fn begin(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>], deadline: Deadline) -> Result<usize, Trouble> {
        let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut with = SendAncillaryBuffer::new(&mut room);
        if !with.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(Errno::TOOMANYREFS.into());
        }
        loop {
            match sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut with, SendFlags::NOSIGNAL) {
                Ok(sent) => return Ok(sent),
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, deadline)?,
                Err(Errno::INTR) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(Trouble::Closed),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// The next message, whatever it is about.
    pub(in crate::systemd) fn next(&mut self, deadline: Deadline) -> Result<Message, Trouble> {
        loop {
            // Also where there is always something to read.
            deadline.left()?;
            if let Some(prefix) = self.read.first_chunk::<PREFIX>() {
                let length = Message::length(prefix)?;
                if let Some(bytes) = self.read.get(..length) {
                    let message = Message::decode(bytes);
                    self.read.drain(..length);
                    return match message? {
                        message if message.descriptors > 0 => {
                            Err(Trouble::Malformed("it brings descriptors, which nobody has asked for"))
                        }
                        message => Ok(message),
                    };
                }
            }
            self.fill(deadline)?;
        }
    }

    /// A line of the introduction, without its end.
    fn line(&mut self, deadline: Deadline) -> Result<String, Trouble> {
        loop {
            if let Some(end) = self.read.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.read.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).map_err(|_| Trouble::Malformed("a line is not text"));
            }
            if self.read.len() > LINE {
                return Err(Trouble::Malformed("a line does not end"));
            }
            self.fill(deadline)?;
        }
    }

    /// Reads what there is, once there is something.
    fn fill(&mut self, deadline: Deadline) -> Result<(), Trouble> {
        let mut chunk = [0; CHUNK];
        loop {
            match recv(&self.socket, &mut chunk[..], RecvFlags::empty()) {
                Ok((0, _)) | Err(Errno::CONNRESET | Errno::PIPE) => return Err(Trouble::Closed),
                Ok((count, _)) => {
                    self.read.extend_from_slice(chunk.get(..count).unwrap_or_default());
                    return Ok(());
                }
                Err(Errno::AGAIN) => self.wait(PollFlags::IN, deadline)?,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn write(&mut self, mut bytes: &[u8], deadline: Deadline) -> Result<(), Trouble> {
        while !bytes.is_empty() {
            match send(&self.socket, bytes, SendFlags::NOSIGNAL) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Errno::AGAIN) => self.wait(PollFlags::OUT, deadline)?,
                Err(Errno::INTR) => {}
                Err(Errno::PIPE | Errno::CONNRESET) => return Err(Trouble::Closed),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    /// Waits until it can be done, or is too late.
    fn wait(&self, what: PollFlags, deadline: Deadline) -> Result<(), Trouble> {
        loop {
            let time = Timespec::try_from(deadline.left()?).map_err(|_| Errno::INVAL)?;
            match poll(&mut [PollFd::from_borrowed_fd(self.socket.as_fd(), what)], Some(&time)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A start in the copying form: what runs in the child, in up to two stages.
//!
//! The first stage is a copy of the calling thread, and joins what is to be joined. Where namespaces are to be made after
//! that, or a pid namespace was joined, which takes effect for children, it clones a second time, as a sibling: so that
//! the caller is the parent of both, and may wait for the second by the pidfd that the first sends it. The last stage
//! waits for its id map if it has one, makes the calls of the table, and with the last of them executes the program.
//!
//! What they talk over the child makes: the ends of a socket that the caller made would be in the table of every other
//! process that some thread of the caller forked in that moment, for as long as it likes.
//!
//! As on the floor nothing here allocates, locks, panics or calls libc: other threads of the caller may hold any lock.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use super::copy::clone;
use super::mask::SignalMask;
use super::{CLONE_PARENT, CLONE_PIDFD, CloneArgs, Extras, address, adopt};
use crate::floor::join::{self, Entry};
use crate::floor::sys::{
    Errno, close, exit_group, receive_byte, replace, send, set_parent_death_signal, socketpair, syscall, unshare,
};
use crate::spawn::call::{Call, OnError};

/// Everything that the child does, finished before the clone.
#[derive(Debug)]
pub(crate) struct Stages<'a> {
    /// The child's end of the socket, of which only the first word is said; another one takes its number then.
    pub(crate) socket: BorrowedFd<'a>,
    /// The caller's end, of which the child holds a copy.
    pub(crate) callers_socket: BorrowedFd<'a>,
    /// Closes what a child that waits must not hold.
    pub(crate) close: &'a [Call<'a>],
    pub(crate) joins: &'a [Entry],
    /// The namespaces that the first clone makes, in the bits of clone3.
    pub(crate) first: u64,
    /// Whether a time namespace is made after the joins, and waited for the caller to set its clocks: what is cloned
    /// without `CLONE_VM` enters one at once, after which they stand.
    pub(crate) clocks: bool,
    /// Whether a second clone follows.
    pub(crate) second: bool,
    /// Whether it waits for a byte before its calls.
    pub(crate) waits: bool,
    pub(crate) calls: &'a [Call<'a>],
    /// The namespaces that the second clone makes.
    pub(crate) then: u64,
    pub(crate) extras: Extras<'a>,
}

/// What the child tells.
#[derive(Debug)]
pub(crate) enum Report {
    /// What all else is said over.
    Wire(OwnedFd),
    /// The second clone made this process, by its number in the caller's pid namespace.
    Second(u32, OwnedFd),
    /// A join of the list failed.
    Join(usize, Errno),
    /// The second clone failed.
    Clone(Errno),
    /// A call of the table failed.
    Call(usize, Errno),
    /// A new time namespace waits for its offsets, or could not be made.
    Clocks(Result<(), Errno>),
    /// The socket could not be made.
    NoWire(Errno),
}

const SECOND: u8 = 1;
const JOIN: u8 = 2;
const CLONE: u8 = 3;
const CALL: u8 = 4;
const WIRE: u8 = 5;
const CLOCKS: u8 = 6;

const CLONE_NEWTIME: u64 = 0x80;

impl Report {
    /// From the eight bytes and the descriptor that came.
    pub(crate) fn read(bytes: [u8; 8], fd: Option<OwnedFd>) -> Option<Self> {
        let [what, _, low, high, value @ ..] = bytes;
        let (errno, value) = (Errno(u16::from_le_bytes([low, high])), u32::from_le_bytes(value));
        let at = usize::try_from(value).unwrap_or(usize::MAX);
        match (what, fd) {
            (WIRE, Some(fd)) => Some(Self::Wire(fd)),
            (WIRE, None) => Some(Self::NoWire(errno)),
            (CLOCKS, None) => Some(Self::Clocks(if errno == Errno(0) { Ok(()) } else { Err(errno) })),
            (SECOND, Some(fd)) => Some(Self::Second(value, fd)),
            (JOIN, None) => Some(Self::Join(at, errno)),
            (CLONE, None) => Some(Self::Clone(errno)),
            (CALL, None) => Some(Self::Call(at, errno)),
            _ => None,
        }
    }

    /// The number of the second process, in a report whose descriptor has not come.
    pub(crate) fn second_of(bytes: [u8; 8]) -> Option<u32> {
        let [what, _, _, _, value @ ..] = bytes;
        (what == SECOND).then(|| u32::from_le_bytes(value))
    }
}

impl Stages<'_> {
    /// Makes the child, and answers its number and a descriptor of it; of the first stage, if there are two.
    pub(crate) fn start(&self) -> Result<(u32, OwnedFd), Errno> {
        let mut pidfd: RawFd = -1;
        // No signal of its end while it has not executed: exec makes it SIGCHLD. So a program that waits for any child
        // does not come across a start that failed.
        let mut args = CloneArgs { flags: CLONE_PIDFD, pidfd: address(&raw mut pidfd), ..CloneArgs::default() };
        args.flags |= self.first;
        if self.second {
            // Into the cgroup by the caller's rights; the second inherits it.
            Extras { pids: &[], ..self.extras }.add_to(&mut args);
        } else {
            self.extras.add_to(&mut args);
        }
        let mask = SignalMask::block_all();
        // SAFETY: no stack is set and no memory is shared; the copy makes system calls alone and ends.
        let made = unsafe { clone(&args) };
        if let Ok(0) = made {
            self.child();
        }
        mask.restore();
        let pid = made?;
        Ok((u32::try_from(pid).unwrap_or(0), adopt(pidfd)))
    }

    /// The child, with every signal blocked until the table unblocks them.
    fn child(&self) -> ! {
        close(self.callers_socket.as_raw_fd());
        if let Err(errno) = self.make_wire() {
            self.fail(WIRE, 0, errno);
        }
        for call in self.close {
            let _closed = perform(call);
        }
        if let Err((at, errno)) = join::enter(self.joins) {
            self.fail(JOIN, at, errno);
        }
        if self.clocks {
            if let Err(errno) = unshare(CLONE_NEWTIME) {
                self.fail(CLOCKS, 0, errno);
            }
            let _told = send(self.socket.as_raw_fd(), frame(CLOCKS, Errno(0), 0), None);
            self.wait();
        }
        if self.second {
            self.clone_again();
        }
        if self.waits {
            self.wait();
        }
        for (at, call) in self.calls.iter().enumerate() {
            if let Err(errno) = perform(call) {
                self.fail(CALL, at, errno);
            }
        }
        exit_group(127)
    }

    /// Puts a socket of the child's own under the number of the first one, and sends the caller its other end.
    fn make_wire(&self) -> Result<(), Errno> {
        let [kept, sent] = socketpair()?;
        send(self.socket.as_raw_fd(), frame(WIRE, Errno(0), 0), Some(sent))?;
        close(sent);
        replace(kept, self.socket.as_raw_fd())
    }

    /// Waits for the caller's byte. A copy of the caller's end may be anywhere: its death has to be told by a signal.
    fn wait(&self) {
        const SIGKILL: u32 = 9;
        let _set = set_parent_death_signal(SIGKILL);
        // Nobody at the other end: the caller has given up, or has ended.
        if receive_byte(self.socket.as_raw_fd()).is_none() {
            exit_group(127);
        }
        let _unset = set_parent_death_signal(0);
    }

    /// Returns in the second stage.
    fn clone_again(&self) {
        let mut pidfd: RawFd = -1;
        let flags = self.then | CLONE_PARENT | CLONE_PIDFD;
        let mut args = CloneArgs { flags, pidfd: address(&raw mut pidfd), ..CloneArgs::default() };
        Extras { cgroup: None, ..self.extras }.add_to(&mut args);
        // SAFETY: as for the first.
        match unsafe { clone(&args) } {
            Ok(0) => {}
            Ok(pid) => {
                let told = send(self.socket.as_raw_fd(), frame(SECOND, Errno(0), pid), Some(pidfd));
                exit_group(if told.is_ok() { 0 } else { 127 });
            }
            Err(errno) => self.fail(CLONE, 0, errno),
        }
    }

    fn fail(&self, what: u8, at: usize, errno: Errno) -> ! {
        let _told = send(self.socket.as_raw_fd(), frame(what, errno, at), None);
        exit_group(127)
    }
}

fn frame(what: u8, errno: Errno, value: usize) -> [u8; 8] {
    let [low, high] = errno.0.to_le_bytes();
    let [a, b, c, d] = (value as u32).to_le_bytes();
    [what, 0, low, high, a, b, c, d]
}

/// Makes one call of a table, as the assembly of the memory-sharing form does.
fn perform(call: &Call<'_>) -> Result<(), Errno> {
    let (number, args, on_error) = call.raw();
    // SAFETY: a call borrows what it points to, and is one of those that call.rs can make.
    let done = unsafe { syscall(number as usize, args.map(|arg| arg as usize)) };
    match (done, on_error) {
        (Ok(_), _) | (Err(_), OnError::GoOn) | (Err(Errno::NOENT | Errno::NOSYS), OnError::GoOnIfUnknown) => Ok(()),
        (Err(_), OnError::CloseEach) => {
            let [first, _, _, end, ..] = args;
            (first..end).for_each(|fd| close(fd as i32));
            Ok(())
        }
        (Err(errno), _) => Err(errno),
    }
}

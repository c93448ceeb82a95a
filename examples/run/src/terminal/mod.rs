// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command's terminal, where skep-run stands in one: of the container's own, shown in the caller's.
//!
//! ```text
//!  keyboard ─► caller's terminal ──► Buffer ──► container's terminal ──► command
//!  screen   ◄─    (raw mode)     ◄── Buffer ◄──      (its master)    ◄──
//! ```
//! The command never has the caller's terminal, into which it could type. Every byte goes through as it is: the container's
//! terminal makes signals and lines of them. What nobody takes is not read, in either direction, so whoever writes too
//! much waits, and no more than two buffers are ever kept.
//!
//! In a pipeline whose end the command is not, the caller's terminal is others' too: it is left in its modes, and keys come in
//! lines, as long as nobody has them one by one. A password that the command asks for is seen there as it is typed.
//!
//! [`Caller`] says what there is before the start; a [`Relay`] then is a part of a loop around poll(2): it names what it
//! waits for, and each turn it copies what can be copied without waiting.
//!
//! Man: pty(7), termios(3), tty_ioctl(4).

mod buffer;
mod caller;

use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout};
use rustix::fs::OFlags;
use rustix::io::Errno;
use skep::Terminal;

use buffer::Buffer;
pub(crate) use caller::{Caller, Key};

/// How long until one looks again where nothing tells: whether the caller's terminal is ours by now, or somebody has opened
/// the container's again. In milliseconds.
const LOOK_AGAIN: u8 = 100;

/// Copies between the caller's terminal and the container's. Dropping it gives the caller's terminal its modes back.
#[derive(Debug)]
pub(crate) struct Relay {
    caller: Caller,
    /// The container's terminal, until the caller's is hung up.
    inner: Option<Terminal>,
    /// Keys.
    typed: Buffer,
    /// What is to be seen.
    shown: Buffer,
    /// Whether nobody in the container has its terminal open at the moment.
    is_closed: bool,
    /// Whether there was nothing more to read from the container's terminal.
    has_read_all: bool,
    /// Whether the command has ended: what it has written is still to be seen.
    is_ending: bool,
}

impl Relay {
    /// A relay for `terminal`, whose caller is [ready](Caller::enter).
    pub(crate) fn new(caller: Caller, terminal: Terminal) -> Self {
        // Ours alone: the command has the other side, and the caller's shell has neither.
        let _blocking = rustix::fs::fcntl_setfl(&terminal, OFlags::NONBLOCK);
        let (typed, shown) = (Buffer::new(), Buffer::new());
        Self { caller, inner: Some(terminal), typed, shown, is_closed: false, has_read_all: false, is_ending: false }
    }

    /// Adds what it waits for.
    pub(crate) fn watch<'a>(&'a self, fds: &mut Vec<PollFd<'a>>) {
        if self.wants_keys() {
            fds.push(PollFd::new(self.caller.input(), PollFlags::POLLIN));
        }
        let mut events = PollFlags::empty();
        events.set(PollFlags::POLLIN, self.shown.has_room());
        events.set(PollFlags::POLLOUT, !self.typed.pending().is_empty());
        if let Some(inner) = self.inner.as_ref().filter(|_| !events.is_empty() && !self.is_closed) {
            fds.push(PollFd::new(inner.as_fd(), events));
        }
        if !self.shown.pending().is_empty() {
            fds.push(PollFd::new(self.caller.output(), PollFlags::POLLOUT));
        }
    }

    /// After how long to turn although nothing it waits for has come.
    pub(crate) fn timeout(&self) -> PollTimeout {
        let looks_again = self.inner.is_some() && (self.is_closed || !self.caller.has_keys());
        if looks_again { PollTimeout::from(LOOK_AGAIN) } else { PollTimeout::NONE }
    }

    /// Copies what can be copied without waiting.
    pub(crate) fn turn(&mut self) {
        if !self.caller.has_keys() && self.inner.is_some() {
            self.resume();
        }
        self.read_keys();
        self.write_keys();
        self.read_screen();
        self.write_screen();
    }

    /// Tells the container's terminal the size of the caller's.
    pub(crate) fn resize(&self) {
        if let (Some(inner), Some((rows, columns))) = (&self.inner, self.caller.size()) {
            let _as_it_was = inner.resize(rows, columns);
        }
    }

    /// Presses a key of which the caller's terminal has made a signal.
    pub(crate) fn press(&mut self, key: Key) {
        let code = self.caller.code(key);
        if let Some(slot) = self.typed.room().first_mut() {
            *slot = code;
            self.typed.filled(1);
        }
    }

    /// Takes the caller's terminal again, if we are in its foreground: after a stop, by which a shell took it.
    pub(crate) fn resume(&mut self) {
        if self.caller.enter() {
            self.resize();
        }
    }

    /// Gives the caller's terminal back, for as long as we are stopped.
    pub(crate) fn suspend(&mut self) {
        self.caller.leave();
    }

    /// The command has ended: what it has written is still shown, and nothing more is typed.
    pub(crate) fn end(&mut self) {
        self.is_ending = true;
        self.is_closed = false;
    }

    /// Whether all that the command has written so far has been shown, and nothing is read any more meanwhile.
    pub(crate) fn is_quiet(&self) -> bool {
        self.shown.pending().is_empty() && self.has_read_all
    }

    /// Whether all that the command has written has been shown, after its end.
    pub(crate) fn is_done(&self) -> bool {
        self.is_ending && self.inner.is_none() && self.shown.pending().is_empty()
    }

    fn wants_keys(&self) -> bool {
        self.caller.has_keys() && self.inner.is_some() && !self.is_ending && self.typed.has_room()
    }

    fn read_keys(&mut self) {
        if !self.wants_keys() || !self.caller.still_has_keys() {
            // Its modes are nobody's any more then, and so it is told from one that others have.
            if !self.caller.has_keys() && self.caller.is_hung_up() {
                self.inner = None;
            }
            return;
        }
        match self.caller.read(self.typed.room()) {
            Ok(count) => self.typed.filled(count),
            Err(Errno::AGAIN | Errno::INTR) => {}
            // Hung up: so is the container's then, whose command is told by it.
            Err(_) => self.inner = None,
        }
    }

    fn write_keys(&mut self) {
        let Some(inner) = &self.inner else { return };
        while !self.typed.pending().is_empty() && !self.is_closed {
            match rustix::io::write(inner, self.typed.pending()) {
                Ok(0) | Err(Errno::AGAIN) => break,
                Ok(count) => self.typed.taken(count),
                Err(Errno::INTR) => {}
                Err(_) => self.typed.clear(),
            }
        }
    }

    fn read_screen(&mut self) {
        self.has_read_all = self.inner.is_none();
        let Some(inner) = &self.inner else { return };
        while self.shown.has_room() {
            match rustix::io::read(inner, self.shown.room()) {
                Ok(count) if count > 0 => {
                    self.is_closed = false;
                    self.shown.filled(count);
                }
                Err(Errno::INTR) => {}
                answer => {
                    self.has_read_all = true;
                    self.is_closed = answer != Err(Errno::AGAIN);
                    // Everybody in there has ended: nothing can come after nothing.
                    if self.is_ending {
                        self.inner = None;
                    }
                    break;
                }
            }
        }
    }

    fn write_screen(&mut self) {
        while !self.shown.pending().is_empty() {
            match self.caller.write(self.shown.pending()) {
                Ok(0) | Err(Errno::AGAIN) => break,
                Ok(count) => self.shown.taken(count),
                Err(Errno::INTR) => {}
                // Hung up: nobody sees it.
                Err(_) => self.shown.clear(),
            }
        }
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The caller's terminal: found, taken while we are in its foreground, and given back as it was.
//!
//! Its descriptors are shared with the shell that has started us and with everything else there: their flags are not ours
//! to change. So it is opened once more where that can be done, and what must not wait is done by that.

use std::io::IsTerminal;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios};
use skep::{Builder, Stream, Terminal};

/// The caller's terminal, as far as our standard streams are one.
#[derive(Debug)]
pub(crate) struct Caller {
    streams: Vec<Stream>,
    /// Where keys come from.
    input: Side,
    /// Where things are shown. Usually the same terminal.
    output: Side,
    /// Whether it is others' too: in `skep-run ls | less` the reader of our output shows things there, and reads keys.
    is_shared: bool,
    /// Its modes as we found them, once we have had keys.
    before: Option<Termios>,
    has_keys: bool,
}

/// A key that a terminal in lines makes something else of than a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-\.
    Quit,
    /// Ctrl-Z.
    Suspend,
    /// Ctrl-D.
    End,
}

/// A descriptor of a terminal.
#[derive(Debug)]
struct Side {
    fd: OwnedFd,
    /// Whether it is ours alone, and does not block.
    is_own: bool,
}

impl Caller {
    /// Looks at our standard streams; `None` if no terminal is among them.
    ///
    /// Keys come from standard input, or where that is none from the terminal that is looked at, as for
    /// `ls | skep-run less`.
    pub(crate) fn find() -> Option<Self> {
        let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let all = [
            (Stream::Stdin, stdin.as_fd(), stdin.is_terminal()),
            (Stream::Stdout, stdout.as_fd(), stdout.is_terminal()),
            (Stream::Stderr, stderr.as_fd(), stderr.is_terminal()),
        ];
        let terminals: Vec<_> =
            all.into_iter().filter(|(.., is_terminal)| *is_terminal).map(|(stream, fd, _)| (stream, fd)).collect();
        let (_, input) = terminals.first()?;
        // Of what is not an input the first, if there is one.
        let (_, output) = terminals.iter().find(|(stream, _)| *stream != Stream::Stdin).or(terminals.first())?;
        Some(Self {
            streams: terminals.iter().map(|(stream, _)| *stream).collect(),
            input: Side::of(*input)?,
            output: Side::of(*output)?,
            is_shared: !stdout.is_terminal() && leads_to_somebody(stdout.as_fd()),
            before: None,
            has_keys: false,
        })
    }

    /// The container with a terminal on the same streams, as large.
    pub(crate) fn furnish(&self, builder: Builder) -> Builder {
        let builder = builder.terminal_on(self.streams.iter().copied());
        match self.size() {
            Some((rows, columns)) => builder.terminal_size(rows, columns),
            None => builder,
        }
    }

    /// Gives the container's terminal the modes of this one, as they were: which key erases, whether text is UTF-8.
    pub(crate) fn dress(&self, terminal: &Terminal) {
        let Some(mut modes) = self.before.clone() else { return };
        if self.is_shared {
            // This one shows keys already, and begins lines at their beginning.
            modes.local_modes.remove(LocalModes::ECHO);
            modes.output_modes.remove(OutputModes::OPOST);
        }
        let _as_it_is = rustix::termios::tcsetattr(terminal, OptionalActions::Now, &modes);
    }

    /// Has keys come to us, as they are typed, if we are in the foreground: whoever else is would be disturbed, and we be
    /// stopped for it (`SIGTTOU`). Answers whether they do.
    ///
    /// A terminal that is others' too is left as it is, and its keys come in lines. While somebody has it otherwise, as
    /// `less` does, they are his.
    pub(crate) fn enter(&mut self) -> bool {
        self.has_keys =
            self.is_foreground() && if self.is_shared { self.is_in_lines() } else { self.make_raw().is_ok() };
        self.has_keys
    }

    fn is_in_lines(&mut self) -> bool {
        let Ok(modes) = rustix::termios::tcgetattr(&self.input.fd) else { return false };
        let is_in_lines = modes.local_modes.contains(LocalModes::ICANON);
        self.before.get_or_insert(modes);
        is_in_lines
    }

    fn make_raw(&mut self) -> Result<(), Errno> {
        let before = match &self.before {
            Some(before) => before,
            None => self.before.insert(rustix::termios::tcgetattr(&self.input.fd)?),
        };
        let mut raw = before.clone();
        raw.make_raw();
        // A read answers what there is: somebody else may have been faster.
        raw.special_codes[SpecialCodeIndex::VMIN] = 0;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        rustix::termios::tcsetattr(&self.input.fd, OptionalActions::Now, &raw)
    }

    /// Gives its modes back, if it is still ours to do so.
    pub(crate) fn leave(&mut self) {
        if std::mem::replace(&mut self.has_keys, false)
            && !self.is_shared
            && self.is_foreground()
            && let Some(before) = &self.before
        {
            // Not after all has been shown: who has stopped the screen would stop our end with it.
            let _as_it_is = rustix::termios::tcsetattr(&self.input.fd, OptionalActions::Now, before);
        }
    }

    /// Whether keys come to us.
    pub(crate) fn has_keys(&self) -> bool {
        self.has_keys
    }

    /// Looks whether they do still: the terminal may have been taken from us, modes and all.
    pub(crate) fn still_has_keys(&mut self) -> bool {
        self.has_keys = self.has_keys && self.is_foreground() && (!self.is_shared || self.is_in_lines());
        self.has_keys
    }

    /// Whether our process group is in the foreground, of a terminal that has one for us.
    fn is_foreground(&self) -> bool {
        match rustix::termios::tcgetpgrp(&self.input.fd) {
            Ok(group) => group == rustix::process::getpgrp(),
            // Not our session's terminal, or its foreground is in a pid namespace that we do not see.
            Err(_) => true,
        }
    }

    /// Rows and columns, if it has any.
    pub(crate) fn size(&self) -> Option<(u16, u16)> {
        let size = rustix::termios::tcgetwinsize(&self.output.fd).ok()?;
        Some((size.ws_row, size.ws_col))
    }

    pub(crate) fn input(&self) -> BorrowedFd<'_> {
        self.input.fd.as_fd()
    }

    pub(crate) fn output(&self) -> BorrowedFd<'_> {
        self.output.fd.as_fd()
    }

    /// Whether nobody is at the other end of it any more.
    pub(crate) fn is_hung_up(&self) -> bool {
        self.input.poll(PollFlags::empty()).intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL)
    }

    /// Reads keys; none is AGAIN, a hang-up is another error. The end of input is a key where it is made by one.
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        if self.is_hung_up() {
            return Err(Errno::IO);
        }
        if !self.input.poll(PollFlags::IN).contains(PollFlags::IN) {
            return Err(Errno::AGAIN);
        }
        match rustix::io::read(&self.input.fd, &mut *buffer) {
            Ok(0) if self.is_shared => {
                let slot = buffer.first_mut().ok_or(Errno::AGAIN)?;
                *slot = self.code(Key::End);
                Ok(1)
            }
            Ok(0) => Err(Errno::AGAIN),
            answer => answer,
        }
    }

    /// What the key sends on this terminal, and on the container's, which began with the same.
    pub(crate) fn code(&self, key: Key) -> u8 {
        let (index, usual) = match key {
            Key::Interrupt => (SpecialCodeIndex::VINTR, 0x03),
            Key::Quit => (SpecialCodeIndex::VQUIT, 0x1c),
            Key::Suspend => (SpecialCodeIndex::VSUSP, 0x1a),
            Key::End => (SpecialCodeIndex::VEOF, 0x04),
        };
        self.before.as_ref().map_or(usual, |before| before.special_codes[index])
    }

    /// Shows as much as there is room for.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        if self.output.is_own {
            return rustix::io::write(&self.output.fd, bytes);
        }
        // One that blocks may do so here if it has room for less than this.
        const FEW: usize = 256;
        if !self.output.poll(PollFlags::OUT).contains(PollFlags::OUT) {
            return Err(Errno::AGAIN);
        }
        rustix::io::write(&self.output.fd, bytes.get(..FEW).unwrap_or(bytes))
    }
}

/// Whether what is written there is read by another program, at the same time: a pipe or a socket.
fn leads_to_somebody(fd: BorrowedFd<'_>) -> bool {
    let kind = rustix::fs::fstat(fd).map(|stat| FileType::from_raw_mode(stat.st_mode));
    matches!(kind, Ok(FileType::Fifo | FileType::Socket))
}

impl Drop for Caller {
    /// On every way out, a panic among them.
    fn drop(&mut self) {
        self.leave();
    }
}

impl Side {
    /// The terminal of this descriptor: opened once more, or else the descriptor itself.
    fn of(fd: BorrowedFd<'_>) -> Option<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = |path: &str| rustix::fs::open(path, flags, Mode::empty()).ok();
        // Whoever belongs to its session may open it so, whosever it is: after `su`, say.
        let is_our_session_s = rustix::termios::tcgetpgrp(fd) != Err(Errno::NOTTY);
        let own = is_our_session_s.then(|| open("/dev/tty")).flatten();
        let own = own.or_else(|| open(&format!("/proc/self/fd/{}", fd.as_raw_fd())));
        let own = own.map(|fd| Self { fd, is_own: true });
        own.or_else(|| fd.try_clone_to_owned().ok().map(|fd| Self { fd, is_own: false }))
    }

    /// What can be done at the moment.
    fn poll(&self, events: PollFlags) -> PollFlags {
        let mut fds = [PollFd::new(&self.fd, events)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        match rustix::event::poll(&mut fds, Some(&now)) {
            Ok(_) => fds.iter().fold(PollFlags::empty(), |found, fd| found | fd.revents()),
            Err(_) => PollFlags::empty(),
        }
    }
}

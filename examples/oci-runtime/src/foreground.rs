// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for a program in the foreground: its signals, and its terminal if that is shown here.
//!
//! ```text
//!  our input  ─► typed ─► the program's terminal ─► program
//!  our output ◄──────────    (its master)        ◄──
//! ```
//! Bytes go through as they are, and no more is read than is taken. Our own terminal, if our input is one, is raw meanwhile:
//! keys are the program's, and its terminal makes signals of them.
//!
//! Man: pty(7), termios(3), signalfd(2).

use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios};
use skep::Terminal;

use crate::failure::Failure;

/// What is for the program and not for us.
const FORWARDED: [Signal; 11] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGCONT,
    Signal::SIGWINCH,
    Signal::SIGIO,
    Signal::SIGPWR,
];

/// Milliseconds until one looks again where nothing tells that somebody has opened the program's terminal.
const LOOK_AGAIN: u8 = 100;

/// What is shown at once, in bytes: as much as a pipe takes without waiting when poll(2) says that it takes some.
const AT_ONCE: usize = 4096;

/// How often what is left at the end is shown at most: more than a terminal holds.
const LAST_TURNS: usize = 256;

/// The key of the end of input, as terminals begin with it.
const END: u8 = 4;

/// Signals to us that are forwarded, blocked from now on.
#[derive(Debug)]
pub(crate) struct Signals(SignalFd);

impl Signals {
    /// To be called before the program is started, so that none is lost; it begins with none blocked.
    pub(crate) fn block() -> Result<Self, Failure> {
        let set = SigSet::from_iter(FORWARDED);
        let opened = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        let blocked = opened.and_then(|signals| set.thread_block().map(|()| Self(signals)));
        blocked.map_err(|errno| Failure::from(format!("cannot watch for signals: {}", errno.desc())))
    }

    fn next(&self) -> Option<i32> {
        let info = self.0.read_signal().ok().flatten()?;
        i32::try_from(info.ssi_signo).ok()
    }
}

/// Waits until the process has ended, which makes it readable; hands signals on, and shows its terminal here.
pub(crate) fn attend(process: BorrowedFd<'_>, signals: &Signals, terminal: Option<Terminal>, send: impl Fn(i32)) {
    let mut screen = terminal.map(Screen::new);
    loop {
        let mut fds = vec![PollFd::new(signals.0.as_fd(), PollFlags::POLLIN), PollFd::new(process, PollFlags::POLLIN)];
        let (input, out) = (std::io::stdin(), std::io::stdout());
        let wants_keys = screen.as_ref().is_some_and(Screen::wants_keys);
        let mut timeout = PollTimeout::NONE;
        if let Some(screen) = &screen {
            timeout = screen.watch(out.as_fd(), &mut fds);
        }
        if wants_keys {
            fds.push(PollFd::new(input.as_fd(), PollFlags::POLLIN));
        }
        if !matches!(nix::poll::poll(&mut fds, timeout), Ok(_) | Err(nix::Error::EINTR)) {
            // Out of memory, say: its end is still waited for by who called.
            return;
        }
        let has_ended = fds.get(1).and_then(PollFd::any).unwrap_or_default();
        let has_keys = wants_keys && fds.last().and_then(PollFd::any).unwrap_or_default();
        drop(fds);
        while let Some(signal) = signals.next() {
            match &screen {
                Some(screen) if signal == Signal::SIGWINCH as i32 => screen.resize(),
                _ => send(signal),
            }
        }
        if let Some(screen) = &mut screen {
            screen.turn(has_keys);
        }
        if has_ended {
            return screen.iter_mut().for_each(Screen::finish);
        }
    }
}

/// The program's terminal, shown on ours. Dropping it gives ours its modes back.
#[derive(Debug)]
struct Screen {
    terminal: Terminal,
    /// Our terminal's modes as they were, if our input is one.
    before: Option<Termios>,
    /// What was typed and not taken yet.
    typed: Vec<u8>,
    /// What the program has written and was not shown yet.
    unshown: Vec<u8>,
    /// Whether there is more to type.
    has_more: bool,
    /// Whether nobody has the program's side open at the moment.
    is_closed: bool,
}

impl Screen {
    fn new(terminal: Terminal) -> Self {
        // Ours alone: the program has the other side.
        let _blocking = rustix::fs::fcntl_setfl(&terminal, OFlags::NONBLOCK);
        let before = rustix::termios::tcgetattr(std::io::stdin()).ok();
        if let Some(before) = &before {
            let mut raw = before.clone();
            raw.make_raw();
            let _as_it_is = rustix::termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &raw);
        }
        let screen =
            Self { terminal, before, typed: Vec::new(), unshown: Vec::new(), has_more: true, is_closed: false };
        screen.resize();
        screen
    }

    /// Has the program's terminal be as large as ours.
    fn resize(&self) {
        if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdin()) {
            let _as_it_was = self.terminal.resize(size.ws_row, size.ws_col);
        }
    }

    /// Whether it waits for our input.
    fn wants_keys(&self) -> bool {
        self.has_more && self.typed.is_empty()
    }

    /// Adds what else it waits for, and says for how long.
    fn watch<'a>(&'a self, out: BorrowedFd<'a>, fds: &mut Vec<PollFd<'a>>) -> PollTimeout {
        if !self.unshown.is_empty() {
            fds.push(PollFd::new(out, PollFlags::POLLOUT));
        }
        if self.is_closed {
            // One that is hung up is always ready: it is left out, and looked at from time to time.
            return PollTimeout::from(LOOK_AGAIN);
        }
        let mut events = PollFlags::empty();
        // What comes next is read when this is shown: who writes much waits for who reads.
        events.set(PollFlags::POLLIN, self.unshown.is_empty());
        events.set(PollFlags::POLLOUT, !self.typed.is_empty());
        if !events.is_empty() {
            fds.push(PollFd::new(self.terminal.as_fd(), events));
        }
        PollTimeout::NONE
    }

    /// Copies what can be copied without waiting.
    fn turn(&mut self, has_keys: bool) {
        if has_keys {
            self.read_keys();
        }
        while !self.typed.is_empty() {
            match rustix::io::write(&self.terminal, &self.typed) {
                Ok(count) if count > 0 => drop(self.typed.drain(..count.min(self.typed.len()))),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                // Nobody is there to take it.
                _ => self.typed.clear(),
            }
        }
        if self.unshown.is_empty() {
            self.read_output();
        }
        let out = std::io::stdout();
        let mut fds = [PollFd::new(out.as_fd(), PollFlags::POLLOUT)];
        if !self.unshown.is_empty() && nix::poll::poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
            self.show();
        }
    }

    /// Shows what is left of a program that has ended; not for ever, where others write on.
    fn finish(&mut self) {
        for _ in 0..LAST_TURNS {
            if self.unshown.is_empty() {
                self.read_output();
            }
            if self.unshown.is_empty() {
                return;
            }
            self.show();
        }
    }

    fn read_keys(&mut self) {
        let mut keys = [0; 4096];
        match rustix::io::read(std::io::stdin(), &mut keys) {
            Ok(count) if count > 0 => self.typed.extend(keys.iter().take(count)),
            Err(Errno::INTR | Errno::AGAIN) => {}
            _ => {
                self.has_more = false;
                self.typed.push(END);
            }
        }
    }

    /// Reads what the program has written, as much as can be shown at once.
    fn read_output(&mut self) {
        let mut bytes = [0; AT_ONCE];
        loop {
            match rustix::io::read(&self.terminal, &mut bytes) {
                Ok(count) if count > 0 => {
                    self.is_closed = false;
                    return self.unshown.extend(bytes.iter().take(count));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return self.is_closed = false,
                _ => return self.is_closed = true,
            }
        }
    }

    /// Writes what is not shown yet.
    fn show(&mut self) {
        match rustix::io::write(std::io::stdout(), &self.unshown) {
            Ok(count) if count > 0 => drop(self.unshown.drain(..count.min(self.unshown.len()))),
            Err(Errno::INTR | Errno::AGAIN) => {}
            // Whoever does not look any more does not end the program by it.
            _ => self.unshown.clear(),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _as_it_is = rustix::termios::tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

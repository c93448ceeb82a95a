// SPDX-License-Identifier: MIT OR Apache-2.0
//! The caller's side of a container's terminal.
//!
//! Man: pty(7), ioctl_tty(2).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::termios::Winsize;

use crate::error::{Error, Object};

/// The caller's side of a container's terminal: what is written to it is typed, what the program shows is read from it.
///
/// It blocks, as a pipe does, until it is made otherwise (`O_NONBLOCK`, which concerns nobody else: the container does not
/// have this descriptor). A program that writes more than somebody reads waits after some kilobytes; who reads and writes
/// by turns must do so without blocking, or from two threads: what is typed is echoed, and waits for a reader too.
///
/// Where the terminal is in line mode, as it is at first, a byte of 3 ends what is in the foreground (`SIGINT`), 26 stops
/// it (the program itself only where it has an init, which tells by [`Stops`](crate::Stops)), 4 at the beginning of a line is the end of input, and a line of more than 4095 bytes loses its rest.
///
/// Dropping it hangs the terminal up: the program gets `SIGHUP` and `SIGCONT`, with its whole process group where it has an
/// init; whoever reads from it then reads the end of the file, whoever writes to it fails (EIO).
///
/// ```no_run
/// use std::io::{Read, Write};
/// use skep::Container;
/// use skep::ns::{IdMap, NamespaceKind, Namespaces};
/// use skep::rootfs::{Devpts, Mounts};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut container = Container::anonymous()
///     .namespaces(Namespaces::new().make([NamespaceKind::Mount, NamespaceKind::Pid]).user(IdMap::current_as_root()))
///     .mounts(Mounts::new().add(Devpts::new("/dev/pts")))
///     .command("/bin/sh", ["-c", "tty; read name; echo hello $name"])
///     .terminal()
///     .init()
///     .start()?;
/// let mut terminal = container.terminal.take().ok_or("no terminal")?;
/// terminal.write_all(b"skep\n")?;
/// let mut shown = String::new();
/// terminal.read_to_string(&mut shown)?;
/// assert!(shown.contains("/dev/pts/0") && shown.contains("hello skep"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Terminal(File);

impl Terminal {
    /// Tells the terminal its size in characters; what is in its foreground gets `SIGWINCH` if that is another one than
    /// before.
    ///
    /// # Errors
    /// What the kernel answers: ENOTTY if it was made of something that is no terminal.
    #[doc(alias = "TIOCSWINSZ")]
    pub fn resize(&self, rows: u16, columns: u16) -> Result<(), Error> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.0, size).map_err(|errno| failed("resize", errno))
    }

    /// Rows and columns that it was told, in characters; 0 by 0 if it was not.
    ///
    /// # Errors
    /// As [`resize`](Self::resize).
    #[doc(alias = "TIOCGWINSZ")]
    pub fn size(&self) -> Result<(u16, u16), Error> {
        let size = rustix::termios::tcgetwinsize(&self.0).map_err(|errno| failed("ask the size of", errno))?;
        Ok((size.ws_row, size.ws_col))
    }
}

fn failed(op: &'static str, errno: Errno) -> Error {
    Error::os(op, Object::Named("the terminal"), errno.raw_os_error())
}

/// The end of the file is where nobody has the other side open any more: usually that all of the container has ended.
/// Somebody inside may open it again, and then there is more.
impl Read for &Terminal {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match (&self.0).read(buffer) {
            Err(error) if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => Ok(0),
            other => other,
        }
    }
}

impl Write for &Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As for `&Terminal`.
impl Read for Terminal {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for Terminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Terminal {
    fn from(master: OwnedFd) -> Self {
        Self(master.into())
    }
}

impl From<Terminal> for OwnedFd {
    fn from(terminal: Terminal) -> Self {
        terminal.0.into()
    }
}

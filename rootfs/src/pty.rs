// SPDX-License-Identifier: MIT OR Apache-2.0
//! Terminals made in a devpts that is given, and raw mode with a way back.
//!
//! Neither /dev/ptmx nor /dev/pts is asked: what stands there may lead to another devpts, or to something that is none.
//!
//! Man: pty(7), ioctl_tty(2), termios(3).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, fstatfs, openat};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};

use crate::error::{Error, Object};
use crate::floor::sys;

/// The side of a terminal that types and sees what is shown; programs have the other, [`peer`](Self::peer).
///
/// ```
/// use std::fs::File;
/// use std::io::{Read, Write};
/// use skep_rootfs::Pty;
///
/// # if std::fs::File::open("/dev/pts/ptmx").is_err() { return Ok(()) }
/// let pty = Pty::open_in(File::open("/dev/pts")?)?;
/// pty.resize(24, 80)?;
/// File::from(pty.peer()?).write_all(b"shown")?;
/// let mut shown = [0; 5];
/// File::from(std::os::fd::OwnedFd::from(pty)).read_exact(&mut shown)?;
/// assert_eq!(&shown, b"shown");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Pty {
    fd: OwnedFd,
}

impl Pty {
    /// A new terminal in `devpts`, the top of a devpts, open for reading or as a place. Nobody's controlling terminal is
    /// changed.
    ///
    /// # Errors
    /// `Invalid` for what is no devpts, or where something lies over its ptmx; `EACCES` by its `ptmxmode`; `ENOSPC` when it
    /// has as many as it may.
    /// # Kernel
    /// See pty(7), and Documentation/filesystems/devpts.rst.
    #[doc(alias = "posix_openpt")]
    pub fn open_in(devpts: impl AsFd) -> Result<Self, Error> {
        /// `DEVPTS_SUPER_MAGIC`, linux/magic.h.
        const DEVPTS: i64 = 0x1cd1;
        let devpts = devpts.as_fd();
        let refused = |errno: Errno| failed("make a terminal in", devpts, errno);
        let nonsense = |said: &str| {
            Error::invalid("make a terminal in", Object::Descriptor(devpts.as_raw_fd()), vec![said.to_owned()])
        };
        if fstatfs(devpts).map_err(refused)?.f_type != DEVPTS {
            return Err(nonsense("it is no devpts"));
        }
        let place = openat(devpts, "ptmx", OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        let place = place.map_err(refused)?;
        if !is_ptmx(place.as_fd(), devpts).map_err(refused)? {
            return Err(nonsense("something lies over its ptmx"));
        }
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(devpts, "ptmx", flags, Mode::empty()).map_err(refused)?;
        // Again: this one was opened by a name.
        if !is_ptmx(fd.as_fd(), devpts).map_err(refused)? {
            return Err(nonsense("something lies over its ptmx"));
        }
        unlockpt(&fd).map_err(refused)?;
        Ok(Self { fd })
    }

    /// The other side, for a program; by this descriptor, not by a path.
    ///
    /// # Errors
    /// `EIO`, `EMFILE`.
    /// # Kernel
    /// Linux 4.13.
    #[doc(alias = "TIOCGPTPEER")]
    pub fn peer(&self) -> Result<OwnedFd, Error> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        ioctl_tiocgptpeer(&self.fd, flags).map_err(|errno| failed("open the other side of", self.fd.as_fd(), errno))
    }

    /// Its number: the other side's name in its devpts.
    ///
    /// # Errors
    /// `ENOTTY` if the descriptor that it was made of is none.
    #[doc(alias = "TIOCGPTN")]
    pub fn number(&self) -> Result<u32, Error> {
        let refused = |errno| failed("ask the number of", self.fd.as_fd(), errno);
        let name = ptsname(&self.fd, Vec::new()).map_err(refused)?;
        let digits = name.to_str().ok().and_then(|name| name.rsplit('/').next()?.parse().ok());
        digits.ok_or_else(|| refused(Errno::NOTTY))
    }

    /// Tells the terminal its size in characters; what is in its foreground gets `SIGWINCH` if it was another.
    ///
    /// # Errors
    /// As [`number`](Self::number).
    #[doc(alias = "TIOCSWINSZ")]
    pub fn resize(&self, rows: u16, columns: u16) -> Result<(), Error> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.fd, size).map_err(|errno| failed("resize", self.fd.as_fd(), errno))
    }

    /// Rows and columns that it was told, in characters; 0 by 0 if it was not.
    ///
    /// # Errors
    /// As [`number`](Self::number).
    #[doc(alias = "TIOCGWINSZ")]
    pub fn size(&self) -> Result<(u16, u16), Error> {
        let size = tcgetwinsize(&self.fd).map_err(|errno| failed("ask the size of", self.fd.as_fd(), errno))?;
        Ok((size.ws_row, size.ws_col))
    }
}

/// Whether it is on the mount of `devpts` itself: of that name there is the device that makes terminals, and no other.
fn is_ptmx(found: BorrowedFd<'_>, devpts: BorrowedFd<'_>) -> Result<bool, Errno> {
    let mount =
        |fd: BorrowedFd<'_>| sys::mount_id(fd.as_raw_fd()).map_err(|errno| Errno::from_raw_os_error(errno.0.into()));
    Ok(mount(found)? == mount(devpts)?)
}

fn failed(op: &'static str, fd: BorrowedFd<'_>, errno: Errno) -> Error {
    Error::os(op, Object::Descriptor(fd.as_raw_fd()), errno.raw_os_error())
}

impl AsFd for Pty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl From<Pty> for OwnedFd {
    fn from(pty: Pty) -> Self {
        pty.fd
    }
}

/// A terminal in raw mode: what is typed is read at once, unseen, and no key is a signal. Dropped, the terminal is as it was
/// before.
///
/// To restore is tried on a drop; [`end`](Self::end) tells whether it was done. A process that is killed leaves its terminal
/// raw: `stty sane` helps.
#[derive(Debug)]
#[must_use = "dropped, the terminal is as before"]
pub struct RawMode<Fd: AsFd> {
    terminal: Fd,
    before: Option<Termios>,
}

impl<Fd: AsFd> RawMode<Fd> {
    /// Makes `terminal` raw. Who is not in its foreground is stopped by it (`SIGTTOU`).
    ///
    /// # Errors
    /// `ENOTTY` for what is no terminal; `EIO` for one that is hung up.
    #[doc(alias = "cfmakeraw")]
    pub fn begin(terminal: Fd) -> Result<Self, Error> {
        let before = tcgetattr(&terminal).map_err(|errno| failed("make raw", terminal.as_fd(), errno))?;
        let mut raw = before.clone();
        raw.make_raw();
        // Now: what a terminal shows that nobody reads is never done with.
        tcsetattr(&terminal, OptionalActions::Now, &raw)
            .map_err(|errno| failed("make raw", terminal.as_fd(), errno))?;
        Ok(Self { terminal, before: Some(before) })
    }

    /// Makes the terminal what it was before.
    ///
    /// # Errors
    /// `EIO` for one that is hung up.
    pub fn end(mut self) -> Result<(), Error> {
        self.restore().map_err(|errno| failed("restore", self.terminal.as_fd(), errno))
    }

    fn restore(&mut self) -> Result<(), Errno> {
        self.before.take().map_or(Ok(()), |before| tcsetattr(&self.terminal, OptionalActions::Now, &before))
    }
}

impl<Fd: AsFd> Drop for RawMode<Fd> {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring, and nobody is here to be told.
        let _gone = self.restore();
    }
}

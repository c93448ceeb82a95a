// SPDX-License-Identifier: MIT OR Apache-2.0
//! A terminal of the container's own, for the program: made in its devpts, by its user, in its process.
//!
//! No path is followed but that of /dev/pts itself: whatever else lies there, of another file system or another devpts, is
//! refused before it is opened for reading, and the program's side is opened from the other one, not by its name, which
//! somebody could exchange. All of it is what every program may do, behind Docker's seccomp profile too.
//!
//! Man: pts(4), ioctl_tty(2). Kernel: `TIOCGPTPEER` is of Linux 4.13.

use ns_floor::Errno;

use crate::floors::rootfs::sys::{self as disk, open};
use crate::sys::Wire;
use crate::sys::terminal::{self, Size};
use crate::wire::{Frame, TerminalPart};

/// The magic of a devpts in statfs(2), uapi/linux/magic.h.
const DEVPTS_SUPER_MAGIC: u64 = 0x1cd1;
/// Device 5:2, as stat(2) tells it.
const PTMX: u64 = 5 << 8 | 2;

/// Makes a terminal, and this process's session's: the streams of these bits, of this size unless it is 0 by 0. Its other
/// side goes to the parent, and is open nowhere else.
///
/// # Errors
/// The kernel's answer, and which part it was to.
pub fn make(streams: u32, rows: u16, columns: u16, wire: &Wire, at: u16) -> Result<(), (Errno, TerminalPart)> {
    let of = |part: TerminalPart| move |errno: disk::Errno| (Errno(errno.0), part);
    let directory = disk::openat(disk::CWD, c"/dev/pts", open::PATH | open::DIRECTORY | open::NOFOLLOW, 0)
        .map_err(of(TerminalPart::Place))?;
    let is_devpts = disk::fstatfs(directory.number()).map_err(of(TerminalPart::Devpts))?.0 == DEVPTS_SUPER_MAGIC;
    if !is_devpts {
        return Err((Errno::INVAL, TerminalPart::Devpts));
    }
    // Looked at before it is opened: something may be mounted on it, and opening a device can do anything.
    let looked_at =
        disk::openat(directory.number(), c"ptmx", open::PATH | open::NOFOLLOW, 0).map_err(of(TerminalPart::Open))?;
    demand_ptmx(directory.number(), looked_at.number())?;
    drop(looked_at);
    let flags = open::RDWR | open::NOCTTY | open::NOFOLLOW;
    let master = disk::openat(directory.number(), c"ptmx", flags, 0).map_err(of(TerminalPart::Open))?;
    demand_ptmx(directory.number(), master.number())?;
    drop(directory);

    let of = |part: TerminalPart| move |errno: Errno| (errno, part);
    terminal::unlock(master.number()).map_err(of(TerminalPart::Unlock))?;
    let peer = terminal::peer(master.number()).map_err(of(TerminalPart::Peer))?;
    if (rows, columns) != (0, 0) {
        terminal::resize(master.number(), Size::of(rows, columns)).map_err(of(TerminalPart::Size))?;
    }
    terminal::control(peer).map_err(of(TerminalPart::Control))?;
    for stream in 0..3 {
        if streams >> stream & 1 == 1 {
            terminal::duplicate(peer, stream).map_err(of(TerminalPart::Stream))?;
        }
    }
    ns_floor::sys::close(peer);
    wire.send_descriptor(Frame::Handed { at }, master.number()).map_err(of(TerminalPart::Hand))
}

/// Refuses what is not the ptmx of this very devpts.
fn demand_ptmx(directory: i32, file: i32) -> Result<(), (Errno, TerminalPart)> {
    let stat = |fd| disk::fstat(fd).map_err(|errno| (Errno(errno.0), TerminalPart::Ptmx));
    let (directory, file) = (stat(directory)?, stat(file)?);
    if file.is_character_device(PTMX) && file.device == directory.device {
        Ok(())
    } else {
        Err((Errno::INVAL, TerminalPart::Ptmx))
    }
}

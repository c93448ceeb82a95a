// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's half of a terminal: what is asked of an open one.

use ns_floor::Errno;
use ns_floor::sys::{nr, syscall};

/// `struct winsize`, uapi/asm-generic/termios.h.
#[repr(C)]
#[derive(Debug)]
pub struct Size {
    rows: u16,
    columns: u16,
    pixels: [u16; 2],
}
const _: () = assert!(size_of::<Size>() == 8);

impl Size {
    /// So many characters; of how many pixels is not said.
    pub const fn of(rows: u16, columns: u16) -> Self {
        Self { rows, columns, pixels: [0; 2] }
    }
}

/// Lets the other side of this master be opened (`TIOCSPTLCK`).
pub fn unlock(master: i32) -> Result<(), Errno> {
    const TIOCSPTLCK: usize = 0x4004_5431;
    let locked = 0_i32;
    // SAFETY: the kernel reads one number of a live local.
    unsafe { syscall(nr::IOCTL, [master as usize, TIOCSPTLCK, (&raw const locked).expose_provenance(), 0, 0, 0]) }
        .map(drop)
}

/// Opens the other side of this master, whatever its name is and leads to (`TIOCGPTPEER`); closed on exec, not yet this
/// session's.
pub fn peer(master: i32) -> Result<i32, Errno> {
    const TIOCGPTPEER: usize = 0x5441;
    const RDWR_NOCTTY_CLOEXEC: usize = 0o2 | 0o400 | 0o2_000_000;
    // SAFETY: no pointer.
    let peer = unsafe { syscall(nr::IOCTL, [master as usize, TIOCGPTPEER, RDWR_NOCTTY_CLOEXEC, 0, 0, 0]) }?;
    Ok(peer as i32)
}

/// Sets the size of a terminal (`TIOCSWINSZ`).
pub fn resize(terminal: i32, size: Size) -> Result<(), Errno> {
    const TIOCSWINSZ: usize = 0x5414;
    // SAFETY: the kernel reads one struct winsize, which this live local is (its size is asserted above).
    unsafe { syscall(nr::IOCTL, [terminal as usize, TIOCSWINSZ, (&raw const size).expose_provenance(), 0, 0, 0]) }
        .map(drop)
}

/// Makes it the terminal of the session that this process leads (`TIOCSCTTY`); takes it from nobody.
pub fn control(terminal: i32) -> Result<(), Errno> {
    const TIOCSCTTY: usize = 0x540e;
    // SAFETY: no pointer.
    unsafe { syscall(nr::IOCTL, [terminal as usize, TIOCSCTTY, 0, 0, 0, 0]) }.map(drop)
}

/// Has this process's group be in the foreground of its session's terminal (`TIOCSPGRP`). Stops who is in the background,
/// unless signals are blocked.
pub fn foreground(terminal: i32) -> Result<(), Errno> {
    const TIOCSPGRP: usize = 0x5410;
    // SAFETY: no pointer; it cannot fail.
    let group = unsafe { syscall(nr::GETPID, [0; 6]) }? as i32;
    // SAFETY: the kernel reads one number of a live local.
    unsafe { syscall(nr::IOCTL, [terminal as usize, TIOCSPGRP, (&raw const group).expose_provenance(), 0, 0, 0]) }
        .map(drop)
}

/// dup3(2): the same under this number too, which stays open over an exec.
pub fn duplicate(fd: i32, number: i32) -> Result<(), Errno> {
    // SAFETY: no pointer; the numbers are those of the standard streams, which the launcher does nothing with.
    unsafe { syscall(nr::DUP3, [fd as usize, number as usize, 0, 0, 0, 0]) }.map(drop)
}

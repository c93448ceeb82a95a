// SPDX-License-Identifier: MIT OR Apache-2.0
//! Raw system calls: the floor's only door to the kernel.
//!
//! Every call answers the kernel's own error number. Every descriptor that is made here closes on exec.
#![allow(unsafe_code, reason = "the door: nothing else in the floor is unsafe")]
#![allow(clippy::missing_errors_doc, reason = "every function answers the kernel's error number and nothing else")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "arguments and answers are registers: the kernel takes the low half of one where it wants 32 bits"
)]

mod file;
mod identity;
mod mount;
mod nr;
mod place;
mod stat;

use core::arch::asm;
use core::ffi::CStr;

pub(super) use file::close;
pub use file::{CWD, chmodat, chownat, mkdirat, mknodat, open, openat, openat2, read, readlink, resolve, symlinkat};
pub(super) use identity::{file_ids, is_dumpable, make_dumpable, reset_file_ids, set_file_ids};
pub use mount::{
    MountAttr, enter_mounts, enter_own_mounts, fsconfig, fsconfig_create, fsmount, fsopen, mount, mount_setattr,
    move_mount, open_tree, pivot_root, umount2,
};
pub(super) use place::umask;
pub use place::{chdir, chroot, effective_user, fchdir, unshare_mounts};
pub use stat::{Stat, fstat, fstatfs, mount_and_inode, mount_id};

/// The kernel's error number, positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub u16);

impl Errno {
    /// Operation not permitted.
    pub const PERM: Self = Self(1);
    /// No such file or directory.
    pub const NOENT: Self = Self(2);
    /// Argument list too long: more of something than there is room for.
    pub const TOOBIG: Self = Self(7);
    /// Resource temporarily unavailable: something moved while a path was resolved.
    pub const AGAIN: Self = Self(11);
    /// Bad file descriptor: what was to be made before was not.
    pub const BADF: Self = Self(9);
    /// Permission denied.
    pub const ACCES: Self = Self(13);
    /// Device or resource busy.
    pub const BUSY: Self = Self(16);
    /// File exists.
    pub const EXIST: Self = Self(17);
    /// No such device: a file is not the device that it should be.
    pub const NODEV: Self = Self(19);
    /// On another mount.
    pub const XDEV: Self = Self(18);
    /// Not a directory.
    pub const NOTDIR: Self = Self(20);
    /// Invalid argument.
    pub const INVAL: Self = Self(22);
    /// File name too long.
    pub const NAMETOOLONG: Self = Self(36);
    /// Function not implemented.
    pub const NOSYS: Self = Self(38);
    /// Too many symbolic links, or one where none may be.
    pub const LOOP: Self = Self(40);
    /// Operation not supported: a file system that cannot do this.
    pub const OPNOTSUPP: Self = Self(95);
    /// Protocol error: steps in an order that makes no sense.
    pub const PROTO: Self = Self(71);
    /// Stale file handle: a place was exchanged while it was used.
    pub const STALE: Self = Self(116);
}

const AT_EMPTY_PATH: usize = 0x1000;

/// Makes system call `number` with six arguments.
///
/// # Safety
/// The arguments must be what the kernel demands of this call: pointers to live memory of the right size, and no effect
/// that breaks what the rest of the process relies on.
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn syscall(number: usize, args: [usize; 6]) -> Result<usize, Errno> {
    let [a, b, c, d, e, f] = args;
    let ret: isize;
    // SAFETY: the kernel's calling convention on x86_64: it changes rax, rcx and r11 alone; the caller vouches for the rest.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => ret, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
             in("r8") e, in("r9") f, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    answer(ret)
}

/// Makes system call `number` with six arguments.
///
/// # Safety
/// The arguments must be what the kernel demands of this call: pointers to live memory of the right size, and no effect
/// that breaks what the rest of the process relies on.
#[cfg(target_arch = "aarch64")]
pub(crate) unsafe fn syscall(number: usize, args: [usize; 6]) -> Result<usize, Errno> {
    let [a, b, c, d, e, f] = args;
    let ret: isize;
    // SAFETY: the kernel's calling convention on aarch64: it changes x0 alone; the caller vouches for the rest.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => ret, in("x1") b, in("x2") c, in("x3") d,
             in("x4") e, in("x5") f, options(nostack));
    }
    answer(ret)
}

/// The kernel answers errors as -4095 to -1.
const fn answer(ret: isize) -> Result<usize, Errno> {
    match ret {
        -4095..=-1 => Err(Errno(ret.unsigned_abs() as u16)),
        _ => Ok(ret.cast_unsigned()),
    }
}

/// The address of a text, for the kernel to read.
fn text(text: &CStr) -> usize {
    text.as_ptr().expose_provenance()
}

/// The address of a text that may be absent: null then.
fn text_or_null(optional: Option<&CStr>) -> usize {
    optional.map_or(0, text)
}

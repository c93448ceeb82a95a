// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files: opened, made, read.

use core::ffi::CStr;

use super::super::fd::Fd;
use super::{Errno, nr, syscall, text};

/// Relative to the working directory.
pub const CWD: i32 = -100;

/// Flags of openat(2); some have other values on aarch64, as on all of arm.
pub mod open {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const WRONLY: usize = 0o1;
    pub const RDWR: usize = 0o2;
    pub const CREAT: usize = 0o100;
    pub const EXCL: usize = 0o200;
    pub const NOCTTY: usize = 0o400;
    pub const DIRECTORY: usize = if cfg!(target_arch = "aarch64") { 0o40_000 } else { 0o200_000 };
    pub const NOFOLLOW: usize = if cfg!(target_arch = "aarch64") { 0o100_000 } else { 0o400_000 };
    pub const CLOEXEC: usize = 0o2_000_000;
    pub const PATH: usize = 0o10_000_000;
}

/// Restrictions of openat2(2).
pub mod resolve {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const NO_XDEV: u64 = 0x01;
    pub const NO_MAGICLINKS: u64 = 0x02;
    pub const NO_SYMLINKS: u64 = 0x04;
    pub const IN_ROOT: u64 = 0x10;
}

/// Closes one descriptor.
#[inline(never)]
pub(in super::super) fn close(fd: i32) {
    // SAFETY: no pointer; only `Fd` calls it, with the descriptor that it owns.
    let _ = unsafe { syscall(nr::CLOSE, [fd as usize, 0, 0, 0, 0, 0]) };
}

/// openat(2), to be closed on exec.
#[inline(never)]
pub fn openat(at: i32, path: &CStr, flags: usize, mode: u32) -> Result<Fd, Errno> {
    let args = [at as usize, text(path), flags | open::CLOEXEC, mode as usize, 0, 0];
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::OPENAT, args) }.map(|fd| Fd::new(fd as i32))
}

/// `struct open_how`, uapi/linux/openat2.h.
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}
const _: () = assert!(size_of::<OpenHow>() == 24);

/// openat2(2) of a place, not of what it holds (`O_PATH`). Linux 5.6.
#[inline(never)]
pub fn openat2(at: i32, path: &CStr, resolve: u64) -> Result<Fd, Errno> {
    let how = OpenHow { flags: (open::PATH | open::CLOEXEC) as u64, mode: 0, resolve };
    let args = [at as usize, text(path), (&raw const how).expose_provenance(), size_of::<OpenHow>(), 0, 0];
    // SAFETY: the kernel reads a live string that ends in NUL, and 24 bytes of a live struct of that size.
    unsafe { syscall(nr::OPENAT2, args) }.map(|fd| Fd::new(fd as i32))
}

/// mkdirat(2).
pub fn mkdirat(at: i32, name: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::MKDIRAT, [at as usize, text(name), mode as usize, 0, 0, 0]) }.map(drop)
}

/// mknodat(2); `device` in the kernel's encoding.
pub fn mknodat(at: i32, name: &CStr, mode: u32, device: u64) -> Result<(), Errno> {
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::MKNODAT, [at as usize, text(name), mode as usize, device as usize, 0, 0]) }.map(drop)
}

/// fchmodat(2), of what has this name itself in a directory that is ours: a link would be followed.
pub fn chmodat(at: i32, name: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::FCHMODAT, [at as usize, text(name), mode as usize, 0, 0, 0]) }.map(drop)
}

/// fchownat(2), not through a link; `u32::MAX` leaves an id as it is.
pub fn chownat(at: i32, name: &CStr, uid: u32, gid: u32) -> Result<(), Errno> {
    const AT_SYMLINK_NOFOLLOW: usize = 0x100;
    let args = [at as usize, text(name), uid as usize, gid as usize, AT_SYMLINK_NOFOLLOW, 0];
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::FCHOWNAT, args) }.map(drop)
}

/// symlinkat(2).
pub fn symlinkat(to: &CStr, at: i32, name: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel reads live strings that end in NUL.
    unsafe { syscall(nr::SYMLINKAT, [text(to), at as usize, text(name), 0, 0, 0]) }.map(drop)
}

/// readlinkat(2) of the link that `fd` itself is open on; answers how many bytes of `buffer` were written.
pub fn readlink(fd: i32, buffer: &mut [u8]) -> Result<usize, Errno> {
    let args = [fd as usize, text(c""), buffer.as_mut_ptr().expose_provenance(), buffer.len(), 0, 0];
    // SAFETY: the kernel reads a live string and writes at most buffer.len() bytes of a live slice.
    unsafe { syscall(nr::READLINKAT, args) }
}

/// read(2); answers how many bytes of `buffer` were written, 0 at the end.
pub fn read(fd: i32, buffer: &mut [u8]) -> Result<usize, Errno> {
    let args = [fd as usize, buffer.as_mut_ptr().expose_provenance(), buffer.len(), 0, 0, 0];
    // SAFETY: the kernel writes at most buffer.len() bytes of a live slice.
    unsafe { syscall(nr::READ, args) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_libc_s() {
        let flags = [
            (open::WRONLY, libc::O_WRONLY),
            (open::RDWR, libc::O_RDWR),
            (open::CREAT, libc::O_CREAT),
            (open::EXCL, libc::O_EXCL),
            (open::NOCTTY, libc::O_NOCTTY),
            (open::DIRECTORY, libc::O_DIRECTORY),
            (open::NOFOLLOW, libc::O_NOFOLLOW),
            (open::CLOEXEC, libc::O_CLOEXEC),
            (open::PATH, libc::O_PATH),
        ];
        for (flag, theirs) in flags {
            assert_eq!(i32::try_from(flag).unwrap(), theirs);
        }
    }
}

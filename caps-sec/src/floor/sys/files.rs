// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files: opened below a directory, asked what they are, and written.

use core::ffi::CStr;

use super::{Errno, nr, syscall};

/// A descriptor that is closed when it is dropped.
#[derive(Debug)]
pub struct Fd(usize);

impl Fd {
    /// The number that stands for the working directory.
    const CWD: Self = Self(-100_isize as usize);
    const CLOEXEC: usize = 0o2_000_000;

    /// Opens `path` from the working directory. `flags` are of open(2).
    pub fn open(path: &CStr, flags: u32) -> Result<Self, Errno> {
        // What is not open is not closed.
        core::mem::ManuallyDrop::new(Self::CWD).open_at(path, flags)
    }

    /// Opens `path` below this directory, following what is there.
    pub fn open_at(&self, path: &CStr, flags: u32) -> Result<Self, Errno> {
        let args = [self.0, path.as_ptr().expose_provenance(), flags as usize | Self::CLOEXEC, 0, 0];
        // SAFETY: the kernel reads a live string that ends in NUL.
        unsafe { syscall(nr::OPENAT, args) }.map(Self)
    }

    /// Opens `path` below this directory as openat2(2) does, with `resolve` flags.
    pub fn open_below(&self, path: &CStr, flags: u32, resolve: u64) -> Result<Self, Errno> {
        let how = How { flags: u64::from(flags) | Self::CLOEXEC as u64, mode: 0, resolve };
        let args =
            [self.0, path.as_ptr().expose_provenance(), (&raw const how).expose_provenance(), size_of::<How>(), 0];
        // SAFETY: the kernel reads a live string that ends in NUL, and size_of::<How>() bytes of a live struct.
        unsafe { syscall(nr::OPENAT2, args) }.map(Self)
    }

    /// The magic number of the file system that it is on.
    pub fn file_system(&self) -> Result<u64, Errno> {
        let mut told = StatFs([0; 15]);
        // SAFETY: the kernel writes a struct statfs, for which there are 120 bytes (asserted below).
        unsafe { syscall(nr::FSTATFS, [self.0, (&raw mut told).expose_provenance(), 0, 0, 0]) }?;
        let [magic, ..] = told.0;
        Ok(magic)
    }

    /// The number of its inode, and that of the mount that it is on.
    pub fn place(&self) -> Result<(u64, u64), Errno> {
        const EMPTY_PATH: usize = 0x1000;
        const INODE: u32 = 0x100;
        const MOUNT: u32 = 0x1000;
        let mut told = Statx { mask: 0, words: [0; 63] };
        let args = [
            self.0,
            c"".as_ptr().expose_provenance(),
            EMPTY_PATH,
            (INODE | MOUNT) as usize,
            (&raw mut told).expose_provenance(),
        ];
        // SAFETY: the kernel reads a live string that ends in NUL and writes a struct statx, which is 256 bytes (asserted
        // below).
        unsafe { syscall(nr::STATX, args) }?;
        if told.mask & MOUNT == 0 {
            return Err(Errno::NOSYS);
        }
        // stx_ino is at 32, stx_mnt_id at 144; `words` begins at 4.
        let word = |at: usize| told.words.get(at).copied().unwrap_or_default();
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at.wrapping_add(1))) << 32;
        Ok((long((32 - 4) / 4), long((144 - 4) / 4)))
    }

    /// What the link `path` below this directory says, as much of it as there is room for.
    pub fn read_link<'a>(&self, path: &CStr, room: &'a mut [u8]) -> Result<&'a [u8], Errno> {
        let args = [self.0, path.as_ptr().expose_provenance(), room.as_mut_ptr().expose_provenance(), room.len(), 0];
        // SAFETY: the kernel reads a live string that ends in NUL and writes at most room.len() bytes of a live slice.
        let length = unsafe { syscall(nr::READLINKAT, args) }?;
        room.get(..length).ok_or(Errno::IO)
    }

    /// Writes `text` in one write(2), as files of /proc want it.
    pub fn write(&self, text: &[u8]) -> Result<(), Errno> {
        let args = [self.0, text.as_ptr().expose_provenance(), text.len(), 0, 0];
        // SAFETY: the kernel reads text.len() bytes of a live slice.
        match unsafe { syscall(nr::WRITE, args) } {
            Ok(count) if count == text.len() => Ok(()),
            Ok(_) => Err(Errno::IO),
            Err(errno) => Err(errno),
        }
    }

    pub(super) const fn number(&self) -> usize {
        self.0
    }

    /// A descriptor that the kernel has just answered.
    pub(super) const fn new(number: usize) -> Self {
        Self(number)
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: no pointer; the descriptor was opened by this module and is known to nobody else.
        let _ = unsafe { syscall(nr::CLOSE, [self.0, 0, 0, 0, 0]) };
    }
}

/// `struct open_how`, uapi/linux/openat2.h.
#[repr(C)]
struct How {
    flags: u64,
    mode: u64,
    resolve: u64,
}
const _: () = assert!(size_of::<How>() == 24);

/// `struct statfs`, uapi/asm-generic/statfs.h: its magic number is the first word.
#[repr(C)]
struct StatFs([u64; 15]);
const _: () = assert!(size_of::<StatFs>() == 120);

/// `struct statx`, uapi/linux/stat.h, in words.
#[repr(C)]
struct Statx {
    mask: u32,
    words: [u32; 63],
}
const _: () = assert!(size_of::<Statx>() == 256);

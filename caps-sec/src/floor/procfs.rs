// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file of this thread in /proc, written only where it is the kernel's.
//!
//! What stands at /proc may have been put there by somebody else: a tmpfs, a link, a bind of another file of the same /proc
//! over the one that is meant. A security label that is written to such a file is not taken on (CVE-2019-16884), and what
//! is written lands where somebody else wants it (CVE-2025-52881). So the root of /proc is asked whether it is one, and
//! nothing below it may be another mount, nor a link that leads anywhere but within it.
//!
//! Man: openat2(2), statfs(2), proc(5).

use core::ffi::CStr;

use super::step::Failure;
use super::sys::Errno;
use super::sys::files::Fd;

/// What the `part` of a [`Failure`] says: the file could not be opened.
pub const OPENING: u16 = 0;
/// The same: it could not be written.
pub const WRITING: u16 = 1;
/// The same: what is there is not the kernel's /proc, or something is mounted over a part of it.
pub const FOREIGN: u16 = 2;

const PROC_SUPER_MAGIC: u64 = 0x9fa0;
const ROOT_INODE: u64 = 1;
const O_WRONLY: u32 = 1;
const O_DIRECTORY: u32 = if cfg!(target_arch = "aarch64") { 0o40_000 } else { 0o200_000 };
const O_NOFOLLOW: u32 = if cfg!(target_arch = "aarch64") { 0o100_000 } else { 0o400_000 };
const O_PATH: u32 = 0o10_000_000;

/// Writes `text` to the file `path` below /proc, in one write(2). A `path` may begin with "self" or "thread-self".
///
/// # Errors
/// The kernel's answer, and which part failed; `EXDEV` with the part [`FOREIGN`] for what is not the kernel's.
pub fn write(path: &CStr, text: &[u8]) -> Result<(), Failure> {
    Root::open()?.write(path, text)
}

/// The kernel's /proc, held open: it stays at hand where the root directory changes. Dropping it lets go of it.
#[derive(Debug)]
pub struct Root {
    fd: Fd,
    mount: u64,
}

impl Root {
    /// Opens what is at /proc.
    ///
    /// # Errors
    /// The kernel's answer; `EXDEV` with the part [`FOREIGN`] for what is not the kernel's.
    pub fn open() -> Result<Self, Failure> {
        let fd = Fd::open(c"/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW).map_err(failed)?;
        let (inode, mount) = fd.place().map_err(failed)?;
        if fd.file_system().map_err(failed)? != PROC_SUPER_MAGIC || inode != ROOT_INODE {
            return Err(failed(Errno::XDEV));
        }
        Ok(Self { fd, mount })
    }

    /// Writes `text` to the file `path` below it, in one write(2).
    ///
    /// # Errors
    /// As [`write()`].
    pub fn write(&self, path: &CStr, text: &[u8]) -> Result<(), Failure> {
        const NO_XDEV: u64 = 1;
        const NO_MAGICLINKS: u64 = 2;
        const BENEATH: u64 = 8;
        let opened = match self.fd.open_below(path, O_WRONLY, NO_XDEV | NO_MAGICLINKS | BENEATH) {
            Err(Errno::NOSYS) => walk(&self.fd, self.mount, path),
            opened => opened,
        };
        opened.map_err(failed)?.write(text).map_err(|errno| Failure { errno, part: WRITING })
    }
}

const fn failed(errno: Errno) -> Failure {
    Failure { errno, part: if errno.0 == Errno::XDEV.0 { FOREIGN } else { OPENING } }
}

/// The same without openat2(2): each part by itself, none a link, all of one mount.
fn walk(root: &Fd, mount: u64, path: &CStr) -> Result<Fd, Errno> {
    let mut room = [0; LONGEST];
    let mut parts = path.to_bytes().split(|byte| *byte == b'/');
    let first = parts.next().unwrap_or_default();
    // The link of this thread says numbers alone: "7/task/8".
    let me: &[u8] = match first {
        b"self" => root.read_link(c"self", &mut room)?,
        b"thread-self" => root.read_link(c"thread-self", &mut room)?,
        other => other,
    };
    let mut at: Option<Fd> = None;
    let mut all = me.split(|byte| *byte == b'/').chain(parts).peekable();
    while let Some(part) = all.next() {
        let mut name = [0; LONGEST];
        name.get_mut(..part.len()).ok_or(Errno::INVAL)?.copy_from_slice(part);
        let name = CStr::from_bytes_until_nul(&name).map_err(|_| Errno::INVAL)?;
        let flags = if all.peek().is_some() { O_PATH | O_DIRECTORY } else { O_WRONLY };
        let next = at.as_ref().unwrap_or(root).open_at(name, flags | O_NOFOLLOW)?;
        if next.place()?.1 != mount {
            return Err(Errno::XDEV);
        }
        at = Some(next);
    }
    at.ok_or(Errno::NOENT)
}

/// The longest part of a path, and the longest text of a link, with a NUL.
const LONGEST: usize = 64;

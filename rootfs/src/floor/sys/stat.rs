// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is known of what is open.

use core::ffi::CStr;

use super::{AT_EMPTY_PATH, Errno, nr, syscall, text};

/// What fstat(2) answers, the fields that the floor asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// The file system's number.
    pub device: u64,
    /// The file's number in it.
    pub inode: u64,
    /// Kind and permissions.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Which device a device node is.
    pub node: u64,
}

impl Stat {
    const fn is(&self, kind: u32) -> bool {
        self.mode & 0o170_000 == kind
    }

    /// Whether it is a directory.
    #[must_use]
    pub const fn is_directory(&self) -> bool {
        self.is(0o040_000)
    }

    /// Whether it is a symbolic link.
    #[must_use]
    pub const fn is_symlink(&self) -> bool {
        self.is(0o120_000)
    }

    /// Whether it is the character device of this number.
    #[must_use]
    pub const fn is_character_device(&self, node: u64) -> bool {
        self.is(0o020_000) && self.node == node
    }
}

/// `struct stat` of x86_64 (arch/x86/include/uapi/asm/stat.h).
#[cfg(target_arch = "x86_64")]
#[repr(C)]
struct KernelStat {
    dev: u64,
    ino: u64,
    nlink: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    pad: u32,
    rdev: u64,
    rest: [u64; 12],
}
#[cfg(target_arch = "x86_64")]
const _: () = assert!(size_of::<KernelStat>() == 144);

/// `struct stat` of aarch64 (uapi/asm-generic/stat.h).
#[cfg(target_arch = "aarch64")]
#[repr(C)]
struct KernelStat {
    dev: u64,
    ino: u64,
    mode: u32,
    nlink: u32,
    uid: u32,
    gid: u32,
    rdev: u64,
    rest: [u64; 11],
}
#[cfg(target_arch = "aarch64")]
const _: () = assert!(size_of::<KernelStat>() == 128);

/// fstat(2).
#[inline(never)]
pub fn fstat(fd: i32) -> Result<Stat, Errno> {
    // SAFETY: every field is a number, of which 0 is one.
    let mut stat: KernelStat = unsafe { core::mem::zeroed() };
    let at = (&raw mut stat).expose_provenance();
    // SAFETY: the kernel writes one struct stat, which this is (its size is asserted above).
    unsafe { syscall(nr::FSTAT, [fd as usize, at, 0, 0, 0, 0]) }?;
    Ok(Stat { device: stat.dev, inode: stat.ino, mode: stat.mode, uid: stat.uid, gid: stat.gid, node: stat.rdev })
}

/// `struct statfs` of 64-bit machines (uapi/asm-generic/statfs.h).
#[repr(C)]
struct KernelStatfs {
    kind: u64,
    sizes: [u64; 6],
    id: u64,
    name_and_fragment: [u64; 2],
    flags: u64,
    spare: [u64; 4],
}
const _: () = assert!(size_of::<KernelStatfs>() == 120);

/// What fstatfs(2) answers: which kind of file system, and the mount's flags (`ST_*`).
pub fn fstatfs(fd: i32) -> Result<(u64, u64), Errno> {
    let mut answer = KernelStatfs { kind: 0, sizes: [0; 6], id: 0, name_and_fragment: [0; 2], flags: 0, spare: [0; 4] };
    let at = (&raw mut answer).expose_provenance();
    // SAFETY: the kernel writes one struct statfs, which this is (its size is asserted above).
    unsafe { syscall(nr::FSTATFS, [fd as usize, at, 0, 0, 0, 0]) }?;
    Ok((answer.kind, answer.flags))
}

/// statx(2), asked for the number of the mount that `fd` is open on, as /proc/self/mountinfo has it. Linux 5.8.
pub fn mount_id(fd: i32) -> Result<u64, Errno> {
    mount_and_inode(fd, c"").map(|(mount, _)| mount)
}

/// The same, and the file's number in its file system, of what is at `path` from there, or of `fd` itself.
pub fn mount_and_inode(fd: i32, path: &CStr) -> Result<(u64, u64), Errno> {
    const STATX_INO: usize = 0x100;
    const STATX_MNT_ID: usize = 0x1000;
    // `struct statx`, uapi/linux/stat.h: the answered mask is the first half of word 0, the file's number
    // word 4, the mount's word 18.
    let mut answer = [0_u64; 32];
    let at = (&raw mut answer).expose_provenance();
    // SAFETY: the kernel reads a live string that ends in NUL, and writes one struct statx: 256 bytes, as many as there are.
    unsafe { syscall(nr::STATX, [fd as usize, text(path), AT_EMPTY_PATH, STATX_MNT_ID | STATX_INO, at, 0]) }?;
    let (mask, inode, mount) = (answer[0], answer[4], answer[18]);
    if mask as usize & STATX_MNT_ID == 0 { Err(Errno::NOSYS) } else { Ok((mount, inode)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_are_libc_s() {
        assert_eq!(
            (size_of::<KernelStat>(), size_of::<KernelStatfs>()),
            (size_of::<libc::stat>(), size_of::<libc::statfs>())
        );
        assert_eq!(core::mem::offset_of!(KernelStat, uid), core::mem::offset_of!(libc::stat, st_uid));
        assert_eq!(core::mem::offset_of!(KernelStat, gid), core::mem::offset_of!(libc::stat, st_gid));
        assert_eq!(size_of::<libc::statx>(), 256);
        assert_eq!(core::mem::offset_of!(libc::statx, stx_mnt_id), 18 * 8);
        assert_eq!(core::mem::offset_of!(libc::statx, stx_ino), 4 * 8);
    }
}

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

use core::arch::asm;
use core::ffi::CStr;

use super::fd::Fd;

/// The kernel's error number, positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub u16);

impl Errno {
    /// Operation not permitted.
    pub const PERM: Self = Self(1);
    /// No such file or directory.
    pub const NOENT: Self = Self(2);
    /// Resource temporarily unavailable: something moved while a path was resolved.
    pub const AGAIN: Self = Self(11);
    /// Permission denied.
    pub const ACCES: Self = Self(13);
    /// File exists.
    pub const EXIST: Self = Self(17);
    /// No such device: a file is not the device that it should be.
    pub const NODEV: Self = Self(19);
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
    /// Protocol error: steps in an order that makes no sense.
    pub const PROTO: Self = Self(71);
    /// Stale file handle: a place was exchanged while it was used.
    pub const STALE: Self = Self(116);
}

/// System call numbers of x86_64.
#[cfg(target_arch = "x86_64")]
pub mod nr {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const CLOSE: usize = 3;
    pub const FSTAT: usize = 5;
    pub const CHDIR: usize = 80;
    pub const FCHDIR: usize = 81;
    pub const UMASK: usize = 95;
    pub const FSTATFS: usize = 138;
    pub const PIVOT_ROOT: usize = 155;
    pub const CHROOT: usize = 161;
    pub const MOUNT: usize = 165;
    pub const UMOUNT2: usize = 166;
    pub const OPENAT: usize = 257;
    pub const MKDIRAT: usize = 258;
    pub const MKNODAT: usize = 259;
    pub const SYMLINKAT: usize = 266;
    pub const READLINKAT: usize = 267;
    pub const UNSHARE: usize = 272;
    pub const OPEN_TREE: usize = 428;
    pub const MOVE_MOUNT: usize = 429;
    pub const FSOPEN: usize = 430;
    pub const FSCONFIG: usize = 431;
    pub const FSMOUNT: usize = 432;
    pub const OPENAT2: usize = 437;
    pub const MOUNT_SETATTR: usize = 442;
}

/// System call numbers of aarch64, the kernel's generic table.
#[cfg(target_arch = "aarch64")]
pub mod nr {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const CLOSE: usize = 57;
    pub const FSTAT: usize = 80;
    pub const CHDIR: usize = 49;
    pub const FCHDIR: usize = 50;
    pub const UMASK: usize = 166;
    pub const FSTATFS: usize = 44;
    pub const PIVOT_ROOT: usize = 41;
    pub const CHROOT: usize = 51;
    pub const MOUNT: usize = 40;
    pub const UMOUNT2: usize = 39;
    pub const OPENAT: usize = 56;
    pub const MKDIRAT: usize = 34;
    pub const MKNODAT: usize = 33;
    pub const SYMLINKAT: usize = 36;
    pub const READLINKAT: usize = 78;
    pub const UNSHARE: usize = 97;
    pub const OPEN_TREE: usize = 428;
    pub const MOVE_MOUNT: usize = 429;
    pub const FSOPEN: usize = 430;
    pub const FSCONFIG: usize = 431;
    pub const FSMOUNT: usize = 432;
    pub const OPENAT2: usize = 437;
    pub const MOUNT_SETATTR: usize = 442;
}

/// Relative to the working directory.
pub const CWD: i32 = -100;

/// Flags of openat(2); some have other values on aarch64, as on all of arm.
pub mod open {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const WRONLY: usize = 0o1;
    pub const CREAT: usize = 0o100;
    pub const EXCL: usize = 0o200;
    pub const DIRECTORY: usize = if cfg!(target_arch = "aarch64") { 0o40_000 } else { 0o200_000 };
    pub const NOFOLLOW: usize = if cfg!(target_arch = "aarch64") { 0o100_000 } else { 0o400_000 };
    pub const CLOEXEC: usize = 0o2_000_000;
    pub const PATH: usize = 0o10_000_000;
}

/// Restrictions of openat2(2).
pub mod resolve {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const NO_MAGICLINKS: u64 = 0x02;
    pub const NO_SYMLINKS: u64 = 0x04;
    pub const IN_ROOT: u64 = 0x10;
}

const AT_EMPTY_PATH: usize = 0x1000;
const AT_RECURSIVE: usize = 0x8000;

/// Makes system call `number` with six arguments.
///
/// # Safety
/// The arguments must be what the kernel demands of this call: pointers to live memory of the right size, and no effect
/// that breaks what the rest of the process relies on.
#[cfg(target_arch = "x86_64")]
unsafe fn syscall(number: usize, args: [usize; 6]) -> Result<usize, Errno> {
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
unsafe fn syscall(number: usize, args: [usize; 6]) -> Result<usize, Errno> {
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

/// Closes one descriptor.
pub(super) fn close(fd: i32) {
    // SAFETY: no pointer; only `Fd` calls it, with the descriptor that it owns.
    let _ = unsafe { syscall(nr::CLOSE, [fd as usize, 0, 0, 0, 0, 0]) };
}

/// mount(2): a null pointer for what is `None`.
pub fn mount(
    source: Option<&CStr>,
    target: &CStr,
    kind: Option<&CStr>,
    flags: usize,
    data: Option<&CStr>,
) -> Result<(), Errno> {
    let args = [text_or_null(source), text(target), text_or_null(kind), flags, text_or_null(data), 0];
    // SAFETY: the kernel reads live strings that end in NUL, or takes the null pointers that mount(2) allows.
    unsafe { syscall(nr::MOUNT, args) }.map(drop)
}

/// umount2(2).
pub fn umount2(target: &CStr, flags: usize) -> Result<(), Errno> {
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::UMOUNT2, [text(target), flags, 0, 0, 0, 0]) }.map(drop)
}

/// pivot_root(2).
pub fn pivot_root(new: &CStr, old: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel reads live strings that end in NUL.
    unsafe { syscall(nr::PIVOT_ROOT, [text(new), text(old), 0, 0, 0, 0]) }.map(drop)
}

/// chroot(2).
pub fn chroot(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::CHROOT, [text(path), 0, 0, 0, 0, 0]) }.map(drop)
}

/// chdir(2).
pub fn chdir(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::CHDIR, [text(path), 0, 0, 0, 0, 0]) }.map(drop)
}

/// fchdir(2).
pub fn fchdir(fd: i32) -> Result<(), Errno> {
    // SAFETY: no pointer.
    unsafe { syscall(nr::FCHDIR, [fd as usize, 0, 0, 0, 0, 0]) }.map(drop)
}

/// umask(2): answers the mask that was.
pub(super) fn umask(mask: u32) -> u32 {
    // SAFETY: no pointer; it cannot fail.
    unsafe { syscall(nr::UMASK, [mask as usize, 0, 0, 0, 0, 0]) }.map_or(0o022, |old| old as u32)
}

/// unshare(2) of the mount namespace, which takes root and working directory along (`CLONE_NEWNS`).
pub fn unshare_mounts() -> Result<(), Errno> {
    const CLONE_NEWNS: usize = 0x2_0000;
    // SAFETY: no pointer; it changes what paths mean to this thread, which the callers are told.
    unsafe { syscall(nr::UNSHARE, [CLONE_NEWNS, 0, 0, 0, 0, 0]) }.map(drop)
}

/// openat(2), to be closed on exec.
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

/// What fstat(2) answers, the fields that the floor asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// The file system's number.
    pub device: u64,
    /// The file's number in it.
    pub inode: u64,
    /// Kind and permissions.
    pub mode: u32,
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
    ids_and_pad: [u32; 3],
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
    nlink_and_ids: [u32; 3],
    rdev: u64,
    rest: [u64; 11],
}
#[cfg(target_arch = "aarch64")]
const _: () = assert!(size_of::<KernelStat>() == 128);

/// fstat(2).
pub fn fstat(fd: i32) -> Result<Stat, Errno> {
    // SAFETY: every field is a number, of which 0 is one.
    let mut stat: KernelStat = unsafe { core::mem::zeroed() };
    let at = (&raw mut stat).expose_provenance();
    // SAFETY: the kernel writes one struct stat, which this is (its size is asserted above).
    unsafe { syscall(nr::FSTAT, [fd as usize, at, 0, 0, 0, 0]) }?;
    Ok(Stat { device: stat.dev, inode: stat.ino, mode: stat.mode, node: stat.rdev })
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

/// fsopen(2): a file system in the making. Linux 5.2.
pub fn fsopen(kind: &CStr) -> Result<Fd, Errno> {
    const FSOPEN_CLOEXEC: usize = 1;
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::FSOPEN, [text(kind), FSOPEN_CLOEXEC, 0, 0, 0, 0]) }.map(|fd| Fd::new(fd as i32))
}

/// fsconfig(2): an option with a value, or one that is set by its name.
pub fn fsconfig(fs: &Fd, key: &CStr, value: Option<&CStr>) -> Result<(), Errno> {
    const FSCONFIG_SET_FLAG: usize = 0;
    const FSCONFIG_SET_STRING: usize = 1;
    let command = if value.is_some() { FSCONFIG_SET_STRING } else { FSCONFIG_SET_FLAG };
    let args = [fs.number() as usize, command, text(key), text_or_null(value), 0, 0];
    // SAFETY: the kernel reads live strings that end in NUL; a flag has a null value.
    unsafe { syscall(nr::FSCONFIG, args) }.map(drop)
}

/// fsconfig(2): the file system comes into being.
pub fn fsconfig_create(fs: &Fd) -> Result<(), Errno> {
    const FSCONFIG_CMD_CREATE: usize = 6;
    // SAFETY: this command takes null pointers.
    unsafe { syscall(nr::FSCONFIG, [fs.number() as usize, FSCONFIG_CMD_CREATE, 0, 0, 0, 0]) }.map(drop)
}

/// fsmount(2): a mount of it that is attached nowhere, with these `MOUNT_ATTR_*`.
pub fn fsmount(fs: &Fd, attributes: u32) -> Result<Fd, Errno> {
    const FSMOUNT_CLOEXEC: usize = 1;
    let args = [fs.number() as usize, FSMOUNT_CLOEXEC, attributes as usize, 0, 0, 0];
    // SAFETY: no pointer.
    unsafe { syscall(nr::FSMOUNT, args) }.map(|fd| Fd::new(fd as i32))
}

/// open_tree(2): a copy, attached nowhere, of what is at `fd`; with what is mounted below it if `recursive`. Linux 5.2.
pub fn open_tree(fd: i32, recursive: bool) -> Result<Fd, Errno> {
    const OPEN_TREE_CLONE: usize = 1;
    let deep = if recursive { AT_RECURSIVE } else { 0 };
    let flags = OPEN_TREE_CLONE | open::CLOEXEC | AT_EMPTY_PATH | deep;
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::OPEN_TREE, [fd as usize, text(c""), flags, 0, 0, 0]) }.map(|fd| Fd::new(fd as i32))
}

/// move_mount(2): attaches the mount that `tree` is open on to the place that `place` is open on. Linux 5.2.
pub fn move_mount(tree: i32, place: i32) -> Result<(), Errno> {
    const F_EMPTY_PATH: usize = 0x04;
    const T_EMPTY_PATH: usize = 0x40;
    let args = [tree as usize, text(c""), place as usize, text(c""), F_EMPTY_PATH | T_EMPTY_PATH, 0];
    // SAFETY: the kernel reads live strings that end in NUL.
    unsafe { syscall(nr::MOVE_MOUNT, args) }.map(drop)
}

/// `struct mount_attr`, uapi/linux/mount.h, in its first size.
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}
const _: () = assert!(size_of::<MountAttr>() == 32);

/// mount_setattr(2): sets these `MOUNT_ATTR_*` on the mount that `fd` is open on; on all below it too if `recursive`.
/// Linux 5.12.
pub fn mount_setattr(fd: i32, attributes: u32, recursive: bool) -> Result<(), Errno> {
    let attr = MountAttr { set: attributes.into(), clear: 0, propagation: 0, userns_fd: 0 };
    let flags = AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    let at = (&raw const attr).expose_provenance();
    let args = [fd as usize, text(c""), flags, at, size_of::<MountAttr>(), 0];
    // SAFETY: the kernel reads a live string that ends in NUL, and 32 bytes of a live struct of that size.
    unsafe { syscall(nr::MOUNT_SETATTR, args) }.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_libc_s() {
        let ours = [
            (nr::CLOSE, libc::SYS_close),
            (nr::FSTAT, libc::SYS_fstat),
            (nr::CHDIR, libc::SYS_chdir),
            (nr::FCHDIR, libc::SYS_fchdir),
            (nr::UMASK, libc::SYS_umask),
            (nr::FSTATFS, libc::SYS_fstatfs),
            (nr::PIVOT_ROOT, libc::SYS_pivot_root),
            (nr::CHROOT, libc::SYS_chroot),
            (nr::MOUNT, libc::SYS_mount),
            (nr::UMOUNT2, libc::SYS_umount2),
            (nr::OPENAT, libc::SYS_openat),
            (nr::MKDIRAT, libc::SYS_mkdirat),
            (nr::MKNODAT, libc::SYS_mknodat),
            (nr::SYMLINKAT, libc::SYS_symlinkat),
            (nr::READLINKAT, libc::SYS_readlinkat),
            (nr::UNSHARE, libc::SYS_unshare),
            (nr::OPEN_TREE, libc::SYS_open_tree),
            (nr::MOVE_MOUNT, libc::SYS_move_mount),
            (nr::FSOPEN, libc::SYS_fsopen),
            (nr::FSCONFIG, libc::SYS_fsconfig),
            (nr::FSMOUNT, libc::SYS_fsmount),
            (nr::OPENAT2, libc::SYS_openat2),
            (nr::MOUNT_SETATTR, libc::SYS_mount_setattr),
        ];
        for (number, theirs) in ours {
            assert_eq!(i64::try_from(number).unwrap(), theirs);
        }
        let flags = [
            (open::WRONLY, libc::O_WRONLY),
            (open::CREAT, libc::O_CREAT),
            (open::EXCL, libc::O_EXCL),
            (open::DIRECTORY, libc::O_DIRECTORY),
            (open::NOFOLLOW, libc::O_NOFOLLOW),
            (open::CLOEXEC, libc::O_CLOEXEC),
            (open::PATH, libc::O_PATH),
        ];
        for (flag, theirs) in flags {
            assert_eq!(i32::try_from(flag).unwrap(), theirs);
        }
        assert_eq!(
            (size_of::<KernelStat>(), size_of::<KernelStatfs>()),
            (size_of::<libc::stat>(), size_of::<libc::statfs>())
        );
    }
}

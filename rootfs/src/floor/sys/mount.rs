// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts.

use core::ffi::CStr;

use super::super::fd::Fd;
use super::{AT_EMPTY_PATH, Errno, nr, open, syscall, text, text_or_null};

const AT_RECURSIVE: usize = 0x8000;

/// mount(2): a null pointer for what is `None`.
#[inline(never)]
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

/// fsopen(2): a file system in the making. Linux 5.2.
pub fn fsopen(kind: &CStr) -> Result<Fd, Errno> {
    const FSOPEN_CLOEXEC: usize = 1;
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::FSOPEN, [text(kind), FSOPEN_CLOEXEC, 0, 0, 0, 0]) }.map(|fd| Fd::new(fd as i32))
}

/// fsconfig(2): an option with a value, or one that is set by its name.
#[inline(never)]
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
#[inline(never)]
pub fn open_tree(fd: i32, recursive: bool) -> Result<Fd, Errno> {
    const OPEN_TREE_CLONE: usize = 1;
    let deep = if recursive { AT_RECURSIVE } else { 0 };
    let flags = OPEN_TREE_CLONE | open::CLOEXEC | AT_EMPTY_PATH | deep;
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::OPEN_TREE, [fd as usize, text(c""), flags, 0, 0, 0]) }.map(|fd| Fd::new(fd as i32))
}

/// move_mount(2): attaches the mount that `tree` is open on to the place that `place` is open on. Linux 5.2.
#[inline(never)]
pub fn move_mount(tree: i32, place: i32) -> Result<(), Errno> {
    const F_EMPTY_PATH: usize = 0x04;
    const T_EMPTY_PATH: usize = 0x40;
    let args = [tree as usize, text(c""), place as usize, text(c""), F_EMPTY_PATH | T_EMPTY_PATH, 0];
    // SAFETY: the kernel reads live strings that end in NUL.
    unsafe { syscall(nr::MOVE_MOUNT, args) }.map(drop)
}

/// `struct mount_attr`, uapi/linux/mount.h, in its first size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct MountAttr {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to take away.
    pub clear: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED` or `MS_UNBINDABLE`.
    pub propagation: u64,
    /// A user namespace, where `MOUNT_ATTR_IDMAP` is set.
    pub userns_fd: u64,
}
const _: () = assert!(size_of::<MountAttr>() == 32);

/// setns(2) into a mount namespace, of which there is a descriptor or a process's pidfd: its top becomes this thread's
/// root and working directory.
pub fn enter_mounts(namespace: &Fd) -> Result<(), Errno> {
    const CLONE_NEWNS: usize = 0x2_0000;
    // SAFETY: no pointer.
    unsafe { syscall(nr::SETNS, [namespace.number() as usize, CLONE_NEWNS, 0, 0, 0, 0]) }.map(drop)
}

/// The same into this thread's own, by a pidfd of it: Linux 5.8 for a process's first thread, 6.9 for others.
pub fn enter_own_mounts() -> Result<(), Errno> {
    /// Of this thread, and not of its process.
    const PIDFD_THREAD: usize = 0x80;
    // SAFETY: no pointer.
    let process = unsafe { syscall(nr::GETPID, [0; 6]) }?;
    // SAFETY: no pointer.
    let thread = unsafe { syscall(nr::GETTID, [0; 6]) }?;
    let flags = if process == thread { 0 } else { PIDFD_THREAD };
    // SAFETY: no pointer.
    let pidfd = unsafe { syscall(nr::PIDFD_OPEN, [thread, flags, 0, 0, 0, 0]) }?;
    enter_mounts(&Fd::new(pidfd as i32))
}

/// mount_setattr(2) of the mount that `fd` is open on; of all below it too if `recursive`. Linux 5.12.
#[inline(never)]
pub fn mount_setattr(fd: i32, attr: &MountAttr, recursive: bool) -> Result<(), Errno> {
    let flags = AT_EMPTY_PATH | if recursive { AT_RECURSIVE } else { 0 };
    let at = core::ptr::from_ref(attr).expose_provenance();
    let args = [fd as usize, text(c""), flags, at, size_of::<MountAttr>(), 0];
    // SAFETY: the kernel reads a live string that ends in NUL, and 32 bytes of a live struct of that size.
    unsafe { syscall(nr::MOUNT_SETATTR, args) }.map(drop)
}

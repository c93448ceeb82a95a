// SPDX-License-Identifier: MIT OR Apache-2.0
//! Raw system calls: the floor's only door to the kernel.
//!
//! Every call answers the kernel's own error number; there is no `errno`, whose place is thread-local storage that a fresh
//! program without a libc does not have.
#![allow(unsafe_code, reason = "the door: nothing else in the floor is unsafe")]
#![allow(clippy::missing_errors_doc, reason = "every function answers the kernel's error number and nothing else")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "arguments and answers are registers: the kernel takes the low half of one where it wants 32 bits"
)]

use core::arch::asm;
use core::ffi::CStr;

/// The kernel's error number, positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub u16);

impl Errno {
    /// Operation not permitted.
    pub const PERM: Self = Self(1);
    /// No such file or directory.
    pub const NOENT: Self = Self(2);
    /// Interrupted by a signal.
    pub const INTR: Self = Self(4);
    /// Permission denied.
    pub const ACCES: Self = Self(13);
    /// Not a directory.
    pub const NOTDIR: Self = Self(20);
    /// Is a directory.
    pub const ISDIR: Self = Self(21);
    /// No such device.
    pub const NODEV: Self = Self(19);
    /// Invalid argument.
    pub const INVAL: Self = Self(22);
    /// Broken pipe: nobody is at the other end.
    pub const PIPE: Self = Self(32);
    /// Function not implemented.
    pub const NOSYS: Self = Self(38);
    /// Protocol error: the other end said what it must not.
    pub const PROTO: Self = Self(71);
}

/// System call numbers of x86_64.
#[cfg(target_arch = "x86_64")]
pub mod nr {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const FSTAT: usize = 5;
    pub const MMAP: usize = 9;
    pub const MUNMAP: usize = 11;
    pub const RT_SIGACTION: usize = 13;
    pub const RT_SIGPROCMASK: usize = 14;
    pub const IOCTL: usize = 16;
    pub const SOCKET: usize = 41;
    pub const GETPID: usize = 39;
    pub const ACCEPT4: usize = 288;
    pub const RECVFROM: usize = 45;
    pub const SENDMSG: usize = 46;
    pub const SETSOCKOPT: usize = 54;
    pub const CLONE: usize = 56;
    pub const EXECVE: usize = 59;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const FCNTL: usize = 72;
    pub const CHDIR: usize = 80;
    pub const UMASK: usize = 95;
    pub const SETPGID: usize = 109;
    pub const SETSID: usize = 112;
    pub const RT_SIGTIMEDWAIT: usize = 128;
    pub const SETGROUPS: usize = 116;
    pub const SETRESUID: usize = 117;
    pub const SETRESGID: usize = 119;
    pub const PRCTL: usize = 157;
    pub const SETHOSTNAME: usize = 170;
    pub const SETDOMAINNAME: usize = 171;
    pub const SOCKETPAIR: usize = 53;
    pub const EXIT_GROUP: usize = 231;
    pub const OPENAT: usize = 257;
    pub const PPOLL: usize = 271;
    pub const FACCESSAT: usize = 269;
    pub const UNSHARE: usize = 272;
    pub const EVENTFD2: usize = 290;
    pub const DUP3: usize = 292;
    pub const SETNS: usize = 308;
    pub const EXECVEAT: usize = 322;
    pub const PIDFD_SEND_SIGNAL: usize = 424;
    pub const CLOCK_GETTIME: usize = 228;
    pub const CLONE3: usize = 435;
    pub const CLOSE_RANGE: usize = 436;
    pub const PIDFD_GETFD: usize = 438;
}

/// System call numbers of aarch64, the kernel's generic table.
#[cfg(target_arch = "aarch64")]
pub mod nr {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const CLOCK_GETTIME: usize = 113;
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const CLOSE: usize = 57;
    pub const FSTAT: usize = 80;
    pub const MMAP: usize = 222;
    pub const MUNMAP: usize = 215;
    pub const RT_SIGACTION: usize = 134;
    pub const RT_SIGPROCMASK: usize = 135;
    pub const RT_SIGTIMEDWAIT: usize = 137;
    pub const KILL: usize = 129;
    pub const WAIT4: usize = 260;
    pub const IOCTL: usize = 29;
    pub const SOCKET: usize = 198;
    pub const ACCEPT4: usize = 242;
    pub const RECVFROM: usize = 207;
    pub const SENDMSG: usize = 211;
    pub const SETSOCKOPT: usize = 208;
    pub const CLONE: usize = 220;
    pub const EXECVE: usize = 221;
    pub const FCNTL: usize = 25;
    pub const CHDIR: usize = 49;
    pub const UMASK: usize = 166;
    pub const SETPGID: usize = 154;
    pub const SETSID: usize = 157;
    pub const GETPID: usize = 172;
    pub const EVENTFD2: usize = 19;
    pub const SETGROUPS: usize = 159;
    pub const SETRESUID: usize = 147;
    pub const SETRESGID: usize = 149;
    pub const PRCTL: usize = 167;
    pub const SETHOSTNAME: usize = 161;
    pub const SETDOMAINNAME: usize = 162;
    pub const SOCKETPAIR: usize = 199;
    pub const EXIT_GROUP: usize = 94;
    pub const OPENAT: usize = 56;
    pub const PPOLL: usize = 73;
    pub const FACCESSAT: usize = 48;
    pub const UNSHARE: usize = 97;
    pub const DUP3: usize = 24;
    pub const SETNS: usize = 268;
    pub const EXECVEAT: usize = 281;
    pub const PIDFD_SEND_SIGNAL: usize = 424;
    pub const CLONE3: usize = 435;
    pub const CLOSE_RANGE: usize = 436;
    pub const PIDFD_GETFD: usize = 438;
}

/// `openat` and friends: relative to the working directory.
pub const AT_FDCWD: usize = -100_isize as usize;

/// Makes system call `number` with six arguments.
///
/// # Safety
/// The arguments must be what the kernel demands of this call: pointers to live memory of the right size, and no effect
/// that breaks what the rest of the process relies on.
#[cfg(target_arch = "x86_64")]
pub unsafe fn syscall(number: usize, args: [usize; 6]) -> Result<usize, Errno> {
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
pub unsafe fn syscall(number: usize, args: [usize; 6]) -> Result<usize, Errno> {
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

/// Closes one descriptor.
pub fn close(fd: i32) {
    // SAFETY: no pointer; a wrong number is EBADF. Whoever calls this in the launcher owns the whole descriptor table.
    let _ = unsafe { syscall(nr::CLOSE, [fd as usize, 0, 0, 0, 0, 0]) };
}

/// Ends the process.
pub fn exit_group(status: i32) -> ! {
    loop {
        // SAFETY: no pointer; it does not return. The loop is for a seccomp filter that answers for it all the same.
        let _ = unsafe { syscall(nr::EXIT_GROUP, [status as usize, 0, 0, 0, 0, 0]) };
        trap();
    }
}

/// An instruction that no program survives.
fn trap() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: raises SIGILL, which is the intention.
    unsafe {
        asm!("ud2");
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: raises SIGTRAP, which is the intention.
    unsafe {
        asm!("brk #1");
    }
}

/// Sets the signal that comes when the parent thread ends (`PR_SET_PDEATHSIG`).
pub fn set_parent_death_signal(signal: u32) -> Result<(), Errno> {
    const PR_SET_PDEATHSIG: usize = 1;
    // SAFETY: the argument is an integer.
    unsafe { syscall(nr::PRCTL, [PR_SET_PDEATHSIG, signal as usize, 0, 0, 0, 0]) }.map(drop)
}

/// Makes this process' memory nobody's to read or to trace but who may trace any (`PR_SET_DUMPABLE` 0). Exec undoes it.
pub fn hide_memory() -> Result<(), Errno> {
    const PR_SET_DUMPABLE: usize = 4;
    // SAFETY: the argument is an integer.
    unsafe { syscall(nr::PRCTL, [PR_SET_DUMPABLE, 0, 0, 0, 0, 0]) }.map(drop)
}

/// Names this thread, as `ps -o comm` shows it; the kernel keeps 15 bytes.
pub fn set_name(name: &CStr) {
    const PR_SET_NAME: usize = 15;
    // SAFETY: the kernel reads at most 16 bytes of a live string that ends in NUL.
    let _ = unsafe { syscall(nr::PRCTL, [PR_SET_NAME, name.as_ptr().expose_provenance(), 0, 0, 0, 0]) };
}

/// sethostname(2).
pub fn sethostname(name: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel reads count_bytes() bytes of a live string.
    unsafe { syscall(nr::SETHOSTNAME, [name.as_ptr().expose_provenance(), name.count_bytes(), 0, 0, 0, 0]) }.map(drop)
}

/// setdomainname(2).
pub fn setdomainname(name: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel reads count_bytes() bytes of a live string.
    unsafe { syscall(nr::SETDOMAINNAME, [name.as_ptr().expose_provenance(), name.count_bytes(), 0, 0, 0, 0]) }.map(drop)
}

/// write(2), once: how much was taken.
pub fn write(fd: i32, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel reads bytes.len() bytes of a live slice.
    unsafe { syscall(nr::WRITE, [fd as usize, bytes.as_ptr().expose_provenance(), bytes.len(), 0, 0, 0]) }
}

/// setresuid(2), of this thread alone: real, effective, saved; the largest number is no change.
pub fn setresuid([real, effective, saved]: [u32; 3]) -> Result<(), Errno> {
    // SAFETY: no pointer.
    unsafe { syscall(nr::SETRESUID, [real as usize, effective as usize, saved as usize, 0, 0, 0]) }.map(drop)
}

/// prctl(2) of PR_GET_DUMPABLE: whether others may look into this process.
pub fn is_dumpable() -> bool {
    const PR_GET_DUMPABLE: usize = 3;
    // SAFETY: no pointer.
    let told = unsafe { syscall(nr::PRCTL, [PR_GET_DUMPABLE, 0, 0, 0, 0, 0]) };
    told == Ok(1)
}

/// prctl(2) of PR_SET_DUMPABLE: others may look into this process.
pub fn make_dumpable() -> Result<(), Errno> {
    const PR_SET_DUMPABLE: usize = 4;
    // SAFETY: no pointer.
    unsafe { syscall(nr::PRCTL, [PR_SET_DUMPABLE, 1, 0, 0, 0, 0]) }.map(drop)
}

/// setresgid(2), of this thread alone.
pub fn setresgid(gid: u32) -> Result<(), Errno> {
    // SAFETY: no pointer.
    unsafe { syscall(nr::SETRESGID, [gid as usize, gid as usize, gid as usize, 0, 0, 0]) }.map(drop)
}

/// setgroups(2), of this thread alone.
pub fn setgroups(groups: &[u32]) -> Result<(), Errno> {
    // SAFETY: the kernel reads groups.len() numbers of a live slice.
    unsafe { syscall(nr::SETGROUPS, [groups.len(), groups.as_ptr().expose_provenance(), 0, 0, 0, 0]) }.map(drop)
}

/// The same with the numbers as bytes, wherever in memory they are.
pub fn setgroups_of(groups: &[u8]) -> Result<(), Errno> {
    // SAFETY: the kernel reads as many numbers as there are whole ones in a live slice, one by one.
    unsafe { syscall(nr::SETGROUPS, [groups.len() / 4, groups.as_ptr().expose_provenance(), 0, 0, 0, 0]) }.map(drop)
}

/// unshare(2).
pub fn unshare(flags: u64) -> Result<(), Errno> {
    // SAFETY: no pointer; it is of this thread, and the floor never unshares CLONE_FILES or CLONE_VM.
    unsafe { syscall(nr::UNSHARE, [flags as usize, 0, 0, 0, 0, 0]) }.map(drop)
}

/// setns(2): `fd` is a namespace, or a pidfd of which all namespaces in `flags` are joined at once.
pub fn setns(fd: i32, flags: u64) -> Result<(), Errno> {
    // SAFETY: no pointer; a number that is not open is EBADF.
    unsafe { syscall(nr::SETNS, [fd as usize, flags as usize, 0, 0, 0, 0]) }.map(drop)
}

/// Sends eight bytes, with a descriptor if one is given, over a stream socket. No signal if nobody is there.
pub fn send(socket: i32, bytes: [u8; 8], fd: Option<i32>) -> Result<(), Errno> {
    const MSG_NOSIGNAL: usize = 0x4000;
    let mut control = Descriptor { length: 20, level: 1, kind: 1, fd: fd.unwrap_or(-1), pad: 0 };
    let vector = [(&raw const bytes).expose_provenance(), bytes.len()];
    let mut header = [0, 0, (&raw const vector).expose_provenance(), 1, 0, 0, 0];
    if fd.is_some() {
        let [_, _, _, _, at, length, _] = &mut header;
        *at = (&raw mut control).expose_provenance();
        *length = size_of::<Descriptor>();
    }
    loop {
        let at = (&raw const header).expose_provenance();
        // SAFETY: a struct msghdr (seven words on 64 bits), the vector and the control message it points to, all live.
        match unsafe { syscall(nr::SENDMSG, [socket as usize, at, MSG_NOSIGNAL, 0, 0, 0]) } {
            Err(Errno::INTR) => {}
            sent => return sent.map(drop),
        }
    }
}

/// `struct cmsghdr` and one descriptor: `SOL_SOCKET`, `SCM_RIGHTS`.
#[repr(C)]
struct Descriptor {
    length: usize,
    level: i32,
    kind: i32,
    fd: i32,
    pad: i32,
}
const _: () = assert!(size_of::<Descriptor>() == 24);

/// Two ends of a stream socket, to be closed on exec.
pub fn socketpair() -> Result<[i32; 2], Errno> {
    const AF_UNIX: usize = 1;
    const SOCK_STREAM_CLOEXEC: usize = 1 | 0o2_000_000;
    let mut ends = [0_i32; 2];
    // SAFETY: the kernel writes two numbers to a live local of that size.
    let made = unsafe {
        syscall(nr::SOCKETPAIR, [AF_UNIX, SOCK_STREAM_CLOEXEC, 0, (&raw mut ends).expose_provenance(), 0, 0])
    };
    made.map(|_| ends)
}

/// Puts `fd` under the number `number` in place of what was there, to be closed on exec.
pub fn replace(fd: i32, number: i32) -> Result<(), Errno> {
    const O_CLOEXEC: usize = 0o2_000_000;
    // SAFETY: no pointer. Whoever calls this in a child owns its descriptor table.
    let placed = unsafe { syscall(nr::DUP3, [fd as usize, number as usize, O_CLOEXEC, 0, 0, 0]) };
    close(fd);
    placed.map(drop)
}

/// One byte from a stream socket; nothing where the other end is closed.
pub fn receive_byte(socket: i32) -> Option<u8> {
    let mut byte = 0_u8;
    loop {
        // SAFETY: the kernel writes at most one byte at a live local.
        match unsafe { syscall(nr::RECVFROM, [socket as usize, (&raw mut byte).expose_provenance(), 1, 0, 0, 0]) } {
            Err(Errno::INTR) => {}
            Ok(1) => return Some(byte),
            _ => return None,
        }
    }
}

/// chdir(2).
pub fn chdir(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::CHDIR, [path.as_ptr().expose_provenance(), 0, 0, 0, 0, 0]) }.map(drop)
}

/// umask(2).
pub fn umask(mask: u32) {
    // SAFETY: no pointer; it cannot fail.
    let _ = unsafe { syscall(nr::UMASK, [mask as usize, 0, 0, 0, 0, 0]) };
}

/// setsid(2).
pub fn setsid() -> Result<(), Errno> {
    // SAFETY: no pointer.
    unsafe { syscall(nr::SETSID, [0; 6]) }.map(drop)
}

/// socket(2), to be closed on exec.
pub fn socket(family: i32, kind: i32) -> Result<i32, Errno> {
    const SOCK_CLOEXEC: i32 = 0o2_000_000;
    // SAFETY: no pointer.
    let fd = unsafe { syscall(nr::SOCKET, [family as usize, (kind | SOCK_CLOEXEC) as usize, 0, 0, 0, 0]) }?;
    Ok(fd as i32)
}

/// An interface's name and flags, as `SIOCGIFFLAGS` and `SIOCSIFFLAGS` take them (`struct ifreq`, uapi/linux/if.h).
#[repr(C)]
#[derive(Debug)]
pub struct InterfaceFlags {
    name: [u8; 16],
    /// `IFF_*`.
    pub flags: u16,
    rest: [u8; 22],
}
const _: () = assert!(size_of::<InterfaceFlags>() == 40);

impl InterfaceFlags {
    /// A request for the interface of this name, which ends in NUL bytes.
    #[must_use]
    pub const fn of(name: [u8; 16]) -> Self {
        Self { name, flags: 0, rest: [0; 22] }
    }

    /// Reads the flags of the interface (`SIOCGIFFLAGS`).
    pub fn read(&mut self, socket: i32) -> Result<(), Errno> {
        self.ioctl(socket, 0x8913)
    }

    /// Sets the flags of the interface (`SIOCSIFFLAGS`).
    pub fn write(&mut self, socket: i32) -> Result<(), Errno> {
        self.ioctl(socket, 0x8914)
    }

    fn ioctl(&mut self, socket: i32, request: usize) -> Result<(), Errno> {
        // SAFETY: both requests read and write one struct ifreq of 40 bytes, which this is (asserted above).
        let ret =
            unsafe { syscall(nr::IOCTL, [socket as usize, request, (&raw mut *self).expose_provenance(), 0, 0, 0]) };
        ret.map(drop)
    }
}

/// Whether there is such a file, following links.
pub fn exists(path: &CStr) -> bool {
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::FACCESSAT, [AT_FDCWD, path.as_ptr().expose_provenance(), 0, 0, 0, 0]) }.is_ok()
}

/// Whether this thread may execute the file at `path`.
pub fn may_execute(path: &CStr) -> bool {
    const X_OK: usize = 1;
    // SAFETY: the kernel reads a live string that ends in NUL.
    unsafe { syscall(nr::FACCESSAT, [AT_FDCWD, path.as_ptr().expose_provenance(), X_OK, 0, 0, 0]) }.is_ok()
}

/// Whether `path` is a directory. Needs no right to read it.
pub fn is_directory(path: &CStr) -> bool {
    // O_DIRECTORY has another value on aarch64, as on all of arm.
    const O_DIRECTORY: usize = if cfg!(target_arch = "aarch64") { 0o40_000 } else { 0o200_000 };
    const O_PATH_CLOEXEC: usize = 0o10_000_000 | 0o2_000_000;
    let flags = O_DIRECTORY | O_PATH_CLOEXEC;
    // SAFETY: the kernel reads a live string that ends in NUL.
    match unsafe { syscall(nr::OPENAT, [AT_FDCWD, path.as_ptr().expose_provenance(), flags, 0, 0, 0]) } {
        Ok(fd) => {
            close(fd as i32);
            true
        }
        Err(_) => false,
    }
}

/// Nanoseconds since some moment, clock_gettime(2); 0 where a filter denies to ask.
pub fn nanoseconds() -> u64 {
    const CLOCK_MONOTONIC: usize = 1;
    let mut time = [0_u64; 2];
    // SAFETY: the kernel writes a struct timespec, two words, to a live local of that size.
    let told =
        unsafe { syscall(nr::CLOCK_GETTIME, [CLOCK_MONOTONIC, (&raw mut time).expose_provenance(), 0, 0, 0, 0]) };
    let [seconds, nanos] = time;
    if told.is_ok() { seconds.saturating_mul(1_000_000_000).saturating_add(nanos) } else { 0 }
}

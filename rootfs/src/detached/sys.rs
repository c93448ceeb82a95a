// SPDX-License-Identifier: MIT OR Apache-2.0
//! A process that sleeps in a user namespace of its own; loop devices.
#![allow(unsafe_code, reason = "a clone that shares memory, and two ioctls that no crate of ours knows")]

use std::arch::asm;
use std::ffi::c_void;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, Setter, ioctl};

use crate::floor::Errno;
use crate::floor::sys::syscall;

/// Numbers of system calls that the floor has no use for.
#[cfg(target_arch = "x86_64")]
mod nr {
    pub(super) const RT_SIGPROCMASK: usize = 14;
    pub(super) const CLONE: usize = 56;
    pub(super) const WAIT4: usize = 61;
    pub(super) const KILL: usize = 62;
}

/// Numbers of system calls that the floor has no use for.
#[cfg(target_arch = "aarch64")]
mod nr {
    pub(super) const RT_SIGPROCMASK: usize = 135;
    pub(super) const CLONE: usize = 220;
    pub(super) const WAIT4: usize = 260;
    pub(super) const KILL: usize = 129;
}

/// A process that does nothing in a user namespace of its own, and shares this one's memory without ever touching it; killed
/// when dropped, or with the thread that made it.
#[derive(Debug)]
pub(super) struct Sleeper(usize);

impl Sleeper {
    /// Makes it.
    pub(super) fn new() -> Result<Self, Errno> {
        // It must never run a handler of this program: what it inherits is a mask of everything.
        let was = mask(u64::MAX)?;
        let pid = clone_sleeper();
        mask(was)?;
        pid.map(Self)
    }

    /// Its number.
    pub(super) fn pid(&self) -> usize {
        self.0
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        const SIGKILL: usize = 9;
        const WALL: usize = 0x4000_0000;
        const EINTR: Errno = Errno(4);
        // SAFETY: no pointer; it is our own child, which nobody has waited for: its number is nobody else's.
        let _ = unsafe { syscall(nr::KILL, [self.0, SIGKILL, 0, 0, 0, 0]) };
        // SAFETY: null pointers, which the call allows.
        while unsafe { syscall(nr::WAIT4, [self.0, 0, WALL, 0, 0, 0]) } == Err(EINTR) {}
    }
}

/// Sets this thread's mask of signals, the C library's own among them; answers what it was.
fn mask(signals: u64) -> Result<u64, Errno> {
    const SIG_SETMASK: usize = 2;
    let mut was = 0_u64;
    let args = [
        SIG_SETMASK,
        (&raw const signals).expose_provenance(),
        (&raw mut was).expose_provenance(),
        size_of::<u64>(),
        0,
        0,
    ];
    // SAFETY: the kernel reads one live mask and writes another of the size that it is told.
    unsafe { syscall(nr::RT_SIGPROCMASK, args) }.map(|_| was)
}

/// `CLONE_VM` and `CLONE_NEWUSER`; no signal is sent when it ends.
const FLAGS: usize = 0x1000_0100;

/// clone(2); the child asks to be killed with this thread, and sleeps.
#[cfg(target_arch = "x86_64")]
fn clone_sleeper() -> Result<usize, Errno> {
    let ret: isize;
    // SAFETY: the child shares the memory and even the stack pointer, and touches neither: it makes two system calls that
    // take no pointers, again and again, with all signals blocked that could have it do anything else. For the caller it
    // is one system call.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            // prctl(PR_SET_PDEATHSIG, SIGKILL)
            "mov eax, 157",
            "mov edi, 1",
            "mov esi, 9",
            "syscall",
            // ppoll(NULL, 0, NULL, NULL, 0)
            "3:",
            "mov eax, 271",
            "xor edi, edi",
            "xor esi, esi",
            "xor edx, edx",
            "xor r10d, r10d",
            "xor r8d, r8d",
            "syscall",
            "jmp 3b",
            "2:",
            inlateout("rax") nr::CLONE as isize => ret, in("rdi") FLAGS, in("rsi") 0, in("rdx") 0, in("r10") 0,
            in("r8") 0, lateout("rcx") _, lateout("r11") _, options(nostack),
        );
    }
    answer(ret)
}

/// clone(2); the child asks to be killed with this thread, and sleeps.
#[cfg(target_arch = "aarch64")]
fn clone_sleeper() -> Result<usize, Errno> {
    let ret: isize;
    // SAFETY: the child shares the memory and even the stack pointer, and touches neither: it makes two system calls that
    // take no pointers, again and again, with all signals blocked that could have it do anything else. For the caller it
    // is one system call.
    unsafe {
        asm!(
            "svc 0",
            "cbnz x0, 2f",
            // prctl(PR_SET_PDEATHSIG, SIGKILL)
            "mov x8, 167",
            "mov x0, 1",
            "mov x1, 9",
            "svc 0",
            // ppoll(NULL, 0, NULL, NULL, 0)
            "3:",
            "mov x8, 73",
            "mov x0, 0",
            "mov x1, 0",
            "mov x2, 0",
            "mov x3, 0",
            "mov x4, 0",
            "svc 0",
            "b 3b",
            "2:",
            in("x8") nr::CLONE, inlateout("x0") FLAGS as isize => ret, in("x1") 0, in("x2") 0, in("x3") 0, in("x4") 0,
            options(nostack),
        );
    }
    answer(ret)
}

/// The kernel answers errors as -4095 to -1.
fn answer(ret: isize) -> Result<usize, Errno> {
    if ret < 0 { Err(Errno(u16::try_from(ret.unsigned_abs()).unwrap_or_default())) } else { Ok(ret.cast_unsigned()) }
}

/// `struct loop_info64`, uapi/linux/loop.h.
#[repr(C)]
struct LoopInfo {
    device_inode_rdevice: [u64; 3],
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}
const _: () = assert!(size_of::<LoopInfo>() == 232);

/// `struct loop_config`, uapi/linux/loop.h.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}
const _: () = assert!(size_of::<LoopConfig>() == 304);

/// How a loop device shows a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoopSetup<'a> {
    pub(super) offset: u64,
    /// 0 is up to the file's end.
    pub(super) length: u64,
    pub(super) read_only: bool,
    pub(super) direct_io: bool,
    /// What losetup(8) shows: cut to 63 bytes.
    pub(super) name: &'a [u8],
}

/// Has a loop device that nobody uses show a file, until the last who has it open or mounted is gone. `EBUSY` if somebody
/// uses it. Linux 5.8.
pub(super) fn configure_loop(device: impl AsFd, file: BorrowedFd<'_>, setup: LoopSetup<'_>) -> Result<(), Errno> {
    const LOOP_CONFIGURE: Opcode = 0x4c0a;
    const READ_ONLY: u32 = 1;
    const AUTOCLEAR: u32 = 4;
    const DIRECT_IO: u32 = 16;
    let flag = |is: bool, flag: u32| if is { flag } else { 0 };
    let mut file_name = [0; 64];
    for (slot, byte) in file_name.iter_mut().take(63).zip(setup.name) {
        *slot = *byte;
    }
    let info = LoopInfo {
        device_inode_rdevice: [0; 3],
        offset: setup.offset,
        size_limit: setup.length,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags: AUTOCLEAR | flag(setup.read_only, READ_ONLY) | flag(setup.direct_io, DIRECT_IO),
        file_name,
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    };
    let fd = u32::try_from(file.as_raw_fd()).unwrap_or(u32::MAX);
    let config = LoopConfig { fd, block_size: 0, info, reserved: [0; 8] };
    // SAFETY: this ioctl reads one struct loop_config, which this is (its size is asserted above).
    let setter = unsafe { Setter::<LOOP_CONFIGURE, LoopConfig>::new(config) };
    // SAFETY: it writes nothing.
    unsafe { ioctl(device, setter) }.map_err(errno_of)
}

/// The number of a loop device that nobody uses at this moment; one is made if there is none.
pub(super) fn free_loop(control: impl AsFd) -> Result<u32, Errno> {
    // SAFETY: this ioctl takes no argument, and answers a number.
    let number = unsafe { ioctl(control, GetFree) }.map_err(errno_of)?;
    u32::try_from(number).map_err(|_| Errno::INVAL)
}

/// `LOOP_CTL_GET_FREE`.
struct GetFree;

// SAFETY: no memory is read or written; the answer is the call's own.
unsafe impl Ioctl for GetFree {
    type Output = IoctlOutput;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        0x4c82
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::null_mut()
    }

    unsafe fn output_from_ptr(out: IoctlOutput, _: *mut c_void) -> rustix::io::Result<IoctlOutput> {
        Ok(out)
    }
}

fn errno_of(errno: rustix::io::Errno) -> Errno {
    Errno(u16::try_from(errno.raw_os_error()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_structs_are_libc_s() {
        let ours = [
            (nr::RT_SIGPROCMASK, libc::SYS_rt_sigprocmask),
            (nr::CLONE, libc::SYS_clone),
            (nr::WAIT4, libc::SYS_wait4),
            (nr::KILL, libc::SYS_kill),
        ];
        for (number, theirs) in ours {
            assert_eq!(i64::try_from(number).unwrap(), theirs);
        }
        #[cfg(target_arch = "x86_64")]
        assert_eq!((libc::SYS_prctl, libc::SYS_ppoll), (157, 271));
        #[cfg(target_arch = "aarch64")]
        assert_eq!((libc::SYS_prctl, libc::SYS_ppoll), (167, 73));
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Raw system calls: the floor's only door to the kernel.
//!
//! All of them are of the calling thread alone, where libc's would tell every thread of the process.
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
    /// Invalid argument.
    pub const INVAL: Self = Self(22);
    /// Function not implemented.
    pub const NOSYS: Self = Self(38);
    /// Input or output error: less was written than given.
    pub const IO: Self = Self(5);
}

/// System call numbers of x86_64.
#[cfg(target_arch = "x86_64")]
pub mod nr {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const CAPSET: usize = 126;
    pub const PRCTL: usize = 157;
    pub const KEYCTL: usize = 250;
    pub const OPENAT: usize = 257;
    pub const PRLIMIT64: usize = 302;
    pub const SECCOMP: usize = 317;
}

/// System call numbers of aarch64, the kernel's generic table.
#[cfg(target_arch = "aarch64")]
pub mod nr {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const WRITE: usize = 64;
    pub const CLOSE: usize = 57;
    pub const CAPSET: usize = 91;
    pub const PRCTL: usize = 167;
    pub const KEYCTL: usize = 219;
    pub const OPENAT: usize = 56;
    pub const PRLIMIT64: usize = 261;
    pub const SECCOMP: usize = 277;
}

/// An operation of prctl(2) that takes numbers alone, no pointers. Only this module makes them.
#[derive(Debug, Clone, Copy)]
pub struct Operation(usize);

/// Operations of prctl(2), uapi/linux/prctl.h.
pub mod pr {
    #![allow(missing_docs, reason = "the kernel's names")]
    use super::Operation;
    pub const SET_DUMPABLE: Operation = Operation(4);
    pub const SET_KEEPCAPS: Operation = Operation(8);
    pub const CAPBSET_READ: Operation = Operation(23);
    pub const CAPBSET_DROP: Operation = Operation(24);
    pub const SET_SECUREBITS: Operation = Operation(28);
    pub const SET_NO_NEW_PRIVS: Operation = Operation(38);
    pub const CAP_AMBIENT: Operation = Operation(47);
    /// The first argument of `CAP_AMBIENT`.
    pub const AMBIENT_RAISE: usize = 2;
    pub const AMBIENT_CLEAR_ALL: usize = 4;
}

/// prctl(2). Arguments that are not used are 0: some operations ask for that.
pub fn prctl(operation: Operation, a: usize, b: usize) -> Result<usize, Errno> {
    // SAFETY: the type holds only operations that take numbers and no pointers.
    unsafe { syscall(nr::PRCTL, [operation.0, a, b, 0, 0]) }
}

/// Joins this thread to a new session keyring without a name (`KEYCTL_JOIN_SESSION_KEYRING`).
pub fn join_new_session_keyring() -> Result<(), Errno> {
    const JOIN_SESSION_KEYRING: usize = 1;
    // SAFETY: a null pointer stands for a keyring without a name.
    unsafe { syscall(nr::KEYCTL, [JOIN_SESSION_KEYRING, 0, 0, 0, 0]) }.map(drop)
}

/// `struct sock_fprog`, uapi/linux/filter.h.
#[repr(C)]
struct Program {
    count: u16,
    instructions: usize,
}
const _: () = assert!(size_of::<Program>() == 16);

/// Filters the system calls of this thread by the program of `bytes`, `struct sock_filter` each 8 of them; by seccomp(2),
/// or by prctl(2) where a filter answers that to it as a kernel before 3.17 would.
pub fn filter(bytes: &[u8]) -> Result<(), Errno> {
    const SET_MODE_FILTER: usize = 1;
    const PR_SET_SECCOMP: usize = 22;
    const MODE_FILTER: usize = 2;
    if !bytes.len().is_multiple_of(8) {
        return Err(Errno::INVAL);
    }
    let count = u16::try_from(bytes.len() / 8).map_err(|_| Errno::INVAL)?;
    let program = Program { count, instructions: bytes.as_ptr().expose_provenance() };
    let at = (&raw const program).expose_provenance();
    // SAFETY: the kernel reads a struct sock_fprog, which is a live local of its size (asserted above), and `count`
    // instructions of 8 bytes behind it, which the slice has.
    match unsafe { syscall(nr::SECCOMP, [SET_MODE_FILTER, 0, at, 0, 0]) } {
        Err(Errno::NOSYS) => {}
        done => return done.map(drop),
    }
    // SAFETY: as above; the third argument of this operation is the same structure.
    unsafe { syscall(nr::PRCTL, [PR_SET_SECCOMP, MODE_FILTER, at, 0, 0]) }.map(drop)
}

/// `struct __user_cap_header_struct`, uapi/linux/capability.h.
#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}
const _: () = assert!(size_of::<CapHeader>() == 8);

/// `struct __user_cap_data_struct`, uapi/linux/capability.h: 32 capabilities.
#[repr(C)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}
const _: () = assert!(size_of::<[CapData; 2]>() == 24);

/// capset(2), of this thread.
pub fn capset(effective: u64, permitted: u64, inheritable: u64) -> Result<(), Errno> {
    /// `_LINUX_CAPABILITY_VERSION_3`: 64 capabilities.
    const VERSION: u32 = 0x2008_0522;
    let half = |shift: u32| CapData {
        effective: (effective >> shift) as u32,
        permitted: (permitted >> shift) as u32,
        inheritable: (inheritable >> shift) as u32,
    };
    let mut header = CapHeader { version: VERSION, pid: 0 };
    let data = [half(0), half(32)];
    let args = [(&raw mut header).expose_provenance(), (&raw const data).expose_provenance(), 0, 0, 0];
    // SAFETY: version 3 of the call reads two structs of 12 bytes, which `data` holds (asserted above), and may write the
    // version back into `header`; both live until it returns.
    unsafe { syscall(nr::CAPSET, args) }.map(drop)
}

/// `struct rlimit64`, uapi/linux/resource.h.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// What holds now.
    pub soft: u64,
    /// What the soft limit can be raised to.
    pub hard: u64,
}
const _: () = assert!(size_of::<Limits>() == 16);

/// prlimit(2): answers the limits that held before. A `pid` of 0 is the calling process.
pub fn prlimit(pid: u32, resource: u32, new: Option<&Limits>) -> Result<Limits, Errno> {
    let mut old = Limits::default();
    let new = new.map_or(0, |limits| core::ptr::from_ref(limits).expose_provenance());
    let args = [pid as usize, resource as usize, new, (&raw mut old).expose_provenance(), 0];
    // SAFETY: the kernel reads 16 bytes at `new` unless that is null, and writes 16 bytes at `old`; both are live structs
    // of that size (asserted above).
    unsafe { syscall(nr::PRLIMIT64, args) }?;
    Ok(old)
}

/// Writes `text` to the file at `path` in one write(2), as files of /proc want it.
///
/// On failure: whether it was the opening (`false`) or the writing (`true`), and why.
pub fn write_file(path: &CStr, text: &[u8]) -> Result<(), (bool, Errno)> {
    const AT_FDCWD: usize = -100_isize as usize;
    const O_WRONLY_CLOEXEC: usize = 0o1 | 0o2_000_000;
    let args = [AT_FDCWD, path.as_ptr().expose_provenance(), O_WRONLY_CLOEXEC, 0, 0];
    // SAFETY: the kernel reads a live string that ends in NUL.
    let fd = unsafe { syscall(nr::OPENAT, args) }.map_err(|errno| (false, errno))?;
    let args = [fd, text.as_ptr().expose_provenance(), text.len(), 0, 0];
    // SAFETY: the kernel reads text.len() bytes of a live slice.
    let written = unsafe { syscall(nr::WRITE, args) };
    // SAFETY: no pointer; the descriptor was opened above and is known to nobody else.
    let _ = unsafe { syscall(nr::CLOSE, [fd, 0, 0, 0, 0]) };
    match written {
        Ok(count) if count == text.len() => Ok(()),
        Ok(_) => Err((true, Errno::IO)),
        Err(errno) => Err((true, errno)),
    }
}

/// Makes system call `number` with five arguments.
///
/// # Safety
/// The arguments must be what the kernel demands of this call.
unsafe fn syscall(number: usize, args: [usize; 5]) -> Result<usize, Errno> {
    let [a, b, c, d, e] = args;
    let ret: isize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the kernel's calling convention on x86_64: it changes rax, rcx and r11 alone; the caller vouches for the rest.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => ret, in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d,
             in("r8") e, lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the kernel's calling convention on aarch64: it changes x0 alone; the caller vouches for the rest.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => ret, in("x1") b, in("x2") c, in("x3") d,
             in("x4") e, options(nostack));
    }
    match ret {
        -4095..=-1 => Err(Errno(ret.unsigned_abs() as u16)),
        _ => Ok(ret.cast_unsigned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_libc_s() {
        let calls = [
            (nr::WRITE, libc::SYS_write),
            (nr::CLOSE, libc::SYS_close),
            (nr::CAPSET, libc::SYS_capset),
            (nr::PRCTL, libc::SYS_prctl),
            (nr::KEYCTL, libc::SYS_keyctl),
            (nr::OPENAT, libc::SYS_openat),
            (nr::PRLIMIT64, libc::SYS_prlimit64),
            (nr::SECCOMP, libc::SYS_seccomp),
        ];
        for (number, theirs) in calls {
            assert_eq!(i64::try_from(number).unwrap(), theirs);
        }
        let operations = [
            (pr::SET_DUMPABLE, libc::PR_SET_DUMPABLE),
            (pr::SET_KEEPCAPS, libc::PR_SET_KEEPCAPS),
            (pr::CAPBSET_READ, libc::PR_CAPBSET_READ),
            (pr::CAPBSET_DROP, libc::PR_CAPBSET_DROP),
            (pr::SET_SECUREBITS, libc::PR_SET_SECUREBITS),
            (pr::SET_NO_NEW_PRIVS, libc::PR_SET_NO_NEW_PRIVS),
            (pr::CAP_AMBIENT, libc::PR_CAP_AMBIENT),
            (Operation(pr::AMBIENT_RAISE), libc::PR_CAP_AMBIENT_RAISE),
            (Operation(pr::AMBIENT_CLEAR_ALL), libc::PR_CAP_AMBIENT_CLEAR_ALL),
        ];
        for (number, theirs) in operations {
            assert_eq!(i32::try_from(number.0).unwrap(), theirs);
        }
    }
}

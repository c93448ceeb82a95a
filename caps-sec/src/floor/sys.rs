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

pub mod files;
pub mod landlock;
pub mod lsm;
pub mod sched;

/// The kernel's error number, positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub u16);

impl Errno {
    /// Operation not permitted.
    pub const PERM: Self = Self(1);
    /// No such file or directory.
    pub const NOENT: Self = Self(2);
    /// Argument list too long: a structure with more in it than this kernel knows.
    pub const TOOBIG: Self = Self(7);
    /// Device or resource busy.
    pub const BUSY: Self = Self(16);
    /// Cross-device link: what was met is another mount's.
    pub const XDEV: Self = Self(18);
    /// Invalid argument.
    pub const INVAL: Self = Self(22);
    /// Function not implemented.
    pub const NOSYS: Self = Self(38);
    /// Input or output error: less was written than given.
    pub const IO: Self = Self(5);
}

/// System call numbers.
pub mod nr {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub use super::of_arch::*;

    // Since Linux 5.0 a new call has one number everywhere.
    pub const OPENAT2: usize = 437;
    pub const LANDLOCK_CREATE_RULESET: usize = 444;
    pub const LANDLOCK_ADD_RULE: usize = 445;
    pub const LANDLOCK_RESTRICT_SELF: usize = 446;
    pub const LSM_SET_SELF_ATTR: usize = 460;
    pub const LSM_LIST_MODULES: usize = 461;
}

/// Those of x86_64.
#[cfg(target_arch = "x86_64")]
mod of_arch {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const CAPSET: usize = 126;
    pub const PERSONALITY: usize = 135;
    pub const FSTATFS: usize = 138;
    pub const PRCTL: usize = 157;
    pub const SCHED_SETAFFINITY: usize = 203;
    pub const SCHED_GETAFFINITY: usize = 204;
    pub const SET_MEMPOLICY: usize = 238;
    pub const GET_MEMPOLICY: usize = 239;
    pub const KEYCTL: usize = 250;
    pub const IOPRIO_SET: usize = 251;
    pub const IOPRIO_GET: usize = 252;
    pub const OPENAT: usize = 257;
    pub const READLINKAT: usize = 267;
    pub const PRLIMIT64: usize = 302;
    pub const SCHED_SETATTR: usize = 314;
    pub const SCHED_GETATTR: usize = 315;
    pub const SECCOMP: usize = 317;
    pub const STATX: usize = 332;
}

/// Those of aarch64, the kernel's generic table.
#[cfg(target_arch = "aarch64")]
mod of_arch {
    #![allow(missing_docs, reason = "the kernel's names")]
    pub const IOPRIO_SET: usize = 30;
    pub const IOPRIO_GET: usize = 31;
    pub const FSTATFS: usize = 44;
    pub const OPENAT: usize = 56;
    pub const CLOSE: usize = 57;
    pub const WRITE: usize = 64;
    pub const READLINKAT: usize = 78;
    pub const CAPSET: usize = 91;
    pub const PERSONALITY: usize = 92;
    pub const SCHED_SETAFFINITY: usize = 122;
    pub const SCHED_GETAFFINITY: usize = 123;
    pub const PRCTL: usize = 167;
    pub const KEYCTL: usize = 219;
    pub const GET_MEMPOLICY: usize = 236;
    pub const SET_MEMPOLICY: usize = 237;
    pub const PRLIMIT64: usize = 261;
    pub const SCHED_SETATTR: usize = 274;
    pub const SCHED_GETATTR: usize = 275;
    pub const SECCOMP: usize = 277;
    pub const STATX: usize = 291;
}

/// An operation of prctl(2) that takes numbers alone, no pointers. Only this module makes them.
#[derive(Debug, Clone, Copy)]
pub struct Operation(usize);

/// Operations of prctl(2), uapi/linux/prctl.h.
pub mod pr {
    #![allow(missing_docs, reason = "the kernel's names")]
    use super::Operation;
    pub const SET_PDEATHSIG: Operation = Operation(1);
    pub const SET_DUMPABLE: Operation = Operation(4);
    pub const SET_KEEPCAPS: Operation = Operation(8);
    pub const CAPBSET_READ: Operation = Operation(23);
    pub const CAPBSET_DROP: Operation = Operation(24);
    pub const SET_SECUREBITS: Operation = Operation(28);
    pub const SET_NO_NEW_PRIVS: Operation = Operation(38);
    pub const CAP_AMBIENT: Operation = Operation(47);
    pub const SET_MDWE: Operation = Operation(65);
    pub const GET_MDWE: Operation = Operation(66);
    /// The first argument of `CAP_AMBIENT`.
    pub const AMBIENT_RAISE: usize = 2;
    pub const AMBIENT_CLEAR_ALL: usize = 4;
}

/// prctl(2). Arguments that are not used are 0: some operations ask for that.
pub fn prctl(operation: Operation, a: usize, b: usize) -> Result<usize, Errno> {
    // SAFETY: the type holds only operations that take numbers and no pointers.
    unsafe { syscall(nr::PRCTL, [operation.0, a, b, 0, 0]) }
}

/// The signal that this thread gets when its parent ends (`PR_GET_PDEATHSIG`); 0 is none.
pub fn parent_death_signal() -> Result<i32, Errno> {
    const GET_PDEATHSIG: usize = 2;
    let mut signal = 0_i32;
    // SAFETY: the kernel writes an int at the address of a live one.
    unsafe { syscall(nr::PRCTL, [GET_PDEATHSIG, (&raw mut signal).expose_provenance(), 0, 0, 0]) }?;
    Ok(signal)
}

/// Sets or, by `0xffff_ffff`, only asks for the personality; answers that before.
pub fn personality(bits: u32) -> Result<u32, Errno> {
    // SAFETY: no pointer.
    unsafe { syscall(nr::PERSONALITY, [bits as usize, 0, 0, 0, 0]) }.map(|before| before as u32)
}

/// Joins this thread to a new session keyring without a name (`KEYCTL_JOIN_SESSION_KEYRING`).
pub fn join_new_session_keyring() -> Result<(), Errno> {
    const JOIN_SESSION_KEYRING: usize = 1;
    // SAFETY: a null pointer stands for a keyring without a name.
    unsafe { syscall(nr::KEYCTL, [JOIN_SESSION_KEYRING, 0, 0, 0, 0]) }.map(drop)
}

/// The number of this thread's session keyring.
pub fn session_keyring() -> Result<i32, Errno> {
    const GET_KEYRING_ID: usize = 0;
    const SESSION: usize = -3_isize as usize;
    // SAFETY: no pointer; the last argument that is used asks for none to be made.
    unsafe { syscall(nr::KEYCTL, [GET_KEYRING_ID, SESSION, 0, 0, 0]) }.map(|serial| serial as i32)
}

/// `struct sock_fprog`, uapi/linux/filter.h.
#[repr(C)]
struct Program {
    count: u16,
    instructions: usize,
}
const _: () = assert!(size_of::<Program>() == 16);

/// Filters the system calls of this thread by the program of `bytes`, `struct sock_filter` each 8 of them; by seccomp(2)
/// with these flags, `SECCOMP_FILTER_FLAG_*`. Without any, it is done by prctl(2) where a filter answers that to it as a
/// kernel before 3.17 would. Answers 0, the number of a thread that cannot be synchronised, or a listener.
pub fn filter(bytes: &[u8], flags: u32) -> Result<usize, Errno> {
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
    match unsafe { syscall(nr::SECCOMP, [SET_MODE_FILTER, flags as usize, at, 0, 0]) } {
        Err(Errno::NOSYS) if flags == 0 => {}
        done => return done,
    }
    // SAFETY: as above; the third argument of this operation is the same structure.
    unsafe { syscall(nr::PRCTL, [PR_SET_SECCOMP, MODE_FILTER, at, 0, 0]) }
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
            (nr::PERSONALITY, libc::SYS_personality),
            (nr::FSTATFS, libc::SYS_fstatfs),
            (nr::SCHED_SETAFFINITY, libc::SYS_sched_setaffinity),
            (nr::SCHED_GETAFFINITY, libc::SYS_sched_getaffinity),
            (nr::SET_MEMPOLICY, libc::SYS_set_mempolicy),
            (nr::GET_MEMPOLICY, libc::SYS_get_mempolicy),
            (nr::IOPRIO_SET, libc::SYS_ioprio_set),
            (nr::IOPRIO_GET, libc::SYS_ioprio_get),
            (nr::READLINKAT, libc::SYS_readlinkat),
            (nr::SCHED_SETATTR, libc::SYS_sched_setattr),
            (nr::SCHED_GETATTR, libc::SYS_sched_getattr),
            (nr::STATX, libc::SYS_statx),
            (nr::OPENAT2, libc::SYS_openat2),
            (nr::LANDLOCK_CREATE_RULESET, libc::SYS_landlock_create_ruleset),
            (nr::LANDLOCK_ADD_RULE, libc::SYS_landlock_add_rule),
            (nr::LANDLOCK_RESTRICT_SELF, libc::SYS_landlock_restrict_self),
        ];
        for (number, theirs) in calls {
            assert_eq!(i64::try_from(number).unwrap(), theirs);
        }
        let operations = [
            (pr::SET_PDEATHSIG, libc::PR_SET_PDEATHSIG),
            (pr::SET_DUMPABLE, libc::PR_SET_DUMPABLE),
            (pr::SET_MDWE, libc::PR_SET_MDWE),
            (pr::GET_MDWE, libc::PR_GET_MDWE),
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

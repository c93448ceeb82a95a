// SPDX-License-Identifier: MIT OR Apache-2.0
//! This thread: its five sets of capabilities, and what guards them.
//!
//! A set is the kernel's 64 bits. None of these functions knows a list of capabilities: what this crate has no name for
//! yet is dropped like everything else.
//!
//! Man: capabilities(7), capset(2), prctl(2). Kernel: security/commoncap.c.

use super::step::Failure;
use super::sys::{self, Errno, pr};

/// What the `part` of a [`Failure`] says where no single capability was at fault.
pub const WHOLE: u16 = u16::MAX;

/// The bit of a capability by its number.
const fn bit(number: u8) -> u64 {
    match 1_u64.checked_shl(number as u32) {
        Some(bit) => bit,
        None => 0,
    }
}

/// Drops every capability that is not in `keep` from the bounding set, up to the last that this kernel has.
///
/// The last one is found by asking until the kernel knows no more: `/proc/sys/kernel/cap_last_cap` may be out of reach.
/// What is not in the set is not dropped again, which saves calls, and the right where nothing is to be done.
///
/// # Errors
/// `EPERM` without `CAP_SETPCAP`; the part is the capability's number.
pub fn drop_bounding(keep: u64) -> Result<(), Failure> {
    for number in 0..64_u8 {
        if keep & bit(number) != 0 {
            continue;
        }
        let failed = |errno| Failure { errno, part: u16::from(number) };
        match sys::prctl(pr::CAPBSET_READ, usize::from(number), 0) {
            // Past the last capability of this kernel.
            Err(Errno::INVAL) if number > 0 => return Ok(()),
            Err(errno) => return Err(failed(errno)),
            Ok(0) => {}
            Ok(_) => sys::prctl(pr::CAPBSET_DROP, usize::from(number), 0).map(drop).map_err(failed)?,
        }
    }
    Ok(())
}

/// Has the permitted set outlive a change from root to another user; the effective set does not. Ends with the exec.
///
/// # Errors
/// `EPERM` if the securebits lock it.
pub fn keep_caps() -> Result<(), Failure> {
    sys::prctl(pr::SET_KEEPCAPS, 1, 0).map(drop).map_err(Failure::whole)
}

/// Sets the three sets of capset(2). The kernel takes out of the ambient set what is no longer permitted and inheritable.
///
/// # Errors
/// `EPERM` for a permitted capability that the thread lacks, an effective one that is not permitted, an inheritable one
/// that is outside of the bounding set.
pub fn set_caps(effective: u64, permitted: u64, inheritable: u64) -> Result<(), Failure> {
    sys::capset(effective, permitted, inheritable).map_err(Failure::whole)
}

/// Makes the ambient set exactly `set`: cleared first, since it may have come from whoever started us.
///
/// # Errors
/// `EPERM` for a capability that is not both permitted and inheritable, and where the securebits forbid it; `EINVAL` for
/// one that this kernel does not have. The part is its number.
pub fn ambient(set: u64) -> Result<(), Failure> {
    sys::prctl(pr::CAP_AMBIENT, pr::AMBIENT_CLEAR_ALL, 0).map_err(Failure::whole)?;
    for number in (0..64_u8).filter(|number| set & bit(*number) != 0) {
        let raised = sys::prctl(pr::CAP_AMBIENT, pr::AMBIENT_RAISE, usize::from(number));
        raised.map_err(|errno| Failure { errno, part: u16::from(number) })?;
    }
    Ok(())
}

/// Sets the securebits, all of them.
///
/// # Errors
/// `EPERM` without `CAP_SETPCAP`, for a bit that is locked, and for one that this kernel does not have.
pub fn securebits(bits: u32) -> Result<(), Failure> {
    sys::prctl(pr::SET_SECUREBITS, bits as usize, 0).map(drop).map_err(Failure::whole)
}

/// Forbids this thread, and all that it starts, to gain privileges by an exec; for good.
///
/// # Errors
/// None that the kernel documents.
pub fn no_new_privs() -> Result<(), Failure> {
    sys::prctl(pr::SET_NO_NEW_PRIVS, 1, 0).map(drop).map_err(Failure::whole)
}

/// Denies everybody below root to look into this process, until it executes a program.
///
/// # Errors
/// None that the kernel documents.
pub fn undumpable() -> Result<(), Failure> {
    sys::prctl(pr::SET_DUMPABLE, 0, 0).map(drop).map_err(Failure::whole)
}

/// Has this thread get a signal when the thread that started it ends; 0 is none. A change of ids or capabilities, and the
/// exec of a file that gives any, undoes it.
///
/// # Errors
/// `EINVAL` for what is no signal.
pub fn parent_death_signal(signal: u32) -> Result<(), Failure> {
    sys::prctl(pr::SET_PDEATHSIG, signal as usize, 0).map(drop).map_err(Failure::whole)
}

/// Denies this process memory that is written and executed; for good.
///
/// # Errors
/// `EINVAL` before Linux 6.3, and before 6.6 for what is not inherited; `EPERM` for less than there is.
pub fn deny_write_execute(bits: u32) -> Result<(), Failure> {
    sys::prctl(pr::SET_MDWE, bits as usize, 0).map(drop).map_err(Failure::whole)
}

/// Sets the personality, all of it.
///
/// # Errors
/// None that the kernel documents.
pub fn personality(bits: u32) -> Result<(), Failure> {
    // This number is a question.
    if bits == u32::MAX {
        return Err(Failure::whole(Errno::INVAL));
    }
    sys::personality(bits).map(drop).map_err(Failure::whole)
}

/// Leaves the session keyring that came from whoever started us, with the keys in it, for a new one that is empty.
///
/// # Errors
/// `EDQUOT` where the user has as many keyrings as the sysctl `kernel.keys.maxkeys` allows. A kernel without keys has
/// nothing to leave, and who is denied the call by a filter (`EPERM`) cannot reach a key by it later.
pub fn session_keyring() -> Result<(), Failure> {
    match sys::join_new_session_keyring() {
        Err(Errno::NOSYS | Errno::PERM) => Ok(()),
        done => done.map_err(Failure::whole),
    }
}

/// Filters the system calls of this thread, and of all that it starts, by this program; for good. The flags are
/// `SECCOMP_FILTER_FLAG_*`, without that for a listener.
///
/// # Errors
/// `EACCES` without `no_new_privs` and without `CAP_SYS_ADMIN`; `EINVAL` for what is no program, an empty one, more than
/// 4096 instructions, a flag that the kernel does not know, and a kernel without filters; `ENOMEM` for more than 32768
/// instructions together with the filters that there are; `EBUSY` for a thread that cannot be synchronised.
pub fn seccomp(program: &[u8], flags: u32) -> Result<(), Failure> {
    match sys::filter(program, flags) {
        Ok(0) => Ok(()),
        Ok(_thread) => Err(Failure::whole(Errno::BUSY)),
        Err(errno) => Err(Failure::whole(errno)),
    }
}

/// The same with a listener, closed on exec, which is answered: what the filter asks about waits for whoever has it.
///
/// # Errors
/// As [`seccomp`]; `EBUSY` where the thread is under a filter with a listener already; `EMFILE`; `ENOSYS` where seccomp(2)
/// is not to be had.
pub fn seccomp_with_listener(program: &[u8], flags: u32) -> Result<i32, Failure> {
    const NEW_LISTENER: u32 = 1 << 3;
    let answer = sys::filter(program, flags | NEW_LISTENER).map_err(Failure::whole)?;
    i32::try_from(answer).map_err(|_| Failure::whole(Errno::INVAL))
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! The door of seccomp: seccomp(2) with its flags, the ioctls of a listener, and what a launcher needs of prctl(2).
#![allow(unsafe_code, reason = "the door: nothing else of seccomp is unsafe")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Weak;

use nix::libc;

pub(super) mod ptrace;

pub(super) use libc::{EACCES, EBUSY, EINPROGRESS, EINTR, EINVAL, ENOENT, ENOSYS, EPERM};

/// `struct sock_fprog`, uapi/linux/filter.h.
#[repr(C)]
struct Program {
    count: u16,
    instructions: *const u8,
}
const _: () = assert!(size_of::<Program>() == 16);

const SET_MODE_FILTER: libc::c_long = 1;
const GET_ACTION_AVAIL: libc::c_long = 2;
const GET_NOTIF_SIZES: libc::c_long = 3;

/// Loads a filter for the calling thread; answers 0, a thread's number, or a descriptor, as the flags have it. Allocates
/// nothing.
pub(super) fn load(bytes: &[u8], flags: u32) -> io::Result<i64> {
    let count = u16::try_from(bytes.len() / 8).map_err(|_| io::Error::from_raw_os_error(EINVAL))?;
    let program = Program { count, instructions: bytes.as_ptr() };
    // SAFETY: the kernel reads a struct sock_fprog, a live local of its size (asserted above), and `count` instructions of
    // 8 bytes behind it, which the slice has.
    answer(unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, libc::c_long::from(flags), &raw const program) })
}

/// The same with `SECCOMP_FILTER_FLAG_NEW_LISTENER` among the flags.
pub(super) fn load_with_listener(bytes: &[u8], flags: u32) -> io::Result<OwnedFd> {
    let number = load(bytes, flags)?;
    let number = i32::try_from(number).map_err(|_| io::Error::from_raw_os_error(EINVAL))?;
    // SAFETY: with this flag the answer is a descriptor that the kernel has just made, and that nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Whether the kernel knows a flag: it looks for the program, at no address, only if it does.
pub(super) fn knows_flags(flags: u32) -> bool {
    let none = std::ptr::null::<Program>();
    // SAFETY: a null pointer is no program; the kernel answers an error, and loads nothing.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, SET_MODE_FILTER, libc::c_long::from(flags), none) };
    done == -1 && io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT)
}

/// Whether the kernel knows an answer of filters, `SECCOMP_RET_*`.
pub(super) fn knows_answer(answer: u32) -> bool {
    // SAFETY: the kernel reads one u32, a live local.
    unsafe { libc::syscall(libc::SYS_seccomp, GET_ACTION_AVAIL, 0_i64, &raw const answer) == 0 }
}

/// The sizes of what goes over a listener: of a notification, an answer, a call; `None` for a kernel without.
pub(super) fn notify_sizes() -> Option<[u16; 3]> {
    let mut sizes = [0_u16; 3];
    // SAFETY: the kernel writes a struct seccomp_notif_sizes, three u16, which the array has.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, GET_NOTIF_SIZES, 0_i64, &raw mut sizes) };
    (done == 0).then_some(sizes)
}

/// `struct seccomp_notif`, uapi/linux/seccomp.h, with `struct seccomp_data` in it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Received {
    pub(super) id: u64,
    pub(super) pid: u32,
    flags: u32,
    pub(super) number: i32,
    pub(super) arch: u32,
    instruction_pointer: u64,
    pub(super) args: [u64; 6],
}
const _: () = assert!(size_of::<Received>() == 80);

/// `struct seccomp_notif_resp`, uapi/linux/seccomp.h.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Response {
    pub(super) id: u64,
    pub(super) value: i64,
    /// Negative.
    pub(super) error: i32,
    pub(super) flags: u32,
}
const _: () = assert!(size_of::<Response>() == 24);

/// `struct seccomp_notif_addfd`, uapi/linux/seccomp.h.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AddFd {
    pub(super) id: u64,
    pub(super) flags: u32,
    pub(super) source: u32,
    pub(super) target: u32,
    pub(super) target_flags: u32,
}
const _: () = assert!(size_of::<AddFd>() == 24);

/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`
pub(super) const CONTINUE: u32 = 1;
/// `SECCOMP_ADDFD_FLAG_SETFD`
pub(super) const AT_NUMBER: u32 = 1;
/// `SECCOMP_ADDFD_FLAG_SEND`
pub(super) const AND_ANSWER: u32 = 2;
/// `O_CLOEXEC`
pub(super) const CLOEXEC: u32 = libc::O_CLOEXEC.cast_unsigned();

// The requests of a listener: direction, size, '!', number.
const RECEIVE: libc::Ioctl = request(0xc050_2100);
const SEND: libc::Ioctl = request(0xc018_2101);
const IS_VALID: libc::Ioctl = request(0x4008_2102);
const IS_VALID_OF_OLD: libc::Ioctl = request(0x8008_2102);
const ADD_FD: libc::Ioctl = request(0x4018_2103);

/// A request in the C library's type: 64 bits with glibc, an `int` with musl, of which the kernel takes the lower 32.
#[allow(clippy::cast_possible_wrap, clippy::cast_lossless, reason = "one or the other, by the C library")]
const fn request(number: u32) -> libc::Ioctl {
    number as libc::Ioctl
}

/// `SECCOMP_IOCTL_NOTIF_RECV`
pub(super) fn receive(fd: BorrowedFd<'_>) -> io::Result<Received> {
    let mut received = Received::default();
    // SAFETY: the kernel writes a struct seccomp_notif, whose size (asserted above) is in the request, and which it wants
    // to be zeroed.
    answer(unsafe { libc::ioctl(fd.as_raw_fd(), RECEIVE, &raw mut received) }.into())?;
    Ok(received)
}

/// `SECCOMP_IOCTL_NOTIF_SEND`
pub(super) fn send(fd: BorrowedFd<'_>, response: &Response) -> io::Result<()> {
    // SAFETY: the kernel reads a struct seccomp_notif_resp, whose size (asserted above) is in the request.
    answer(unsafe { libc::ioctl(fd.as_raw_fd(), SEND, &raw const *response) }.into()).map(drop)
}

/// `SECCOMP_IOCTL_NOTIF_ID_VALID`; before Linux 5.9 it had another number.
pub(super) fn check(fd: BorrowedFd<'_>, id: u64) -> io::Result<()> {
    // SAFETY: the kernel reads a u64, a live local.
    match answer(unsafe { libc::ioctl(fd.as_raw_fd(), IS_VALID, &raw const id) }.into()) {
        Err(error) if error.raw_os_error() == Some(EINVAL) => {
            // SAFETY: as above.
            answer(unsafe { libc::ioctl(fd.as_raw_fd(), IS_VALID_OF_OLD, &raw const id) }.into()).map(drop)
        }
        done => done.map(drop),
    }
}

/// `SECCOMP_IOCTL_NOTIF_ADDFD`: answers the number that the descriptor has there.
pub(super) fn add_fd(fd: BorrowedFd<'_>, what: &AddFd) -> io::Result<u32> {
    // SAFETY: the kernel reads a struct seccomp_notif_addfd, whose size (asserted above) is in the request.
    let number = answer(unsafe { libc::ioctl(fd.as_raw_fd(), ADD_FD, &raw const *what) }.into())?;
    u32::try_from(number).map_err(|_| io::Error::from_raw_os_error(EINVAL))
}

pub(super) const SIGKILL: i32 = libc::SIGKILL;

/// `PR_SET_PDEATHSIG`
pub(super) const SET_DEATH_SIGNAL: u64 = 1;
/// What the launcher gives prctl(2) as its third argument, which the kernel does not look at: by it a filter can tell the
/// launcher's call from a program's.
pub(super) const ASK_NO_MORE: u64 = 0x736b_6570_6c61_756e;

/// Has the calling process get this signal when the thread ends that has started it; 0 for none.
pub(super) fn set_death_signal(signal: i32) -> io::Result<()> {
    // SAFETY: no pointer.
    answer(unsafe { libc::syscall(libc::SYS_prctl, SET_DEATH_SIGNAL, i64::from(signal), ASK_NO_MORE, 0_i64, 0_i64) })
        .map(drop)
}

/// The signal that the calling process gets then.
pub(super) fn death_signal() -> io::Result<i32> {
    let mut signal: libc::c_int = 0;
    // SAFETY: the kernel writes an int, a live local.
    answer(unsafe { libc::prctl(libc::PR_GET_PDEATHSIG, &raw mut signal) }.into())?;
    Ok(signal)
}

/// Makes `place` a copy of `fd`, close-on-exec: of what it was, this process keeps nothing.
pub(super) fn put_over(fd: BorrowedFd<'_>, place: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: no pointer; the number stays that of an open descriptor, for whoever owns it.
    answer(unsafe { libc::dup3(fd.as_raw_fd(), place.as_raw_fd(), libc::O_CLOEXEC) }.into()).map(drop)
}

/// Closes by the one call that it takes; std makes another before, where it is built to look for mistakes.
pub(super) fn close(fd: OwnedFd) {
    // SAFETY: it is open, and nobody else's any more.
    let _done = unsafe { libc::close(fd.into_raw_fd()) };
}

/// Has the command do this, after the promise that it takes, right before it becomes its program: as long as what it is
/// done with is there. Afterwards the command starts its program as before.
pub(super) fn before_exec<T: Send + Sync + 'static>(
    command: &mut Command,
    with: Weak<T>,
    perform: fn(&T) -> io::Result<()>,
) {
    let perform = move || match with.upgrade() {
        Some(with) => {
            crate::floor::thread::no_new_privs()
                .map_err(|failure| io::Error::from_raw_os_error(failure.errno.0.into()))?;
            perform(&with)
        }
        None => Ok(()),
    };
    // SAFETY: between fork and exec the closure makes system calls, allocates and frees nothing (the parent's count keeps
    // what the child's copy has), and takes no lock.
    unsafe { command.pre_exec(perform) };
}

fn answer(value: libc::c_long) -> io::Result<i64> {
    if value == -1 { Err(io::Error::last_os_error()) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_the_kernel_s() {
        assert_eq!(RECEIVE, libc::SECCOMP_IOCTL_NOTIF_RECV);
        assert_eq!(SEND, libc::SECCOMP_IOCTL_NOTIF_SEND);
        assert_eq!(IS_VALID, libc::SECCOMP_IOCTL_NOTIF_ID_VALID);
        assert_eq!(ADD_FD, libc::SECCOMP_IOCTL_NOTIF_ADDFD);
        assert_eq!(u64::from(CONTINUE), u64::from(u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap()));
    }
}

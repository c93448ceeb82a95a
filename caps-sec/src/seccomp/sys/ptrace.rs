// SPDX-License-Identifier: MIT OR Apache-2.0
//! ptrace(2), as far as it takes to see which calls a program makes.

use std::io;

use nix::libc;

use super::answer;

const TRACEME: i64 = 0;
const SYSCALL: i64 = 24;
const SETOPTIONS: i64 = 0x4200;
const GETSIGINFO: i64 = 0x4202;
const GET_SYSCALL_INFO: i64 = 0x420e;

/// Stops at calls are told from the signal SIGTRAP (`TRACESYSGOOD`); what it starts is traced too (`TRACEFORK`, `TRACEVFORK`,
/// `TRACECLONE`); an exec is told (`TRACEEXEC`); whoever is traced dies with the tracer (`EXITKILL`).
const OPTIONS: usize = 1 | 2 | 4 | 8 | 16 | 0x10_0000;

/// `struct ptrace_syscall_info`, uapi/linux/ptrace.h, with the largest of its union, that of a call that a filter has told.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct Info {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    number: u64,
    args: [u64; 6],
    data: [u32; 2],
}
const _: () = assert!(size_of::<Info>() == 88);

/// `PTRACE_SYSCALL_INFO_ENTRY`
const ENTRY: u8 = 1;

/// A system call: `AUDIT_ARCH_*`, and its number.
pub(in crate::seccomp) type Made = (u32, u32);

/// Has the thread that has started the calling process trace it, from its exec on.
pub(in crate::seccomp) fn trace_me() -> io::Result<()> {
    // SAFETY: no pointer.
    answer(unsafe { libc::syscall(libc::SYS_ptrace, TRACEME, 0_i64, 0_i64, 0_i64) }).map(drop)
}

/// Says how a traced thread is traced, and all that it starts.
pub(in crate::seccomp) fn set_options(thread: i32) -> io::Result<()> {
    // SAFETY: no pointer.
    answer(unsafe { libc::syscall(libc::SYS_ptrace, SETOPTIONS, i64::from(thread), 0_i64, OPTIONS) }).map(drop)
}

/// Has a stopped thread go on to the next call that it makes or ends, with this signal; 0 for none.
pub(in crate::seccomp) fn go_on(thread: i32, signal: i32) -> io::Result<()> {
    // SAFETY: no pointer.
    answer(unsafe { libc::syscall(libc::SYS_ptrace, SYSCALL, i64::from(thread), 0_i64, i64::from(signal)) }).map(drop)
}

/// The call that a stopped thread is about to make; `None` if it has just ended one. Linux 5.3.
pub(in crate::seccomp) fn about_to_make(thread: i32) -> io::Result<Option<Made>> {
    let mut info = Info::default();
    // SAFETY: the kernel writes at most the size that it is told, that of a live local of plain numbers.
    answer(unsafe {
        libc::syscall(libc::SYS_ptrace, GET_SYSCALL_INFO, i64::from(thread), size_of::<Info>(), &raw mut info)
    })?;
    // The upper half of a number is not looked at by the kernel either.
    Ok((info.op == ENTRY).then_some((info.arch, (info.number & 0xffff_ffff) as u32)))
}

/// Whether a thread is stopped because it gets a signal, and not since its process is stopped by one (`EINVAL`).
pub(in crate::seccomp) fn gets_signal(thread: i32) -> bool {
    let mut info = std::mem::MaybeUninit::<libc::siginfo_t>::uninit();
    // SAFETY: the kernel writes a siginfo_t, which there is room for, and which is not read.
    unsafe { libc::syscall(libc::SYS_ptrace, GETSIGINFO, i64::from(thread), 0_i64, info.as_mut_ptr()) == 0 }
}

/// Waits for whatever the calling thread has started or traces, and no other: its number, and what became of it, as
/// waitpid(2) says it; `None` if there is nobody left.
pub(in crate::seccomp) fn wait() -> io::Result<Option<(i32, i32)>> {
    loop {
        let mut status = 0;
        // SAFETY: the kernel writes an int, a live local.
        let thread = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
        if thread >= 0 {
            return Ok(Some((thread, status)));
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::ECHILD) => return Ok(None),
            _ => return Err(error),
        }
    }
}

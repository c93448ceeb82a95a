// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's half of the init: fork, signals, reaping, and giving back what the launcher held.

use ns_floor::Errno;
use ns_floor::sys::{nr, syscall};

use crate::step::Flat;

/// The mask of signals that this process had.
#[derive(Debug)]
pub struct Mask(u64);

impl Mask {
    /// Blocks all signals that can be blocked.
    pub fn block_all() -> Self {
        Self(set_mask(u64::MAX))
    }

    /// Puts the mask back.
    pub fn restore(self) {
        set_mask(self.0);
    }
}

fn set_mask(new: u64) -> u64 {
    const SIG_SETMASK: usize = 2;
    let mut old = 0_u64;
    let args = [SIG_SETMASK, (&raw const new).expose_provenance(), (&raw mut old).expose_provenance(), 8, 0, 0];
    // SAFETY: the kernel reads and writes 8 bytes each at live locals; with these arguments it cannot fail.
    let _ = unsafe { syscall(nr::RT_SIGPROCMASK, args) };
    old
}

/// Copies this process, which has a few pages and one thread. Answers 0 in the copy, else its number.
pub fn fork() -> Result<i32, Errno> {
    const SIGCHLD: usize = 17;
    // SAFETY: without flags both processes have memory of their own; a null stack goes on with a copy of the present one.
    unsafe { syscall(nr::CLONE, [SIGCHLD, 0, 0, 0, 0, 0]) }.map(|pid| pid as i32)
}

/// A signal that came.
#[derive(Debug, Clone, Copy)]
pub struct Signal {
    /// Its number.
    pub number: i32,
    /// Whether the kernel sent it by itself, as for a key of the terminal.
    pub from_kernel: bool,
}

/// Waits for any signal; all of them are blocked.
pub fn wait_for_signal() -> Signal {
    const SI_KERNEL: i32 = 0x80;
    let all = u64::MAX;
    /// `siginfo_t` has 128 bytes; number, error number and code come first.
    const INFO_WORDS: usize = 32;
    loop {
        let mut info = [0_i32; INFO_WORDS];
        let args = [(&raw const all).expose_provenance(), info.as_mut_ptr().expose_provenance(), 0, 8, 0, 0];
        // SAFETY: the kernel reads 8 bytes at a live local and writes one siginfo_t into another of its size.
        if let Ok(number) = unsafe { syscall(nr::RT_SIGTIMEDWAIT, args) } {
            let [_, _, code, ..] = info;
            return Signal { number: number as i32, from_kernel: code == SI_KERNEL };
        }
    }
}

/// Sends a signal to a child. One that has ended meanwhile gets none.
pub fn signal(pid: i32, number: i32) {
    // SAFETY: no pointer. The number is that of a child that has not been reaped: it is nobody else's.
    let _ = unsafe { syscall(nr::KILL, [pid as usize, number as usize, 0, 0, 0, 0]) };
}

/// Sends a signal to the process group that a child leads. One whose processes have all ended gets none.
pub fn signal_group(leader: i32, number: i32) {
    // SAFETY: no pointer. The number is that of a child that has not been reaped: no other group can have it.
    let _ = unsafe { syscall(nr::KILL, [leader.wrapping_neg() as usize, number as usize, 0, 0, 0, 0]) };
}

/// Leads a process group of its own.
pub fn lead_group() -> Result<(), Errno> {
    // SAFETY: no pointer.
    unsafe { syscall(nr::SETPGID, [0; 6]) }.map(drop)
}

/// How a process ended or was stopped, as wait(2) tells it.
#[derive(Debug, Clone, Copy)]
pub struct Status(i32);

impl Status {
    /// Whether it was stopped, and may go on.
    pub const fn is_stop(self) -> bool {
        self.0 & 0xff == 0x7f
    }

    /// The exit code, or 128 and the signal's number.
    pub const fn shell_code(self) -> i32 {
        match self.0 & 0x7f {
            0 => (self.0 >> 8) & 0xff,
            signal => 128 | signal,
        }
    }
}

/// A child that has ended, or was stopped.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Its number, which is free from now on if it has ended.
    pub pid: i32,
    /// How.
    pub status: Status,
}

/// What has become of a child, if there is news of one; who has ended is reaped. Does not wait.
pub fn changed() -> Option<Change> {
    const WNOHANG_WUNTRACED_WALL: usize = 1 | 2 | 0x4000_0000;
    let mut status = 0_i32;
    let any = -1_isize as usize;
    // SAFETY: the kernel writes one number into a live local.
    match unsafe { syscall(nr::WAIT4, [any, (&raw mut status).expose_provenance(), WNOHANG_WUNTRACED_WALL, 0, 0, 0]) } {
        Ok(0) | Err(_) => None,
        Ok(pid) => Some(Change { pid: pid as i32, status: Status(status) }),
    }
}

/// A number that the caller reads, who has the same descriptor (eventfd(2)); closed on exec.
#[derive(Debug)]
pub struct Counter(i32);

impl Counter {
    /// One at 0, on which nobody waits.
    pub fn new() -> Result<Self, Errno> {
        const CLOEXEC_NONBLOCK: usize = 0o2_004_000;
        // SAFETY: no pointer.
        unsafe { syscall(nr::EVENTFD2, [0, CLOEXEC_NONBLOCK, 0, 0, 0, 0]) }.map(|fd| Self(fd as i32))
    }

    /// Its descriptor.
    pub const fn number(&self) -> i32 {
        self.0
    }

    /// Adds one. A caller who never reads loses count at 2 to the 64.
    pub fn add_one(&self) {
        let one = 1_u64;
        // SAFETY: the kernel reads 8 bytes of a live local.
        let _ = unsafe { syscall(nr::WRITE, [self.0 as usize, (&raw const one).expose_provenance(), 8, 0, 0, 0]) };
    }
}

/// Closes every descriptor but these, which may be one.
pub fn close_all_but([one, other]: [i32; 2]) {
    let (first, last) = (one.min(other) as u32, one.max(other) as u32);
    if let Some(before) = first.checked_sub(1) {
        close_range(0, before);
    }
    close_range(first.saturating_add(1), last.saturating_sub(1));
    close_range(last.saturating_add(1), u32::MAX);
}

fn close_range(first: u32, last: u32) {
    if first > last {
        return;
    }
    // SAFETY: no pointer; the launcher keeps nothing behind these descriptors from here on.
    if unsafe { syscall(nr::CLOSE_RANGE, [first as usize, last as usize, 0, 0, 0, 0]) }.is_err() {
        // Before Linux 5.9, or refused by a filter. Those that the program was given may have any number below the usual
        // limit, and what steps hand on has low ones.
        for fd in first..=last.min(0x1_0000) {
            ns_floor::sys::close(fd as i32);
        }
    }
}

/// Gives back the pages of the plan, with the program's arguments and environment in them.
pub fn unmap(plan: &Flat<'static>) {
    let size = plan.header().size as usize;
    // SAFETY: the mapping of `map`, which nothing reads any more: the caller serves signals from here on, and never returns.
    let _ = unsafe { syscall(nr::MUNMAP, [plan.address(), size, 0, 0, 0, 0]) };
}

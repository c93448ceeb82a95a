// SPDX-License-Identifier: MIT OR Apache-2.0
//! A copy of this process with one thread, for what no thread of a program with others may do: join a user namespace, or
//! make one. It shares the descriptors, so that what it opens is open here.
//!
//! Man: clone(2), user_namespaces(7).

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::pipe::{PipeFlags, pipe_with};

use super::nr;
use crate::floor::Errno;
use crate::floor::sys::syscall;

/// What a copy answers.
pub(crate) type Words = [u64; 4];

const CLONE_FILES: usize = 0x400;
const WALL: usize = 0x4000_0000;
const SIG_SETMASK: usize = 2;

/// Has a copy of this process do `work`, and answers what that answers; `EPROTO` if the copy was ended by somebody.
///
/// `work` runs in a copy of a threaded program: it must not allocate, panic, or take a lock. What it opens and does not
/// close stays open here.
pub(crate) fn in_a_copy(work: &mut dyn FnMut() -> Words) -> Result<Words, Errno> {
    let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
    let number = |errno: rustix::io::Errno| Errno(u16::try_from(errno.raw_os_error()).unwrap_or_default());
    let (answer, told) = pipe_with(flags).map_err(number)?;
    // None of the program's handlers shall run in the copy.
    let mask = set_mask(u64::MAX);
    // Nobody is told of its end but who waits for it: other waits of the program do not see it.
    // SAFETY: without a stack of its own the copy goes on here, on a copy of this one.
    let pid = unsafe { syscall(nr::CLONE, [CLONE_FILES, 0, 0, 0, 0, 0]) };
    if pid == Ok(0) {
        tell(&told, work());
        exit();
    }
    set_mask(mask);
    let pid = pid?;
    // SAFETY: null pointers are allowed, and nothing is written then.
    while unsafe { syscall(nr::WAIT4, [pid, 0, WALL, 0, 0, 0]) } == Err(Errno(4)) {}
    let mut bytes = [0; size_of::<Words>()];
    match rustix::io::read(&answer, &mut bytes) {
        Ok(len) if len == bytes.len() => {
            let mut words = Words::default();
            for (word, eight) in words.iter_mut().zip(bytes.chunks_exact(8)) {
                *word = eight.try_into().map_or(0, u64::from_ne_bytes);
            }
            Ok(words)
        }
        _ => Err(Errno::PROTO),
    }
}

fn set_mask(mask: u64) -> u64 {
    let mut old = 0_u64;
    let (new, to) = ((&raw const mask).expose_provenance(), (&raw mut old).expose_provenance());
    // SAFETY: the kernel reads eight bytes and writes eight, of live locals of that size.
    let _ = unsafe { syscall(nr::RT_SIGPROCMASK, [SIG_SETMASK, new, to, 8, 0, 0]) };
    old
}

fn tell(told: &OwnedFd, words: Words) {
    let fd = usize::try_from(told.as_raw_fd()).unwrap_or_default();
    let at = words.as_ptr().expose_provenance();
    // SAFETY: the kernel reads as many bytes as the live array has.
    let _ = unsafe { syscall(nr::WRITE, [fd, at, size_of::<Words>(), 0, 0, 0]) };
}

fn exit() -> ! {
    loop {
        // SAFETY: no pointer; it ends the copy, which shares no memory with anybody.
        let _ = unsafe { syscall(nr::EXIT_GROUP, [0; 6]) };
    }
}

/// Keeps the copy's memory from those who are where it goes (`PR_SET_DUMPABLE` 0); not the program's, which is another.
pub(crate) fn hide() -> Result<(), Errno> {
    const PR_SET_DUMPABLE: usize = 4;
    // SAFETY: no pointer.
    unsafe { syscall(nr::PRCTL, [PR_SET_DUMPABLE, 0, 0, 0, 0, 0]) }.map(drop)
}

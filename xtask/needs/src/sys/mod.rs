// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is unsafe: the one call that rustix and nix lack, loading a seccomp filter; a heap.
#![allow(unsafe_code, reason = "the only door to the kernel in this crate")]

pub(crate) mod heap;

use std::io;

/// Loads a filter for this thread.
pub(crate) fn load_filter(program: &[libc::sock_filter]) -> io::Result<()> {
    let len = u16::try_from(program.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
    let header = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // SAFETY: prctl reads `len` instructions at `filter`, which is the live slice `program`, and keeps a copy; the kernel
    // does not write to it, so the cast from a shared borrow is sound.
    let answer = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const header) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

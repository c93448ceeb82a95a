// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the benches need of the kernel and of C: touched memory, the raw starts, and a library of others.
#![allow(unsafe_code, reason = "memory of a given size, and functions in C")]

use std::ffi::{CStr, c_char, c_int};
use std::io;

use rustix::mm::{Advice, MapFlags, ProtFlags};

pub mod libseccomp;

unsafe extern "C" {
    fn raw_vfork(path: *const c_char) -> c_int;
    fn raw_clone3_copy(path: *const c_char, namespaces: u64) -> c_int;
    fn raw_clone3_vfork(path: *const c_char, namespaces: u64) -> c_int;
}

/// vfork and execve, in C.
///
/// # Errors
/// What the kernel answers.
pub fn vfork(path: &CStr) -> io::Result<()> {
    // SAFETY: the string is live and ends in NUL.
    answer(unsafe { raw_vfork(path.as_ptr()) })
}

/// clone3 in the copying form and execve, in C.
///
/// # Errors
/// What the kernel answers.
pub fn clone3_copy(path: &CStr, namespaces: u64) -> io::Result<()> {
    // SAFETY: the string is live and ends in NUL; the copy executes at once.
    answer(unsafe { raw_clone3_copy(path.as_ptr(), namespaces) })
}

/// clone3 in the memory-sharing form and execve, in C.
///
/// # Errors
/// What the kernel answers.
pub fn clone3_vfork(path: &CStr, namespaces: u64) -> io::Result<()> {
    // SAFETY: the string is live and ends in NUL; the child executes at once, and uses no stack.
    answer(unsafe { raw_clone3_vfork(path.as_ptr(), namespaces) })
}

fn answer(ret: c_int) -> io::Result<()> {
    if ret < 0 { Err(io::Error::from_raw_os_error(-ret)) } else { Ok(()) }
}

/// Touches `size` bytes more of memory, in small pages as a heap that grew has them, for the life of the process.
///
/// # Errors
/// What the kernel answers.
pub fn touch(size: usize) -> io::Result<()> {
    if size == 0 {
        return Ok(());
    }
    // SAFETY: a new anonymous mapping touches nothing that exists.
    let at = unsafe {
        rustix::mm::mmap_anonymous(std::ptr::null_mut(), size, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
    }?;
    // SAFETY: the mapping was just made, is of this size, and nobody else knows it.
    unsafe { rustix::mm::madvise(at, size, Advice::LinuxNoHugepage) }?;
    // SAFETY: as above; written bytes are all that is wanted.
    unsafe { std::ptr::write_bytes(at.cast::<u8>(), 1, size) };
    Ok(())
}

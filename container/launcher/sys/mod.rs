// SPDX-License-Identifier: MIT OR Apache-2.0
//! The launcher's door to the kernel: its entry point, the wire, the clone, the exec, and what the compiler calls.
#![allow(unsafe_code, reason = "the door: nothing else in the launcher is unsafe")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::missing_errors_doc,
    reason = "arguments and answers are registers; every function answers the kernel's error number and nothing else"
)]

mod memory;
pub mod process;
pub mod terminal;
mod wire;

use core::arch::naked_asm;
use core::ffi::{CStr, c_char};

use ns_floor::Errno;
use ns_floor::sys::{exit_group, nr, syscall};

use crate::step::Flat;

pub use wire::Wire;

/// Where the kernel begins: the stack holds argc, argv and envp.
///
/// # Safety
/// Only the kernel may call it.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {entry}", "ud2", entry = sym entry)
}

/// Where the kernel begins: the stack holds argc, argv and envp.
///
/// # Safety
/// Only the kernel may call it.
#[cfg(target_arch = "aarch64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    naked_asm!("mov x29, #0", "mov x30, #0", "mov x0, sp", "bl {entry}", "brk #1", entry = sym entry)
}

extern "C" fn entry(stack: *const usize) -> ! {
    crate::main(&Variables(stack))
}

/// The environment of this program, as the kernel has laid it out: pointers to strings, up to a null pointer, after the
/// number of arguments and the pointers to those. The one argument is what `ps` shows.
#[derive(Debug)]
pub struct Variables(*const usize);

impl Variables {
    /// What follows this in the first variable that begins with it.
    pub fn after(&self, prefix: &[u8]) -> Option<&'static [u8]> {
        // SAFETY: the kernel puts argc at the initial stack pointer, which this is.
        let arguments = unsafe { self.0.read() };
        // argc itself, and the null pointer after argv.
        let mut at = self.0.wrapping_add(arguments.wrapping_add(2));
        loop {
            // SAFETY: envp follows argv, and this is at most the null pointer that ends it.
            let pointer = unsafe { at.read() };
            if pointer == 0 {
                return None;
            }
            let pointer = core::ptr::with_exposed_provenance::<c_char>(pointer);
            // SAFETY: the kernel ends every variable with NUL, and the stack lives as long as the program.
            let variable = unsafe { CStr::from_ptr(pointer) };
            if let Some(value) = variable.to_bytes().strip_prefix(prefix) {
                return Some(value);
            }
            at = at.wrapping_add(1);
        }
    }
}

/// `struct clone_args`, uapi/linux/sched.h, `CLONE_ARGS_SIZE_VER2`.
#[repr(C)]
#[derive(Debug)]
pub struct CloneArgs {
    flags: u64,
    pidfd: u64,
    rest: [u64; 9],
}
const _: () = assert!(size_of::<CloneArgs>() == 88);

impl CloneArgs {
    /// A clone with these flags, without an exit signal, on a copy of the stack.
    pub const fn new(flags: u64) -> Self {
        Self { flags, pidfd: 0, rest: [0; 9] }
    }

    /// The same into the cgroup of this directory, the last word of the structure.
    pub const fn into_cgroup(flags: u64, directory: i32) -> Self {
        Self { flags, pidfd: 0, rest: [0, 0, 0, 0, 0, 0, 0, 0, directory as u64] }
    }
}

/// clone3 in the copying form: this process has a few pages and one thread. Answers 0 in the child.
pub fn clone3(mut args: CloneArgs, pidfd: &mut i32) -> Result<u32, Errno> {
    args.pidfd = core::ptr::from_mut(pidfd).expose_provenance() as u64;
    let at = (&raw const args).expose_provenance();
    // SAFETY: the kernel reads 88 bytes at a live local of that size and writes one descriptor number to a live one. The
    // child goes on with a copy of all memory, in which no other thread can have held anything.
    unsafe { syscall(nr::CLONE3, [at, size_of::<CloneArgs>(), 0, 0, 0, 0]) }.map(|pid| pid as u32)
}

/// clone(2), for filters that refuse clone3. The low byte of `flags`, the exit signal, must be 0.
pub fn clone(flags: u64, pidfd: &mut i32) -> Result<u32, Errno> {
    let at = core::ptr::from_mut(pidfd).expose_provenance();
    // SAFETY: a null stack goes on with a copy of the present one; the kernel writes one descriptor number to a live
    // local. As for clone3 there is no other thread.
    unsafe { syscall(nr::CLONE, [flags as usize, 0, at, 0, 0, 0]) }.map(|pid| pid as u32)
}

/// Two connected sockets that keep frames whole, to be closed on exec.
pub fn socket_pair() -> Result<(i32, i32), Errno> {
    const AF_UNIX: usize = 1;
    const SOCK_SEQPACKET_CLOEXEC: usize = 5 | 0o2_000_000;
    let mut pair = [-1_i32; 2];
    let at = pair.as_mut_ptr().expose_provenance();
    // SAFETY: the kernel writes two numbers into a live local.
    unsafe { syscall(nr::SOCKETPAIR, [AF_UNIX, SOCK_SEQPACKET_CLOEXEC, 0, at, 0, 0]) }?;
    let [one, other] = pair;
    Ok((one, other))
}

/// Maps the plan: private and writable, so that the tables of pointers can be written in place.
pub fn map(fd: i32) -> Result<&'static mut [u8], Errno> {
    const PROT_READ_WRITE: usize = 3;
    const MAP_PRIVATE: usize = 2;
    let size = file_size(fd)?;
    // SAFETY: a new mapping at a place of the kernel's choice touches nothing that exists.
    let at = unsafe { syscall(nr::MMAP, [0, size, PROT_READ_WRITE, MAP_PRIVATE, fd as usize, 0]) }?;
    let at = core::ptr::with_exposed_provenance_mut(at);
    // SAFETY: the mapping is as long as the file, which is sealed against shrinking or has no other holder; it is private
    // to this process, is never unmapped, and nothing else points to it.
    Ok(unsafe { core::slice::from_raw_parts_mut(at, size) })
}

fn file_size(fd: i32) -> Result<usize, Errno> {
    /// `st_size` is the seventh word of `struct stat` on x86_64 and aarch64, which have 144 and 128 bytes.
    const ST_SIZE: usize = 6;
    let mut stat = [0_u64; 18];
    // SAFETY: the kernel writes one struct stat, at most 144 bytes, into a live local of that size.
    unsafe { syscall(nr::FSTAT, [fd as usize, stat.as_mut_ptr().expose_provenance(), 0, 0, 0, 0]) }?;
    match stat.get(ST_SIZE) {
        Some(size) if *size > 0 => Ok(*size as usize),
        _ => Err(Errno::PROTO),
    }
}

/// Executes the program at `path` with the plan's arguments and environment. Returns only on failure.
pub fn execve(path: &CStr, plan: &Flat<'static>) -> Errno {
    let header = plan.header();
    let base = plan.address();
    let (argv, envp) = (base.wrapping_add(header.argv.offset as usize), base.wrapping_add(header.envp.offset as usize));
    // SAFETY: both tables were checked by `relocate` to lie within the plan, to hold pointers into it, and to end in null;
    // the plan ends in zeros, and with it the last string at the latest.
    match unsafe { syscall(nr::EXECVE, [path.as_ptr().expose_provenance(), argv, envp, 0, 0, 0]) } {
        Err(errno) => errno,
        Ok(_) => Errno::PROTO,
    }
}

/// There is no way to get here: `cargo xtask floor` demands that the linker found no use of it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit_group(70)
}

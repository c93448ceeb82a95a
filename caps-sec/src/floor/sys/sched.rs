// SPDX-License-Identifier: MIT OR Apache-2.0
//! When and where a thread runs: scheduler, processors, memory nodes, priority of input and output. Thread 0 is the calling
//! one.
//!
//! Man: sched_setattr(2), sched_setaffinity(2), set_mempolicy(2), ioprio_set(2).

use super::{Errno, nr, syscall};

/// `struct sched_attr`, uapi/linux/sched/types.h, as Linux 5.3 has it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// The size of this structure.
    pub size: u32,
    /// `SCHED_*`.
    pub policy: u32,
    /// `SCHED_FLAG_*`.
    pub flags: u64,
    /// For ordinary policies.
    pub nice: i32,
    /// For real-time policies.
    pub priority: u32,
    /// For deadlines, in nanoseconds.
    pub runtime: u64,
    /// See `runtime`.
    pub deadline: u64,
    /// See `runtime`.
    pub period: u64,
    /// The least processor speed that it asks for, of 1024.
    pub least: u32,
    /// The most.
    pub most: u32,
}
const _: () = assert!(size_of::<Attributes>() == 56);

/// Sets how a thread is scheduled by `attributes`, a `struct sched_attr` of any size in the machine's order of bytes.
pub fn set_scheduler(thread: u32, attributes: &[u8]) -> Result<(), Errno> {
    // The kernel reads as many bytes as the first word says; and writes into that word if it does not know so many, which
    // every kernel since Linux 5.3 does of these.
    let said = attributes.first_chunk().map(|size| u32::from_ne_bytes(*size) as usize);
    if !matches!(attributes.len(), 48 | 56) || said != Some(attributes.len()) {
        return Err(Errno::INVAL);
    }
    let args = [thread as usize, attributes.as_ptr().expose_provenance(), 0, 0, 0];
    // SAFETY: the kernel reads as many bytes as the first word says, which are those of the slice, and writes none (both
    // checked above).
    unsafe { syscall(nr::SCHED_SETATTR, args) }.map(drop)
}

/// How a thread is scheduled.
pub fn scheduler(thread: u32) -> Result<Attributes, Errno> {
    let mut attributes = Attributes::default();
    let size = size_of::<Attributes>();
    let args = [thread as usize, (&raw mut attributes).expose_provenance(), size, 0, 0];
    // SAFETY: the kernel writes at most `size` bytes at the address of a live struct of that size.
    unsafe { syscall(nr::SCHED_GETATTR, args) }?;
    Ok(attributes)
}

/// Sets the processors that a thread may run on: a bit each.
pub fn set_affinity(thread: u32, processors: &[u8]) -> Result<(), Errno> {
    let args = [thread as usize, processors.len(), processors.as_ptr().expose_provenance(), 0, 0];
    // SAFETY: the kernel reads at most processors.len() bytes of a live slice.
    unsafe { syscall(nr::SCHED_SETAFFINITY, args) }.map(drop)
}

/// Fills `processors` with those that a thread may run on; answers how many bytes were filled.
pub fn affinity(thread: u32, processors: &mut [u8]) -> Result<usize, Errno> {
    // The kernel wants a multiple of its word.
    let size = processors.len() & !7;
    let args = [thread as usize, size, processors.as_mut_ptr().expose_provenance(), 0, 0];
    // SAFETY: the kernel writes at most `size` bytes, which the slice has.
    unsafe { syscall(nr::SCHED_GETAFFINITY, args) }
}

/// Sets the memory policy of this thread: `MPOL_*`, and nodes, a bit each.
pub fn set_memory_policy(mode: u32, nodes: &[u8]) -> Result<(), Errno> {
    // The kernel takes one bit less than it is told of.
    let bits = nodes.len().checked_mul(8).and_then(|bits| bits.checked_add(1)).ok_or(Errno::INVAL)?;
    let (at, bits) = if nodes.is_empty() { (0, 0) } else { (nodes.as_ptr().expose_provenance(), bits) };
    if !nodes.len().is_multiple_of(8) {
        return Err(Errno::INVAL);
    }
    // SAFETY: the kernel reads `bits` - 1 bits in whole words, which is the length of the slice (checked above).
    unsafe { syscall(nr::SET_MEMPOLICY, [mode as usize, at, bits, 0, 0]) }.map(drop)
}

/// The memory policy of this thread: its mode; `nodes` is filled with the nodes.
pub fn memory_policy(nodes: &mut [u64]) -> Result<u32, Errno> {
    let mut mode = 0_i32;
    let bits = nodes.len().checked_mul(64).and_then(|bits| bits.checked_add(1)).ok_or(Errno::INVAL)?;
    let args = [(&raw mut mode).expose_provenance(), nodes.as_mut_ptr().expose_provenance(), bits, 0, 0];
    // SAFETY: the kernel writes an int at the first address, and `bits` - 1 bits at the second, which the slice has.
    unsafe { syscall(nr::GET_MEMPOLICY, args) }?;
    Ok(mode.cast_unsigned())
}

const PROCESS: usize = 1;

/// Sets the priority of a thread's input and output: its class in bits 13 to 15.
pub fn set_io_priority(thread: u32, value: u32) -> Result<(), Errno> {
    // SAFETY: no pointer.
    unsafe { syscall(nr::IOPRIO_SET, [PROCESS, thread as usize, value as usize, 0, 0]) }.map(drop)
}

/// The priority of a thread's input and output.
pub fn io_priority(thread: u32) -> Result<u32, Errno> {
    // SAFETY: no pointer.
    unsafe { syscall(nr::IOPRIO_GET, [PROCESS, thread as usize, 0, 0, 0]) }.map(|value| value as u32)
}

const PR_SCHED_CORE: usize = 62;

/// Gives a thread, its process, or its process group (`scope` 0, 1, 2) a core scheduling cookie that nobody else has.
pub fn create_core_cookie(pid: u32, scope: u32) -> Result<(), Errno> {
    const CREATE: usize = 1;
    // SAFETY: no pointer: this operation demands that the last argument is 0.
    unsafe { syscall(nr::PRCTL, [PR_SCHED_CORE, CREATE, pid as usize, scope as usize, 0]) }.map(drop)
}

/// Copies the cookie of this thread to others (`share`), or that of thread `pid` to this one.
pub fn copy_core_cookie(pid: u32, scope: u32, share: bool) -> Result<(), Errno> {
    let operation = if share { 2 } else { 3 };
    // SAFETY: no pointer: these operations demand that the last argument is 0.
    unsafe { syscall(nr::PRCTL, [PR_SCHED_CORE, operation, pid as usize, scope as usize, 0]) }.map(drop)
}

/// The cookie of a thread; 0 is none.
pub fn core_cookie(pid: u32) -> Result<u64, Errno> {
    let mut cookie = 0_u64;
    let args = [PR_SCHED_CORE, 0, pid as usize, 0, (&raw mut cookie).expose_provenance()];
    // SAFETY: this operation writes 8 bytes at the address of a live u64 of its alignment.
    unsafe { syscall(nr::PRCTL, args) }?;
    Ok(cookie)
}

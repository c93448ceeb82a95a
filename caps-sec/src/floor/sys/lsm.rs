// SPDX-License-Identifier: MIT OR Apache-2.0
//! The calls of security modules: which there are, and attributes of this thread.
//!
//! Kernel: include/uapi/linux/lsm.h, Documentation/userspace-api/lsm.rst.

use super::{Errno, nr, syscall};

/// Fills `ids` with the modules that are on, `LSM_ID_*` in their order; answers how many there are.
pub fn list(ids: &mut [u64]) -> Result<usize, Errno> {
    let mut size = size_of_val(ids) as u32;
    let args = [ids.as_mut_ptr().expose_provenance(), (&raw mut size).expose_provenance(), 0, 0, 0];
    // SAFETY: the kernel writes at most `size` bytes, which the slice has, and the size that it took into `size`.
    unsafe { syscall(nr::LSM_LIST_MODULES, args) }
}

/// Sets an attribute of this thread, `LSM_ATTR_*`, by a `struct lsm_ctx` with its text behind it.
pub fn set_self(attribute: u32, context: &[u8]) -> Result<(), Errno> {
    let args = [attribute as usize, context.as_ptr().expose_provenance(), context.len(), 0, 0];
    // SAFETY: the kernel reads context.len() bytes of a live slice, and checks the lengths in it against that.
    unsafe { syscall(nr::LSM_SET_SELF_ATTR, args) }.map(drop)
}

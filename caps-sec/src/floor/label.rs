// SPDX-License-Identifier: MIT OR Apache-2.0
//! Labels of security modules: what AppArmor or SELinux is to know this thread, its next program, or its keys and files by.
//!
//! Since Linux 6.8 there is a system call for it, which no file system stands between. Before, it is a file in /proc.
//!
//! Kernel: include/uapi/linux/lsm.h, Documentation/userspace-api/lsm.rst.

use core::ffi::CStr;

use super::procfs;
use super::step::Failure;
use super::sys::{Errno, lsm};

/// The length of a `struct lsm_ctx` before its text.
pub const HEADER: usize = 32;
/// What the `part` of a [`Failure`] says of [`set`] where the system call refused; others are of [`procfs`].
pub const CALLING: u16 = 3;

/// `LSM_ATTR_CURRENT`.
pub const CURRENT: u32 = 100;
/// `LSM_ATTR_EXEC`.
pub const EXEC: u32 = 101;
/// `LSM_ATTR_FSCREATE`.
pub const FSCREATE: u32 = 102;
/// `LSM_ATTR_KEYCREATE`.
pub const KEYCREATE: u32 = 103;
/// `LSM_ATTR_SOCKCREATE`.
pub const SOCKCREATE: u32 = 105;
/// `LSM_ID_SELINUX`.
pub const SELINUX: u64 = 101;
/// `LSM_ID_SMACK`.
pub const SMACK: u64 = 102;
/// `LSM_ID_APPARMOR`.
pub const APPARMOR: u64 = 104;

/// Sets an attribute of this thread by a `struct lsm_ctx` with its text behind it.
///
/// # Errors
/// `EINVAL` or `ENOENT` for a label that the module does not know, `EACCES` or `EPERM` where its policy forbids the change;
/// `EOPNOTSUPP`, or `ENOENT` of a file, where the module is not on; `EXDEV` where the file in /proc is not the kernel's.
pub fn set(attribute: u32, context: &[u8]) -> Result<(), Failure> {
    match lsm::set_self(attribute, context) {
        Err(Errno::NOSYS) => {}
        done => return done.map_err(|errno| Failure { errno, part: CALLING }),
    }
    let invalid = Failure { errno: Errno::INVAL, part: CALLING };
    let (id, text) = context.first_chunk().zip(context.get(HEADER..)).ok_or(invalid)?;
    let path = path(u64::from_ne_bytes(*id), attribute).ok_or(invalid)?;
    procfs::write(path, text)
}

/// The file of an attribute. Those below a module's name are that module's; the others belong to whichever has them.
fn path(module: u64, attribute: u32) -> Option<&'static CStr> {
    Some(match (module, attribute) {
        (APPARMOR, CURRENT) => c"thread-self/attr/apparmor/current",
        (APPARMOR, EXEC) => c"thread-self/attr/apparmor/exec",
        (SMACK, CURRENT) => c"thread-self/attr/smack/current",
        (SELINUX, CURRENT) => c"thread-self/attr/current",
        (SELINUX, EXEC) => c"thread-self/attr/exec",
        (SELINUX, FSCREATE) => c"thread-self/attr/fscreate",
        (SELINUX, KEYCREATE) => c"thread-self/attr/keycreate",
        (SELINUX, SOCKCREATE) => c"thread-self/attr/sockcreate",
        _ => return None,
    })
}

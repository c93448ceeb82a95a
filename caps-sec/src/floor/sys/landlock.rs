// SPDX-License-Identifier: MIT OR Apache-2.0
//! The three calls of Landlock.
//!
//! Man: landlock(7). Kernel: include/uapi/linux/landlock.h.

use super::files::Fd;
use super::{Errno, nr, syscall};

/// `struct landlock_ruleset_attr`: what a ruleset is about.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Handled {
    /// `LANDLOCK_ACCESS_FS_*`.
    pub files: u64,
    /// `LANDLOCK_ACCESS_NET_*`. Linux 6.7.
    pub net: u64,
    /// `LANDLOCK_SCOPE_*`. Linux 6.12.
    pub scoped: u64,
}
const _: () = assert!(size_of::<Handled>() == 24);

/// Which version of the interface this kernel has.
pub fn version() -> Result<usize, Errno> {
    const VERSION: usize = 1;
    // SAFETY: the kernel takes no attribute with this flag: the pointer is null and the size 0.
    unsafe { syscall(nr::LANDLOCK_CREATE_RULESET, [0, 0, VERSION, 0, 0]) }
}

/// Makes an empty ruleset.
pub fn create(handled: &Handled) -> Result<Fd, Errno> {
    let at = core::ptr::from_ref(handled).expose_provenance();
    // SAFETY: the kernel reads size_of::<Handled>() bytes of a live struct.
    let made = unsafe { syscall(nr::LANDLOCK_CREATE_RULESET, [at, size_of::<Handled>(), 0, 0, 0]) };
    // The descriptor is closed by an exec from its making on.
    made.map(Fd::new)
}

/// `struct landlock_path_beneath_attr`, which is packed.
#[repr(C, packed)]
struct PathBeneath {
    access: u64,
    parent: i32,
}
const _: () = assert!(size_of::<PathBeneath>() == 12);

/// `struct landlock_net_port_attr`.
#[repr(C)]
struct NetPort {
    access: u64,
    port: u64,
}
const _: () = assert!(size_of::<NetPort>() == 16);

/// Allows `access` to what is at and below `path`.
pub fn allow_path(ruleset: &Fd, access: u64, path: &Fd) -> Result<(), Errno> {
    const PATH_BENEATH: usize = 1;
    let rule = PathBeneath { access, parent: path.number() as i32 };
    let args = [ruleset.number(), PATH_BENEATH, (&raw const rule).expose_provenance(), 0, 0];
    // SAFETY: for this type of rule the kernel reads the 12 bytes (asserted above) of a live struct.
    unsafe { syscall(nr::LANDLOCK_ADD_RULE, args) }.map(drop)
}

/// Allows `access` to a port.
pub fn allow_port(ruleset: &Fd, access: u64, port: u64) -> Result<(), Errno> {
    const NET_PORT: usize = 2;
    let rule = NetPort { access, port };
    let args = [ruleset.number(), NET_PORT, (&raw const rule).expose_provenance(), 0, 0];
    // SAFETY: for this type of rule the kernel reads the 16 bytes (asserted above) of a live struct.
    unsafe { syscall(nr::LANDLOCK_ADD_RULE, args) }.map(drop)
}

/// Restricts this thread, and all that it starts, by the ruleset; for good.
pub fn restrict_self(ruleset: &Fd) -> Result<(), Errno> {
    // SAFETY: no pointer.
    unsafe { syscall(nr::LANDLOCK_RESTRICT_SELF, [ruleset.number(), 0, 0, 0, 0]) }.map(drop)
}

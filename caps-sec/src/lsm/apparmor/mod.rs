// SPDX-License-Identifier: MIT OR Apache-2.0
//! AppArmor: profiles, made, compiled, loaded and taken away, and what confines a process.
//!
//! The kernel takes profiles in a compiled form, which `apparmor_parser` alone makes. What it has made can be kept, and
//! loaded by the kernel's own interface, without it.
//!
//! Man: apparmor.d(5), apparmor_parser(8). Kernel: Documentation/admin-guide/LSM/apparmor.rst.

mod confinement;
mod load;
mod profile;

pub use confinement::Confinement;
pub use load::CompiledProfile;
pub use profile::AppArmorProfile;

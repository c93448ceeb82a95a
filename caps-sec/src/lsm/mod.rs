// SPDX-License-Identifier: MIT OR Apache-2.0
//! Security modules: which of them this kernel has on, what they know a process by, and what they are to know it by.
//!
//! [`SecurityModule::active`] lists them. A [`Label`] is a profile of AppArmor or a context of SELinux, [`AppArmorProfile`]
//! makes a profile, [`SelinuxContext`] reads a context. A [`Landlock`] ruleset is what a process restricts itself by.
//!
//! Kernel: Documentation/userspace-api/lsm.rst, Documentation/admin-guide/LSM/.

mod apparmor;
mod context;
mod label;
mod landlock;
mod module;

pub use apparmor::{AppArmorProfile, CompiledProfile, Confinement};
pub use context::{SelinuxContext, SelinuxMode};
pub use label::{Label, LabelOf};
pub use landlock::{FileRights, Landlock, LandlockRights, LandlockRule, NetRights, Scopes};
pub use module::SecurityModule;

pub(crate) use label::hint as label_hint;
pub(crate) use landlock::hint as landlock_hint;

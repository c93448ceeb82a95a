// SPDX-License-Identifier: MIT OR Apache-2.0
//! Device rules: which device nodes the processes of a group may open and make.
//!
//! A [`DeviceRules`] is a value with one meaning, [`DeviceRules::allowed`]. Everything else goes by way of its normal form,
//! a table of exceptions of which the most specific counts (`table.rs`): version 2 gets a program compiled from it
//! (`program.rs`) and attached (`attach.rs`), version 1 lines of `devices.allow` and `devices.deny` (`v1.rs`), as far as it
//! can express it.
//!
//! Kernel: Documentation/admin-guide/cgroup-v1/devices.rst; Documentation/admin-guide/cgroup-v2.rst, "Device controller".

mod access;
mod attach;
mod foreign;
mod loaded;
mod program;
pub(crate) mod refused;
mod rule;
mod table;
mod text;
pub(crate) mod v1;
mod words;

#[cfg(test)]
mod tests;

pub use access::{DeviceAccess, DeviceKind};
pub use loaded::DeviceProgram;
pub use rule::{DeviceRule, DeviceRules, DeviceVerdict};
pub use words::Devices;

pub(crate) use attach::apply;
pub(crate) use program::Insn;
pub(crate) use refused::{is_admin, lack};
pub(crate) use table::Table;

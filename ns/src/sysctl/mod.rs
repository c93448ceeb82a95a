// SPDX-License-Identifier: MIT OR Apache-2.0
//! Parameters of namespaces: those keys of sysctl(8) of which each namespace has its own.
//!
//! A [`SysctlKey`] cannot be of the whole machine: it is refused by name, before anything is touched. What writes it writes
//! it in the namespaces of the calling thread, wherever those are.
//!
//! Man: sysctl(8), sysctl.conf(5), proc_sys(5). Kernel: Documentation/admin-guide/sysctl/.

mod key;
mod settings;
mod table;
#[cfg(test)]
mod tests;

pub use key::SysctlKey;
pub use settings::Sysctls;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Seccomp: which system calls a process may make, as a value, as a program for the kernel, and in force.
//!
//! A [`Policy`] is a description by names; [`Policy::compile`] makes the kernel's filter of it, a [`Filter`], which can be
//! asked what it answers to a [`Call`] before anything is loaded.
//!
//! Man: seccomp(2). Kernel: Documentation/userspace-api/seccomp_filter.rst.

mod arch;
mod bpf;
mod call;
mod check;
mod compile;
mod condition;
mod decide;
mod filter;
mod listing;
mod mode;
mod near;
mod policy;
mod rule;
mod standard;
mod table;
mod verdict;

#[cfg(test)]
mod tests;

pub use arch::Arch;
pub use call::Call;
pub use condition::{Arg, Compare, Condition, arg};
pub use filter::{Filter, enter_seccomp};
pub use mode::{SeccompMode, seccomp_mode_of};
pub use policy::Policy;
pub use rule::Rule;
pub use verdict::{Errno, Verdict};

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of system calls: what has which number on which architecture.
//!
//! The kernel gives a number once and for all, so a table ages only at its end. What is not in it is told from what is:
//! a filter that denies by default answers `ENOSYS` there, as a kernel would that does not have the call.
//!
//! Man: syscalls(2).

mod aarch64;
mod x86_64;

/// The kernel whose calls are all in the tables.
pub(super) const KERNEL: &str = "6.18";

/// The calls of x86_64, in the order of their numbers.
pub(super) const X86_64: &[(u32, &str)] = &x86_64::CALLS;
/// The calls of aarch64, in the order of their numbers.
pub(super) const AARCH64: &[(u32, &str)] = &aarch64::CALLS;

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
mod explain;
mod filter;
mod group;
mod listing;
mod loading;
mod lxc;
mod mode;
mod multiplexed;
mod notify;
mod outcome;
mod policy;
mod probe;
#[cfg(feature = "serde")]
mod profile;
mod record;
mod rule;
mod standard;
mod sys;
mod table;
mod trace;
mod verdict;

#[cfg(test)]
mod tests;

pub use arch::Arch;
pub use call::Call;
pub use condition::{Arg, Compare, Condition, arg};
pub use filter::{Filter, enter_seccomp};
pub use group::CallGroup;
pub use loading::Loading;
pub use lxc::LxcPolicy;
pub use mode::{SeccompMode, seccomp_mode_of};
pub use notify::{Answer, Expected, Listener, Memory, Notification, Prepared, Supervision, Supervisor};
pub use outcome::{Outcome, PolicyChange};
pub use policy::Policy;
pub use probe::SeccompFeatures;
#[cfg(feature = "serde")]
pub use profile::{Profile, Resolved, Setting};
pub use record::Recording;
pub use rule::Rule;
pub use verdict::{Errno, Verdict};

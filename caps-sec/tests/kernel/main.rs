// SPDX-License-Identifier: MIT OR Apache-2.0
//! What processes really have, by the kernel's own word: sets after an exec, limits, switches; as root, as a user, and in
//! user namespaces.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "pre_exec is unsafe, and the helpers of tests may be as blunt as tests"
)]

mod apparmor;
mod doors;
mod files;
mod landlock;
mod libcap;
mod limits;
mod placing;
mod proc_not_proc;
mod reading;
mod seccomp;
mod seccomp_launch;
mod seccomp_notify;
mod seccomp_record;
mod sets;
mod setuid;
mod support;

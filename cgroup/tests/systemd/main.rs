// SPDX-License-Identifier: MIT OR Apache-2.0
//! systemd for real: `cargo xtask vm --systemd -p skep-cgroup systemd`; and a bus for real, wherever there is one.
//!
//! What asks systemd runs in the machine's own namespaces: it knows processes by their numbers there.

#![cfg(feature = "systemd")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests may be as blunt as tests"
)]

mod bus;
mod limits;
mod scope;
mod support;
mod user;

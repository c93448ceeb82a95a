// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers of real programs: what they are, what they cost, what they leave, and what is said when they fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what the tests call fails them by a panic, and speaks to the person who runs them"
)]

mod attached;
mod caller;
mod common;
mod events;
mod exec;
mod exec_hostile;
mod exec_killed;
mod fallbacks;
mod faults;
mod files;
mod footprint;
mod forks;
mod handle;
mod hooks;
mod hooks_inside;
mod identity;
mod init;
mod inside;
mod joined;
mod kill;
mod killed;
mod life;
mod life_model;
mod many;
mod messages;
mod named;
mod network;
#[cfg(feature = "oci")]
mod oci;
#[cfg(feature = "oci")]
mod oci_texts;
mod overlay;
mod owner;
mod prepared;
mod rename;
mod rights;
mod road;
mod roles;
mod seccomp;
mod secret;
mod silent_files;
mod starts;
mod supervised;
mod sysctls;
mod system_calls;
mod systemd;
mod terminal;
mod tracer;
mod tree;
mod undo;
mod users;
mod victims;
mod waiting;

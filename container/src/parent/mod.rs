// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the caller's process does to make a container. It may allocate and fail; nothing it makes is left behind.

mod address;
mod cgroup;
pub(crate) mod file;
mod given;
mod hooks;
mod ids;
mod joining;
mod launch;
mod launched;
mod launcher;
mod network;
mod scope;
mod sentence;
mod undo;
mod waiting;
mod wire;

pub(crate) use cgroup::is_frozen;
pub(crate) use hooks::{Poststop, State};
pub(crate) use joining::{AT_ONCE, Joining, Left, is_known, is_own};
pub(crate) use launch::Launch;
pub(crate) use launched::{Launched, Started};
pub use launcher::LAUNCHER;
pub(crate) use scope::{SYSTEMD_TAKES, Unit};
pub(crate) use undo::Undo;
pub(crate) use waiting::Waiting;

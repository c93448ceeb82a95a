// SPDX-License-Identifier: MIT OR Apache-2.0
//! A root: what is seen of it before anything is mounted, and what is opened and made in it.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests may be as blunt as tests"
)]

mod change;
mod copy;
mod copy_race;
mod look;
mod make;
mod messages;
mod open;
mod procfs;
mod pty;
mod remove;
mod resolve;
#[path = "../steps/said.rs"]
mod said;
mod support;
mod write;

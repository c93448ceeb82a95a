// SPDX-License-Identifier: MIT OR Apache-2.0
//! Floor: runs after clone and before the user's program. No heap, no locks, no formatting, no panics, no libc.
//!
//! Depends on `core` alone. It is compiled twice: as a module of this crate, and into skep's launcher, a static program
//! without a libc, by way of the path that `build.rs` publishes.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]
#![allow(
    dead_code,
    reason = "public to the launcher, which is another program; the std half of this crate uses a part of it"
)]

pub mod label;
pub mod landlock;
pub mod limits;
pub mod procfs;
pub mod step;
pub mod sys;
pub mod thread;

pub use step::{Failure, Step, WORDS};
pub use sys::Errno;

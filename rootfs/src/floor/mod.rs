// SPDX-License-Identifier: MIT OR Apache-2.0
//! Floor: runs after clone and before the user's program. No heap, no locks, no formatting, no panics, no libc.
//!
//! Depends on `core` alone. It is compiled twice: as a module of this crate, and into skep's launcher, a static program
//! without a libc, by way of the path that `build.rs` publishes. What is called in many places is never inlined: the
//! launcher shall be small.
#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects
)]
#![allow(
    unreachable_pub,
    dead_code,
    reason = "public to the launcher, which is another program; the std half of this crate uses a part of it"
)]

pub mod attach;
mod below;
mod code;
pub mod dev;
pub mod fd;
mod mask;
pub mod mount;
pub mod overlay;
mod owner;
mod pivot;
pub mod resolve;
pub mod room;
pub mod step;
pub mod sys;
pub(crate) mod text;

pub use attach::New;
pub use code::WORDS;
pub use fd::Fd;
pub use overlay::{Changes, Layers};
pub use room::{Failure, Part, Room};
pub use step::{BindFlags, Step};
pub use sys::Errno;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! skep-oci as engines call it: bundles that are run, what is told of them, and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what the tests call fails them by a panic"
)]

mod bad;
mod common;
mod exec;
mod groups;
mod life;
mod log;
mod notify;
#[cfg(feature = "pages")]
mod pages;
mod systemd;
mod terminals;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts into living namespaces: attached, removed, refused, raced; as root and as an ordinary account.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests may be as blunt as tests"
)]

mod guards;
mod hostile;
mod process;
mod support;

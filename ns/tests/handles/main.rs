// SPDX-License-Identifier: MIT OR Apache-2.0
//! Namespaces that exist: held, asked, pinned, listed; beside lsns(8) and ip(8).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests may be as blunt as tests"
)]

mod clocks;
mod listing;
mod of_process;
mod parameters;
mod pins;
mod support;

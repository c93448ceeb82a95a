// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts of real programs: what the program gets, what the caller keeps, and what is said when there is none.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests may be as blunt as tests"
)]

mod cancel;
mod copy;
mod denials;
mod descriptors;
mod environment;
mod namespaces;
mod pidfds;
mod reaping;
mod refusals;
mod settings;
mod signals;
mod support;
mod threads;
mod tracers;
mod unchanged;

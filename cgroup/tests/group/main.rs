// SPDX-License-Identifier: MIT OR Apache-2.0
//! Groups on a real kernel, on whatever hierarchies this machine has.
//!
//! What runs as root does so in mount and pid namespaces of its own ([`needs::isolated`]). There a test takes hierarchies out
//! of view to see what is done without them; the machine's own mounts stay as they are.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests may be as blunt as tests"
)]

mod add;
mod bite;
mod changes;
mod clone;
mod controllers;
mod create;
mod delegate;
mod devices;
mod freeze;
mod gone;
mod io_cost;
mod kill;
mod layout;
mod life;
mod limits;
mod mounts;
mod namespace;
mod prepared;
mod pressure;
mod programs;
mod raw;
mod refusals;
mod remove;
mod rights;
mod rules;
mod shape;
mod stat;
mod stored;
mod support;
mod threads;
mod tree;
mod watch;

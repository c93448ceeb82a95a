// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links, addresses and routes of namespaces, with packets that really go; beside ip(8).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests may be as blunt as tests"
)]

mod addresses;
mod entries;
mod kinds;
mod links;
mod packets;
mod refusals;
mod routes;
mod support;
mod watch;

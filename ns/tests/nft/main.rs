// SPDX-License-Identifier: MIT OR Apache-2.0
//! Firewalls in the kernel, with packets that really go or really do not; beside nft(8).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests may be as blunt as tests"
)]

mod frames;
mod guards;
mod kept;
mod others;
mod packets;
mod support;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! skep-run as it is typed: statuses, streams, signals, what its command sees and may.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what the tests call fails them by a panic")]

mod cell;
mod common;
mod kept;
mod limits;
mod signals;
mod typed;

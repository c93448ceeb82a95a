// SPDX-License-Identifier: MIT OR Apache-2.0
//! Steps performed: every kind of mount, hostile roots, races, and machines that refuse the newer calls.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of tests may be as blunt as tests"
)]

mod cgroups;
mod disk;
mod fallbacks;
mod foreseen;
mod forged;
mod hostile;
mod idmapped;
mod initramfs;
mod kinds;
mod memory;
mod messages;
mod overlay;
mod overlay_user;
mod pivot;
mod propagation;
mod said;
mod support;
mod unprivileged;
mod view;

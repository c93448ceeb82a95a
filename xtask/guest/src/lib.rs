// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the virtual machine of `cargo xtask vm` and its host say to each other.
//!
//! The host leaves a [`job::Job`] on the guest's disk; the guest answers with [`frame::Frame`]s on a serial port of its own.
//! The program of this package is the guest's PID 1; see `main.rs`.

#![forbid(unsafe_code)]

pub mod frame;
pub mod job;

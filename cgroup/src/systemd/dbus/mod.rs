// SPDX-License-Identifier: MIT OR Apache-2.0
//! D-Bus: as much of it as asking a manager takes, calls with their answers, and signals.
//!
//! Values and messages are pure (`value.rs`, `read.rs`, `message.rs`); a [`Connection`] is a socket with a deadline on
//! whatever it waits for. Nothing is believed: what comes is read as what it says it is, or refused.
//!
//! Specification: <https://dbus.freedesktop.org/doc/dbus-specification.html>.

mod address;
mod connection;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzzed;
mod message;
mod read;
mod signature;
mod trouble;
mod value;

#[cfg(test)]
mod tests;

pub(super) use address::{Address, Addresses};
pub(super) use connection::{Connection, Deadline, MOST_DESCRIPTORS};
pub(super) use message::{Kind, Message};
pub(super) use trouble::{Trouble, words};
pub(super) use value::Value;

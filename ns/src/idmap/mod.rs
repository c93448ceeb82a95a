// SPDX-License-Identifier: MIT OR Apache-2.0
//! Id maps: which users and groups outside stand behind those inside a user namespace.
//!
//! An [`IdMap`] is a value made of [`IdRange`]s: build it, parse it, print it, ask it for an id, check it; then
//! [`IdMap::write_to`] gives it to a process in a new user namespace. Only that and the two functions that say so
//! ([`IdMap::from_subid`], [`IdMap::single`]) look at the machine.
//!
//! Man: user_namespaces(7), subuid(5), newuidmap(1). Kernel: kernel/user_namespace.c, `map_write`.

mod algebra;
mod check;
mod helper;
mod ids;
mod map;
mod range;
mod subid;
mod target;
mod text;
mod write;

#[cfg(test)]
mod tests;

use ids::Ids;

pub use map::IdMap;
pub use range::IdRange;
pub use write::{Written, WrittenBy};

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capabilities: root's power in pieces, sets of them, and the five sets of a thread.
//!
//! [`Cap`] is one, [`CapSet`] a set, [`Capabilities`] the five sets that the kernel keeps for each thread, [`CapText`] three
//! of them as getpcaps(8) writes them, [`FileCaps`] those that a file gives to its program. All are values; only what says so looks at the machine ([`Cap::last`], [`Capabilities::current`],
//! [`Capabilities::of_process`]).
//!
//! Man: capabilities(7).

mod file;
mod five;
mod name;
mod set;
mod text;
mod thread;

#[cfg(test)]
mod tests;

pub use file::FileCaps;
pub use five::Capabilities;
pub use name::Cap;
pub use set::{CapSet, CapSetIter};
pub use text::CapText;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! A tour of skep: the programs in `src/bin`, in the order of their numbers, one subject each, to be read and run.
//!
//! ```sh
//! cargo run -p skep-tour --bin 10_container
//! ```

mod sys;

pub use sys::join;

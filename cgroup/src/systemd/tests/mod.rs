// SPDX-License-Identifier: MIT OR Apache-2.0
//! The conversation with a manager of our own making, and the plan of what it is told.

mod fake;
mod pidfds;
mod play;
mod told;

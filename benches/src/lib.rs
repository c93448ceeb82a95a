// SPDX-License-Identifier: MIT OR Apache-2.0
//! Speed, as ratios against peers measured in the same run.
//!
//! Numbers of one machine say little, and these machines are noisy: contestants are run in turn, and what is printed are
//! the tenth percentile, which is what a start costs when nobody disturbs it, and the median of the differences within a
//! round.

pub mod cgroup;
pub mod paired;
pub mod shape;
pub mod sys;

/// A program that only exits: what is measured is the way there.
pub const TRIVIAL: &str = env!("SKEP_TRIVIAL");

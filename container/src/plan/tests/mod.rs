// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of plans.

mod compiled;
mod filtered;
mod flat;
mod supervised;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Version 1: the same limits under other names, with other numbers, and with an order among them.

mod apply;
pub(crate) mod convert;
pub(crate) mod names;

pub(crate) use apply::{apply, cpu_quota, memory_and_swap};

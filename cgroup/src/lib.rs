// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much a process may use: control groups v1, v2 and hybrid behind one vocabulary.
//!
//! The crate has its place in the workspace and no public item yet.
//!
//! ```
//! # use skep_cgroup as _;
//! ```
//!
//! # Kernels
//! Linux 5.10 and newer.

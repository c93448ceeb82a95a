// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a process may do: capabilities, seccomp filters and security modules.
//!
//! The crate has its place in the workspace and no public item yet.
//!
//! ```
//! # use skep_caps_sec as _;
//! ```
//!
//! # Kernels
//! Linux 5.10 and newer.

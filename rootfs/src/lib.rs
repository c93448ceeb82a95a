// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a process sees on disk: mounts, roots that cannot be escaped, and where root trees are kept.
//!
//! So far it holds its floor alone, the mounts that `skep`'s launcher performs (binding a directory, a proc, cutting
//! propagation), and no public item.
//!
//! ```
//! // The floor is found by dependents' build scripts, as links metadata: DEP_SKEP_ROOTFS_FLOOR_0_1_FLOOR.
//! # use skep_rootfs as _;
//! ```
//!
//! # Kernels
//! Linux 5.10 and newer.

mod floor;

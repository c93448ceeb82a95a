// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of mounts: read from mountinfo, or asked for by listmount(2) and statmount(2); the same values from both.
//!
//! Man: proc_pid_mountinfo(5), listmount(2), statmount(2).

mod asked;
mod info;
mod read;
mod tree;
mod watch;

pub use info::{MountInfo, PeerGroups};
pub use tree::MountTree;
pub use watch::MountWatch;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is kept of a container on disk, so that other processes find it and nothing of it is ever lost.
//!
//! ```text
//!  ROOT/            0700, its owner's alone: /run/skep of root, $XDG_RUNTIME_DIR/skep or /tmp/skep-UID of others
//!  └─ NAME/         made by one mkdir(2), which claims the name; flocked by whoever makes or deletes the container
//!     ├─ intent     what will be made, on disk before the first of it is: deletion needs no more than this
//!     ├─ record     the same and who its first process is, on disk before that executes anything
//!     ├─ start      the socket where its first process waits, if it was left to others to start it
//!     └─ status     how it ended, if its parent has learned it
//! ```
//! Each file is written under another name, synced, and renamed into place; the directory is synced after it. A record is
//! never believed about the present: that a container runs is asked of its process.

mod description;
mod dir;
mod home;
mod name;
mod record;
mod waiting;

pub(crate) use description::Description;
pub(crate) use dir::{StateDir, StateRoot};
pub(crate) use home::{Home, Whereabouts};
pub(crate) use name::problem_of;

pub(crate) use record::{Found, Identity, Record, Removal};

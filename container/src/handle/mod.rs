// SPDX-License-Identifier: MIT OR Apache-2.0
//! What was made: a container before its start, and a running one.

mod changing;
mod created;
mod delete;
mod ended;
mod events;
mod exec;
mod first;
mod freeze;
mod known;
mod members;
mod mounts;
mod namespaces;
mod open;
mod rename;
mod running;
mod start;
mod status;
mod stop;
mod supervise;
mod update;

pub use created::Created;
pub use events::{Event, Events};
pub use exec::{Exec, Executed};
pub use members::Member;
pub use mounts::AddedDevice;
pub use running::Container;
pub use status::Status;
pub use stop::RebootRequest;

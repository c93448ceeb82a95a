// SPDX-License-Identifier: MIT OR Apache-2.0
//! Routes: where packets for a network go.
//!
//! Man: ip-route(8), rtnetlink(7). Kernel: include/uapi/linux/rtnetlink.h.

mod message;
mod value;
mod verbs;
mod way;

#[cfg(test)]
pub(super) use message::RTM_NEWROUTE;
pub(super) use message::{is_gone, route_of};
pub use value::Route;
pub use way::{Hop, RouteKind};

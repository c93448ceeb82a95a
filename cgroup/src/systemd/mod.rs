// SPDX-License-Identifier: MIT OR Apache-2.0
//! systemd: a group from whoever owns the tree.
//!
//! Where systemd is process 1, the hierarchies of control groups are its own. Who makes groups there behind its back, other
//! than below a unit whose groups were delegated, may find them changed or removed. So one asks: for a **scope**, a unit of
//! processes that somebody else has started, or a **slice**, a group of units. systemd makes the group, sets the limits
//! that it knows, and the group is opened from the [`Unit`] like any other ([`Unit::cgroup`]).
//!
//! ```no_run
//! use std::time::Duration;
//! use skep_cgroup::systemd::{Systemd, UnitSpec};
//! use skep_cgroup::{Layout, Limits, MIB};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let wait = Duration::from_secs(10);
//! let child = std::process::Command::new("sleep").arg("600").spawn()?;
//! if Systemd::manages(&Layout::detect()?) {
//!     let spec = UnitSpec::new("web-1.scope").process(child.id()).limits(Limits::new().memory_max(64 * MIB)).delegate();
//!     let web = Systemd::system()?.start(&spec, wait)?;
//!     println!("{:?}", web.cgroup(wait)?.stat()?);
//!     web.stop(wait)?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # When to ask
//! If [`Systemd::manages`] says so and the group is to be anywhere but below a group that is delegated to us: a service or
//! scope with `Delegate=yes` may make its own. An ordinary user has a manager of its own
//! ([`Systemd::user`]), which has a delegated part of the tree; most users can have limits by it alone.
//!
//! # How
//! By a D-Bus client of our own, which knows calls, answers and signals. Each operation makes a connection, and closes it:
//! there is nothing to keep up between them, a value of [`Systemd`] can be sent, copied and kept over a fork, and a manager
//! that executes itself anew is no trouble. All waiting ends with the deadline.
//!
//! # Kernel
//! Any. systemd 236 or newer; what takes a newer one says so. With version 2, and with version 1 and hybrid as long as
//! systemd has them (to 257).
//!
//! Man: org.freedesktop.systemd1(5), systemd.scope(5), systemd.slice(5), systemd.resource-control(5), systemd-run(1).

mod dbus;
mod error;
mod had;
mod manager;
mod name;
mod place;
mod properties;
mod prospect;
mod spec;
mod start;
mod state;
mod unit;
mod words;

#[cfg(test)]
mod tests;

#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub use dbus::fuzzed::bus;
pub use name::escape;
pub use place::Systemd;
pub use prospect::Prospect;
pub use spec::UnitSpec;
pub use state::UnitState;
pub use unit::Unit;
pub use words::{CollectMode, Dependency, KillMode, Property};

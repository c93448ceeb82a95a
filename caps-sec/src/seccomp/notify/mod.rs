// SPDX-License-Identifier: MIT OR Apache-2.0
//! User notification: another process is asked about a call, looks at it, and answers in the kernel's place.
//!
//! A filter whose verdict is [`Verdict::Notify`](super::Verdict::Notify) is loaded with a [`Listener`]
//! ([`Loading::enter_with_listener`](super::Loading::enter_with_listener), or [`Prepared`] for a
//! [`Command`](std::process::Command)). Its holder receives each call as a [`Notification`], by itself or by a
//! [`Supervisor`], and answers it; meanwhile the thread that made the call waits.
//!
//! What a call points to is in the memory of a process that may change it: what a supervisor has read and approved is
//! not what the kernel reads if it lets the call [go on](Notification::proceed). So a supervisor that decides about
//! anything but the numbers in registers does the work itself, from its own copy, and answers; to let a call go on is no
//! answer for what must not happen.
//!
//! Man: `seccomp_unotify(2)`.

mod listener;
mod memory;
mod notification;
mod prepared;
mod supervisor;

pub use listener::Listener;
pub use memory::Memory;
pub use notification::Notification;
pub use prepared::{Expected, Prepared};
pub use supervisor::{Answer, Supervision, Supervisor};

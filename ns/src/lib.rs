// SPDX-License-Identifier: MIT OR Apache-2.0
//! Linux namespaces, id maps, and process starts that cannot hurt their caller.
//!
//! The crate to reach for instead of raw `clone` and `waitpid`. [`Spawn`] starts a program from any thread of any program
//! in the habits of `std::process::Command`, without copying the caller and without running a line of ordinary code
//! between clone and exec; [`PidFd`] signals and waits for a process without signal handlers, by a descriptor that cannot
//! come to mean another one; [`Namespaces`], [`NamespaceKind`] and [`IdMap`] say which namespaces to make and who is who
//! inside, are checked before anything is touched, and write the maps of a process, by newuidmap where that is needed.
//! [`Spawn`] starts programs in new namespaces and in those of others, and as other users; [`Join`] does so for a closure,
//! for the child of a `Command`, and for the calling thread, which nothing else of this crate moves.
//! [`Namespace`] holds one that exists, says who owns it and what is above it, and pins it to a path; [`list`] tells all of
//! a machine and who is in them; [`UtsNames`], [`TimeOffsets`] and [`Sysctls`] are what namespaces keep; [`Facts`] says what
//! this machine allows. `net` has the network: links, addresses, routes. No C library is linked beyond the one that std uses.
//!
//! ```
//! use skep_ns::{IdMap, IdRange, NamespaceKind::{Mount, Uts}, Namespaces, Spawn};
//!
//! # fn main() -> Result<(), skep_ns::Error> {
//! let mut child = Spawn::new("sh").args(["-c", "exit 3"]).spawn()?;
//! assert_eq!(child.wait()?.code(), Some(3));
//!
//! let map = IdMap::new().both(IdRange::new(0, 1000, 1)).both(IdRange::new(1, 100_000, 65_536));
//! map.check()?;
//! assert_eq!(map.outside_uid(0), Some(1000));
//!
//! let set = Namespaces::new().make([Mount, Uts]).user(IdMap::current_as_root());
//! match Spawn::new("uname").arg("-n").namespaces(set).hostname("hive").output() {
//!     Ok(out) => assert_eq!(out.stdout, b"hive\n"),
//!     // This machine has no user namespaces for this account.
//!     Err(error) => println!("{error}: {}", error.hint().unwrap_or_default()),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//! What it is not, yet: a firewall. A start in other namespaces, or as another user, copies the caller's page tables,
//! which takes 5 to 8 ms for each 100 MB that it has touched (one in the caller's namespaces does not); the package `skep`
//! makes whole containers without. A new pid namespace has no /proc of its own.
//! It is for Linux alone, on x86_64 and aarch64; the latter compiles and has not been run.
//!
//! # Kernels
//! Linux 5.10 and newer. What a newer call does better is used where it is there: clone3 (else clone), close_range (else
//! a loop), `PIDFD_GET_INFO` (6.15: the status of a process that somebody else has reaped; else that status is unknown),
//! `PIDFD_GET_*_NAMESPACE` and the translation of process numbers (6.11; else /proc is read). Without clone3 there are no time namespaces, numbers or cgroups to begin with.
//!
//! # Privileges
//! None for starting, waiting and listing; the namespaces of other users' processes are seen with `CAP_SYS_PTRACE`, and
//! pinned with `CAP_SYS_ADMIN`. New namespaces take that, or a user namespace made with them; joining takes it in the
//! caller's user namespace and in the one that owns the namespace, or that one joined as well.
//!
//! # Features
//! `net` (default): links, addresses and routes, which takes nothing more to build. `serde`: descriptions ([`Namespaces`], [`IdMap`], [`NamespaceKind`]) can be serialised.

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("skep-ns is for Linux on x86_64 and aarch64: its starts are written in assembly for each");

mod accounts;
mod descriptor;
mod enter;
mod error;
mod floor;
mod handle;
mod idmap;
mod kind;
mod list;
#[cfg(feature = "net")]
pub mod net;
mod pidfd;
mod pin;
mod probe;
mod procfs;
mod request;
mod set;
mod spawn;
mod status;
mod sys;
mod sysctl;
mod time;
mod uts;
mod words;

pub use enter::{Join, Prepared};
pub use error::{Error, ErrorKind, Object};
pub use handle::{Namespace, NamespaceId};
pub use idmap::{IdMap, IdRange, Written, WrittenBy};
pub use kind::{NamespaceFlags, NamespaceKind};
pub use list::{FirstProcess, Hidden, Listed, Listing, list, list_of, list_with_holders};
pub use pidfd::{PidFd, ProcessIds, ProcessInfo, ProcessNumbers, SignalScope};
pub use pin::{RUN_NETNS, unpin};
pub use probe::Facts;
pub use request::Request;
pub use set::Namespaces;
pub use spawn::{Child, Output, Pipes, Spawn, Stdio};
pub use status::ExitStatus;
pub use sysctl::{SysctlKey, Sysctls};
pub use time::{ClockOffset, TimeOffsets};
pub use uts::UtsNames;

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Linux containers as a library: from any thread of any program.
//!
//! A [`Builder`] makes a [`Spec`], a plain value; the spec compiles into a [`Plan`], a list of steps that can be printed;
//! a tiny program of our own, the launcher, performs the plan in new namespaces and executes the container's program.
//! The launcher is embedded in this library and executed from a sealed memfd: nothing of the caller's memory, locks,
//! environment or descriptors gets into the container, and nothing of the caller is copied, so that a start costs the
//! same from a small program and from one of many gigabytes.
//!
//! ```
//! use skep::Container;
//! use skep::ns::{IdMap, NamespaceKind, Namespaces};
//!
//! # fn main() -> Result<(), skep::Error> {
//! let out = Container::anonymous()
//!     .namespaces(Namespaces::new().make([NamespaceKind::Pid, NamespaceKind::Uts]).user(IdMap::current_as_root()))
//!     .hostname("web")
//!     .command("/bin/sh", ["-c", "uname -n; echo pid $$"])
//!     .output()?;
//! assert_eq!(String::from_utf8_lossy(&out.stdout), "web\npid 1\n");
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//! Nothing is restricted that was not asked for: without a [root](Builder::root) who runs in it sees
//! the machine's files. A cgroup of version 1 is joined before the container's first step, which may take tens of
//! milliseconds.
//!
//! # Names and what is kept
//! [`Container::builder`] gives a container a name. Before anything is made for it, what will be made is written down in
//! its state directory, so that [`delete`](Container::delete) removes all of it whenever its maker dies. Any process of the
//! same user can [`open`](Container::open) it. A [`Created`] one is its maker's alone, and goes with it;
//! one that is [made to wait](Builder::create_waiting) is started by [whoever comes](Container::start).
//!
//! # Users
//! Who the program is, is said in [numbers](Builder::user) or by [name](Builder::user_named), which the container's own
//! `/etc/passwd` and `/etc/group` make numbers of: as text, in the caller, before anything is made, and through whatever will
//! lie over these files. This machine's accounts are nobody's in a container with a root of its own.
//!
//! # Further programs
//! [`Container::exec`] executes programs in a container that runs: what its own was described to be, in its namespaces and its
//! cgroup, by the same launcher. Whoever has opened a container by its name can do so too.
//!
//! # Terminals
//! A program has no terminal unless it is asked for: its standard streams are the caller's own descriptors, or pipes, and no
//! byte of them goes through this library. [`Builder::terminal`] gives it one of the container's own, never the caller's,
//! whose other side is a [`Terminal`].
//!
//! # Networks
//! A container with a net namespace has its loopback, and each [`Network`] that it is [given](Builder::network): the links are
//! there, up, with their addresses and routes, before its program begins. The bridge that a cable leads to is the caller's:
//! it is made, forwarded and masqueraded with [`skep_ns::net`].
//!
//! # Supervision
//! A policy of [system calls](Builder::seccomp) may ask about some of them: the caller answers in the kernel's place, by
//! [`Container::listener`], which nobody in the container has, or has it done by [`Container::supervise`]. It has it from the moment the filter is loaded, so that the
//! exec of the program can be asked about too ([`Created::take_listener`]). Nothing else of a start is: a policy that would
//! ask about more is refused, with the names of the calls, and nobody needs to answer for a container to be started, killed
//! or deleted. Whoever makes a call that is asked about waits until it is answered, or killed. When the listener is dropped,
//! or its holder dies, these calls answer `ENOSYS`, there and then.
//!
//! # Hooks
//! [`Builder::hook`] has programs of this machine be run around a container, as the OCI runtime specification has it: while it is
//! made, when its program was executed, and when it is gone. See [`Hook`] and [`Moment`].
//!
//! # Bundles
//! [`oci`] reads what engines such as podman, Docker and containerd hand to a runtime: `oci::Bundle::open(path)?.builder(id, &setting)?`
//! is a [`Builder`] like any other. What a configuration says and this library cannot do is an error that names its place.
//!
//! # Kernels
//! Linux 5.10 and newer, x86_64 and aarch64; the latter compiles and has not been run. Where clone3, memfd_create or
//! close_range are refused, older calls do the same.
//!
//! # Privileges
//! `CAP_SYS_ADMIN` for namespaces; none with a user namespace among them, where the machine lets ordinary users make one.
//! [`Plan::explain`] says which step takes which right.
//!
//! # What it does to the caller
//! Nothing that lasts: no signal handler, no `waitpid(-1)`, no change of signal mask, ids, directory or descriptors. The
//! program that is started, and the launcher, are children of the caller: it gets `SIGCHLD` for both.

mod builder;
mod error;
mod facts;
/// The floors of the leaves, under the names that the launcher has for them too.
mod floors {
    pub(crate) use skep_caps_sec::floor as caps_sec;
    pub(crate) use skep_rootfs::floor as rootfs;
}
mod front;
mod handle;
mod host;
mod parent;
mod plan;
mod procfs;
mod report;
mod spec;
mod state;
mod stops;
mod terminal;
#[allow(unreachable_pub, dead_code, reason = "shared with the launcher, which is another program")]
mod wire;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The steps of the guide compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Guide;

pub use builder::Builder;
pub use error::{Error, ErrorKind, Object};
pub use facts::Facts;
#[cfg(feature = "oci")]
pub use front::oci;
pub use handle::{AddedDevice, Container, Created, Event, Events, Exec, Executed, Member, RebootRequest, Status};
pub use parent::LAUNCHER;
pub use plan::Plan;
pub use report::Report;
pub use skep_caps_sec as caps_sec;
pub use skep_cgroup as cgroup;
pub use skep_ns as ns;
pub use skep_rootfs as rootfs;
pub use spec::{
    CapabilityNames, Hook, Hooks, IdOrName, JoinedNamespaces, Moment, NamespaceOf, Network, NetworkKind, Process,
    Resources, Scope, Spec, Stream, TerminalSpec, UserSpec,
};
pub use stops::Stops;
pub use terminal::Terminal;

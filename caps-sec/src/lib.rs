// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a process may do: capabilities, seccomp filters, security modules (AppArmor, SELinux, Landlock), no_new_privs,
//! securebits, resource limits, and when and where it runs.
//!
//! The crate to reach for instead of raw `prctl` and `capset`. [`CapSet`] is a set of capabilities with names and
//! algebra, [`Capabilities`] the five sets of a thread, which can be checked, read of any process and asked what a program
//! will have of them; [`Privileges`] says all of it in one value, and [`Steps`] does it in the one right order, on this
//! side and the other of a change of user, without allocating: in `CommandExt::pre_exec`, or in `skep`'s launcher.
//! A [`Policy`] says which system calls may be made, by name and argument; [`Policy::standard`] is what Docker allows. It
//! compiles to a [`Filter`], which answers what the kernel will answer before it is loaded ([`Filter::decide`]). Policies are
//! read from OCI's and Docker's JSON (`Profile`) and LXC's text ([`LxcPolicy`]), recorded of a program ([`Recording`]), and
//! explained in words; what a filter asks about, a [`Supervisor`] answers.
//!
//! ```
//! use skep_caps_sec::{Cap, Capabilities, CapSet, Policy, Privileges};
//!
//! # fn main() -> Result<(), skep_caps_sec::Error> {
//! let keep = CapSet::from([Cap::NET_BIND_SERVICE, Cap::CHOWN]);
//! let web = Privileges::new().capabilities(Capabilities::exactly(keep).with_ambient()).no_new_privs();
//! let web = web.seccomp(Policy::standard(keep).allow(["io_uring_setup", "io_uring_enter"]));
//! web.check()?;
//! for step in web.steps(Some(1000)).before_identity() {
//!     println!("{step}"); // drop every capability but chown, net_bind_service from the bounding set, …
//! }
//! let lacking = web.capabilities.unwrap_or_default().lacking(Capabilities::current()?.bounding);
//! println!("this process cannot give: {lacking}");
//! # Ok(())
//! # }
//! ```
//!
//! [`FileCaps`] is what a file gives to its program, [`CapText`] libcap's text. A [`Label`] is what AppArmor or SELinux knows
//! a program by, an [`AppArmorProfile`] one that is made here; a [`Landlock`] ruleset is what a process denies itself.
//! [`Scheduler`], [`IoPriority`], [`MemoryPolicy`], [`Personality`] and other small doors can be used alone. [`Facts`] tells
//! what this kernel has of it all.
//!
//! # Limits
//! AppArmor's profiles are compiled by its own program, `apparmor_parser`; what SELinux enforces is another's policy. Filters
//! are compiled for every architecture of the tables ([`Arch`]), and loaded on those that this machine runs. It changes the
//! calling thread and no other, and only by functions whose names begin with `enter_`, or where [`Loading`] says so. The user
//! and groups are the package `skep-ns`'s. It is for Linux alone, on x86_64 and aarch64; the latter has not been run.
//!
//! # Kernels
//! Linux 5.10 and newer. Capabilities that a newer kernel adds have no name here, but are kept, dropped and shown by
//! number. System calls up to Linux 7.2 have names; newer ones answer `ENOSYS` under a policy that denies by default.
//!
//! # Privileges
//! None to describe, to compile and to read. `no_new_privs` or `CAP_SYS_ADMIN` to filter system calls; `CAP_SETPCAP` to
//! drop capabilities from the bounding set, `CAP_SYS_RESOURCE` to raise limits, `CAP_SETFCAP` for those of files,
//! `CAP_MAC_ADMIN` to load profiles; each function says so.
//!
//! # Features
//! `serde`: descriptions ([`Privileges`] and what is in it) can be serialised, and seccomp profiles in JSON read and written
//! (`Profile`).

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("skep-caps-sec is for Linux on x86_64 and aarch64: its system calls are written in assembly for each");

mod affinity;
mod caps;
mod core_scheduling;
mod dumpable;
mod error;
#[doc(hidden)]
pub mod floor;
#[doc(hidden)]
pub mod fuzzed;
mod io_priority;
mod keyring;
mod lsm;
mod memory_policy;
mod nearest;
mod no_new_privs;
mod number_set;
mod oom_score_adj;
mod parent_death_signal;
mod personality;
mod privileges;
mod probe;
mod rlimit;
mod scheduler;
mod seccomp;
mod securebits;
mod status;
mod steps;
mod words;
mod write_execute;

pub use crate::caps::{Cap, CapSet, CapSetIter, CapText, Capabilities, FileCaps};
pub use affinity::{apply_cpu_affinity_to, cpu_affinity_of};
pub use core_scheduling::{CoreCookie, CoreScope};
pub use dumpable::{dumpable, enter_undumpable};
pub use error::{Error, ErrorKind, Object};
pub use io_priority::{IoClass, IoPriority};
pub use keyring::{enter_session_keyring, session_keyring};
pub use lsm::{
    AppArmorProfile, CompiledProfile, Confinement, FileRights, Label, LabelOf, Landlock, LandlockRights, LandlockRule,
    NetRights, Scopes, SecurityModule, SelinuxContext, SelinuxMode,
};
pub use memory_policy::{MemoryFlags, MemoryMode, MemoryPolicy};
pub use no_new_privs::{enter_no_new_privs, no_new_privs, no_new_privs_of};
pub use number_set::NumberSet;
pub use oom_score_adj::OomScoreAdj;
pub use parent_death_signal::ParentDeathSignal;
pub use personality::Personality;
pub use privileges::Privileges;
pub use probe::Facts;
pub use rlimit::{Limit, Resource, Rlimit};
pub use scheduler::{Scheduler, SchedulerFlags, SchedulerPolicy};
pub use seccomp::{
    Answer, Arch, Arg, Call, CallGroup, Compare, Condition, Errno, Expected, Filter, Listener, Loading, LxcPolicy,
    Memory, Notification, Outcome, Policy, PolicyChange, Prepared, Recording, Rule, SeccompFeatures, SeccompMode,
    Supervision, Supervisor, Verdict, arg, enter_seccomp, seccomp_mode_of,
};
#[cfg(feature = "serde")]
pub use seccomp::{Profile, Resolved, Setting};
pub use securebits::Securebits;
pub use steps::Steps;
pub use write_execute::DenyWriteExecute;

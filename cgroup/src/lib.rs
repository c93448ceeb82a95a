// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much a process may use: control groups v1, v2 and hybrid behind one vocabulary.
//!
//! [`Layout`] says what this machine has and what we may do with it; [`Limits`] is a value, checked before anything is
//! touched; [`Cgroup`] is a group held open, under version 2 one directory, under version 1 and on hybrid machines one in
//! each hierarchy that it takes, all of one name. It is made whole or not at all, kills what is in it whatever that does,
//! and is removed with what was made below it. [`Stat`] is what it uses, read once ([`Cgroup::stat`]) or again and again
//! ([`StatReader`]); [`Changes`] and [`Watch`] tell what happens to it. Where systemd owns the tree, the module `systemd`
//! asks it for a group.
//!
//! ```
//! use skep_cgroup::{Layout, Limits, MIB, Quota};
//!
//! # fn main() -> Result<(), skep_cgroup::Error> {
//! let limits = Limits::new().memory_max(512 * MIB).pids_max(128).cpu(Quota::millicpus(1500));
//! limits.check()?;
//! let layout = Layout::detect()?;
//! println!("{layout}");
//! for lack in layout.assess("/web-1", &limits)? {
//!     println!("{lack}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Limits
//! [`Limits`] has those of every controller; any other control file is reached by its name ([`Cgroup::read`],
//! [`Cgroup::write`]), under the name of either version. It does not mount hierarchies, and
//! moves no process but the one it is told to. Hierarchies of version 1 that have a name alone (systemd's) are left alone
//! unless they are asked for ([`Layout::with_named`]).
//!
//! # Cost
//! A group is a directory in each hierarchy, and the kernel's work on it is nearly all that its life costs: on a hybrid
//! machine made, limited, joined, left and removed in three of them it takes 180 µs, of which 150 are the same calls without
//! this crate. Who names the controllers ([`Cgroup::create_with`]) has fewer hierarchies made and joined. A process that is
//! cloned into a group of version 2 ([`Cgroup::v2_fd`]) needs no joining; the first joining in a while waits for the kernel
//! (10 ms and more), those right behind it do not. [`StatReader`] takes one system call a file and no memory, a quarter of
//! what [`Cgroup::stat`] takes with its opening and closing; who needs one controller alone asks for that
//! ([`Cgroup::stat_of`]). Listing looks into each group for others: six system calls a group.
//!
//! # Kernels
//! Linux 5.10 and newer. `cgroup.kill` (5.14) is used where it is there, else freezing and signals.
//!
//! # Privileges
//! Write access to the directory of the group above: root, or delegation. Looking takes none. Device rules take
//! `CAP_SYS_ADMIN` of the first user namespace: no delegation gives them away.
//!
//! # Features
//! | feature | default | gives |
//! |---|---|---|
//! | `systemd` | yes | the module `systemd`: scopes and slices, asked for by a D-Bus client of our own; no dependency |
//! | `serde` | no | descriptions ([`Limits`], [`Layout`] and the values in them) and statistics ([`Stat`]) can be serialised |

mod controller;
mod delegate;
mod devices;
mod dir;
mod error;
mod events;
mod file;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzed;
mod group;
mod io_cost;
mod kernel;
mod layout;
mod limits;
mod path;
mod pidfd;
mod pressure;
mod programs;
mod raw;
mod stat;
mod sys;
#[cfg(feature = "systemd")]
pub mod systemd;
mod text;
mod v1;
mod value;

pub use controller::Controller;
pub use devices::{DeviceAccess, DeviceKind, DeviceProgram, DeviceRule, DeviceRules, DeviceVerdict, Devices};
pub use error::{Error, ErrorKind, Object};
pub use events::{Event, Events};
pub use group::{Cgroup, Changes, GroupType, MemoryPressure, Prepared, Watch};
pub use io_cost::{IoCostControl, IoCostModel, IoCostQos};
pub use layout::{Access, Hierarchy, Lack, Layout, LayoutKind, Reason, Version};
pub use limits::{
    CpuLimits, CpusetLimits, DeviceIoLimits, HugetlbLimits, IoLimits, Limits, MemoryLimits, NetLimits, PidsLimits,
    RdmaLimits,
};
pub use pressure::{PressureTrigger, Resource};
pub use programs::ProgramKind;
pub use stat::{
    CpuStat, CpuTime, HugetlbStat, IoStat, MemoryEvents, MemoryStat, MemoryUse, MiscStat, Named, PidsStat, Pressure,
    PressureStat, RdmaStat, Stall, Stat, StatReader, SwapEvents, WithSwapStat,
};
pub use value::{
    Bytes, DeviceNumber, GIB, IdList, KIB, MIB, Max, Micros, Partition, PartitionState, Percent, Quota, Weight,
};

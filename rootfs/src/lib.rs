// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a process sees on disk: a root that it cannot be led out of, and the mounts in it.
//!
//! [`Mounts`] says what shall be mounted where, as a value that is checked before anything is touched: binds, tmpfs, proc,
//! sysfs, devpts, mqueue, a minimal /dev, overlays, read-only and masked paths. [`RootSpec`] says what the root is made of,
//! a directory or memory, and where what is changed in it goes ([`Changes`]). [`Steps`] are made from both: a list that can
//! be read before it is done, and that a thread performs in a mount namespace of its own without a heap. Nothing in a root
//! is believed: every target is resolved inside it to a descriptor, and mounts are attached to that. [`Root`] is the same
//! for files and whole trees ([`TreeCopy`]), and for the small files that programs look themselves up in ([`Hosts`],
//! [`Account`]); it tells beforehand what it and this machine lack for mounts, and [`Foreseen`] what files the mounts will show. [`View`] is a copy-on-write root of this
//! machine's own files, made from what is mounted on it. [`Procfs`] is a proc that can be believed, and [`Pty`] a terminal
//! in a devpts that is given.
//!
//! [`MountInfo`] is a line of the table of mounts, [`MountTree`] the tree that they are, [`MountWatch`] tells of changes.
//! [`MountNamespace`] attaches mounts in the namespace of a process that lives already. [`Steps::prepare`] is for programs
//! that std's `Command` starts, [`Facts`] tells what this kernel has.
//!
//! ```
//! use skep_rootfs::{Bind, Mounts, RootSpec, Setting, Steps};
//!
//! let mounts = Mounts::standard().add(Bind::new("/var/log/web", "/logs").read_only());
//! mounts.check()?;
//! let steps = Steps::new(Some(&RootSpec::new("/srv/web")), &mounts, Setting::default());
//! for step in steps.iter() {
//!     println!("{step}");
//! }
//! // In a thread that is to live in it: steps.enter_mounts()?
//! # Ok::<(), skep_rootfs::Error>(())
//! ```
//!
//! # Limits
//! What it is not, yet: keeping root trees. Sources are paths of this machine and believed. It is for Linux alone, on
//! x86_64 and aarch64; the latter compiles and has not been run.
//!
//! # Kernels
//! Linux 5.10 and newer. Where the newer mount calls or openat2 are absent or refused by a filter, mount(2) and a walk by
//! descriptors do the same, no less carefully. Overlays in a user namespace take Linux 5.11; what else they cannot do there
//! is at [`Overlay`].
//!
//! # Privileges
//! `CAP_SYS_ADMIN` over the mount namespace: root, or a user namespace made with it. None to look at the table.
//!
//! # Features
//! `serde`: descriptions ([`Mounts`], [`RootSpec`]) can be serialised. A path is stored as text where it is text, else as a
//! list of its bytes.

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!("skep-rootfs is for Linux on x86_64 and aarch64: its system calls are written in assembly for each");

mod detached;
mod enter;
mod error;
#[doc(hidden)]
pub mod floor;
mod foreseen;
mod fstab;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzed;
mod living;
mod mounts;
mod probe;
mod procfs;
mod pty;
mod root;
mod steps;
#[cfg(feature = "serde")]
mod stored;
mod sys;
mod table;
mod tree;
mod view;
mod write;

pub use detached::fs_log;
pub use enter::{NewNamespaces, Prepared};
pub use error::{Error, ErrorKind, Object};
pub use foreseen::Foreseen;
pub use living::{Attached, MountNamespace};
pub use mounts::{
    Attributes, Bind, CgroupAccess, Cgroups, Changes, Dev, Device, DeviceKind, Devpts, Disk, FileSystem, HidePid,
    Hierarchy, IdRange, Idmap, Mount, Mounts, Mqueue, Overlay, Proc, Propagation, Redirect, Symlink, Sysfs, Tmpfs,
    Xino,
};
pub use probe::Facts;
pub use procfs::{Procfs, Whose};
pub use pty::{Pty, RawMode};
pub use root::{DirEntry, EntryKind, Node, OpenOptions, ReadDir, Root};
pub use steps::{Base, RootSpec, Setting, Steps, Stop, Trees};
pub use table::{MountInfo, MountTree, MountWatch, PeerGroups};
pub use tree::{Copied, Refused, Removed, TreeCopy};
pub use view::View;
pub use write::{Account, Group, Hosts, MachineId, ResolvConf};

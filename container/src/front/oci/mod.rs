// SPDX-License-Identifier: MIT OR Apache-2.0
//! The OCI runtime specification, version 1.3: bundles, their configuration, the state of containers.
//!
//! A [`Config`] is a `config.json`, key by key; a [`Bundle`] is a directory with one, and becomes a [`Builder`](crate::Builder);
//! a [`State`] is what is told of a container, [`Features`] what is known here.
//!
//! What a configuration says and this library cannot do is an error that names its place: nothing is dropped without a word.
//!
//! Format: opencontainers/runtime-spec, config.md, config-linux.md, runtime.md.

mod back;
mod bundle;
mod config;
mod features;
mod hooks;
mod linux;
mod mount;
mod object;
mod process;
mod read;
mod resources;
mod seccomp;
mod state;
#[cfg(test)]
mod tests;
mod translate;

pub use bundle::Bundle;
pub use config::{Config, Root};
pub use features::{
    CgroupFeatures, Enabled, Features, LinuxFeatures, MemoryPolicyFeatures, MountExtensions, SeccompFeatures,
};
pub use hooks::{Hook, Hooks};
pub use linux::{Device, IntelRdt, Linux, MemoryPolicy, Namespace, NetDevice, Personality, TimeOffset};
pub use mount::{IdMapping, Mount};
pub use process::{Capabilities, ConsoleSize, CpuAffinity, IoPriority, Process, Rlimit, Scheduler, User};
pub use resources::{
    BlockIo, Cpu, DeviceRule, HugepageLimit, InterfacePriority, Memory, Network, Pids, Rdma, Resources, ThrottleDevice,
    WeightDevice,
};
pub use seccomp::{Seccomp, Syscall, SyscallArg};
pub use state::{State, StateStatus};
pub use translate::{Setting, Translated};

/// The version of the specification that is read and written.
pub const VERSION: &str = "1.3.0";

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits: what a group may use.
//!
//! A [`Limits`] is a value: build it, compare it, print it, then [`Cgroup::apply`](crate::Cgroup::apply) it. Unset means
//! "leave alone", which is not the same as [`Max::Unlimited`]. Version 1's files are reached through the same names; the
//! table is in `limits/key.rs`.
//!
//! Man: cgroups(7). Kernel: Documentation/admin-guide/cgroup-v2.rst, "CPU", "Memory", "PID", "Cpuset".

mod build;
mod countable;
mod cpu;
mod cpuset;
mod fields;
mod hugetlb;
mod io;
mod key;
mod memory;
mod pids;
pub(crate) mod refusal;
mod setting;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use countable::{NetLimits, RdmaLimits};
pub use cpu::CpuLimits;
pub use cpuset::CpusetLimits;
pub use hugetlb::HugetlbLimits;
pub(crate) use hugetlb::page_size;
pub use io::{DeviceIoLimits, IoLimits};
pub(crate) use key::Key;
pub use memory::MemoryLimits;
pub use pids::PidsLimits;
pub(crate) use setting::{Setting, Value};

use crate::controller::Controller;
use crate::devices::DeviceRules;
use crate::error::{Error, Object};
use crate::layout::Lack;
use crate::value::{Bytes, Max};

/// What a group may use; what is unset is left alone.
///
/// ```
/// use skep_cgroup::{Limits, MIB, Quota};
///
/// let limits = Limits::new().memory_max(512 * MIB).pids_max(128).cpu(Quota::millicpus(1500));
/// limits.check()?;
///
/// let few = Limits::new().memory_max("1K".parse::<skep_cgroup::Bytes>()?).pids_max(0);
/// assert_eq!(few.problems().len(), 2);
/// # Ok::<(), skep_cgroup::Error>(())
/// ```
///
/// With the feature `serde` it is `{"memory": {"max": "512M"}, "pids": {"max": 128}, "cpu": {"quota": "1.5"}}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Limits {
    /// Processor time.
    pub cpu: CpuLimits,
    /// Which processors and memory nodes.
    pub cpuset: CpusetLimits,
    /// Memory and swap.
    pub memory: MemoryLimits,
    /// Block devices.
    pub io: IoLimits,
    /// The number of processes and threads.
    pub pids: PidsLimits,
    /// Huge pages, by their size.
    pub hugetlb: BTreeMap<Bytes, HugetlbLimits>,
    /// RDMA devices, by their name.
    #[doc(alias = "rdma.max")]
    pub rdma: BTreeMap<String, RdmaLimits>,
    /// Resources that are counted and nothing more, by the names in `misc.capacity` of the root ("sev").
    #[doc(alias = "misc.max")]
    pub misc: BTreeMap<String, Max<u64>>,
    /// Marks on network packets. Version 1 alone, and a group takes those controllers only if it is made with them
    /// ([`Cgroup::create_with`](crate::Cgroup::create_with)).
    pub net: NetLimits,
    /// Which devices may be opened and made.
    pub devices: Option<DeviceRules>,
}

fields::limits_of!(Limits { devices: Devices as Devices });

impl Limits {
    /// Nothing is set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.settings().is_empty()
    }

    /// The controllers that it takes, each once.
    pub fn controllers(&self) -> impl Iterator<Item = Controller> + use<> {
        let mut all: Vec<Controller> = self.settings().iter().map(|setting| setting.key.controller()).collect();
        all.dedup();
        all.into_iter()
    }

    /// Everything wrong with the limits by themselves, a sentence each, beginning with its place ("memory.max …"). What
    /// this machine has is not asked: [`Layout::assess`](crate::Layout::assess) does that.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let Self { cpu, cpuset, memory, io, pids, hugetlb, rdma, misc, net, devices } = self;
        let mut problems = Vec::new();
        cpu.problems(&mut problems);
        cpuset.problems(&mut problems);
        memory.problems(&mut problems);
        io.problems(&mut problems);
        pids.problems(&mut problems);
        hugetlb.keys().for_each(|size| HugetlbLimits::problems(*size, &mut problems));
        rdma.keys().for_each(|name| countable::of_name("rdma", name, &mut problems));
        misc.keys().for_each(|name| countable::of_name("misc", name, &mut problems));
        net.problems(&mut problems);
        problems.extend(devices.iter().flat_map(DeviceRules::problems));
        problems
    }

    /// Whether the limits make sense by themselves.
    ///
    /// # Errors
    /// `Invalid`, with every problem found ([`Error::problems`]).
    pub fn check(&self) -> Result<(), Error> {
        let problems = self.problems();
        if problems.is_empty() { Ok(()) } else { Err(Error::invalid("use", Object::Named("limits"), problems)) }
    }

    /// The same without what cannot be applied: for who would rather have some limits than none.
    ///
    /// `lacks` is what [`Layout::assess`](crate::Layout::assess) has named.
    #[must_use]
    pub fn without(&self, lacks: &[Lack]) -> Self {
        let mut limits = self.clone();
        for setting in self.settings() {
            let place = setting.place();
            if lacks.iter().any(|lack| lack.limit() == Some(place.as_str())) {
                limits.unset(&setting);
            }
        }
        limits
    }

    /// What is set, the limits of one controller beside each other, in an order in which none is refused for another that
    /// comes later.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        let Self { cpu, cpuset, memory, io, pids, hugetlb, rdma, misc, net, devices: _ } = self;
        let mut all = Vec::new();
        cpu.settings(&mut all);
        cpuset.settings(&mut all);
        memory.settings(&mut all);
        io.settings(&mut all);
        pids.settings(&mut all);
        hugetlb.iter().for_each(|(size, limits)| limits.settings(*size, &mut all));
        rdma.iter().for_each(|(name, limits)| limits.settings(name, &mut all));
        countable::misc_settings(misc, &mut all);
        net.settings(&mut all);
        self.own_settings(None, &mut all);
        all
    }

    /// Has one left alone.
    fn unset(&mut self, setting: &Setting) {
        let Self { cpu, cpuset, memory, io, pids, hugetlb, rdma, misc, net, devices: _ } = self;
        let (key, of) = (setting.key, setting.of.as_deref());
        cpu.unset(key);
        cpuset.unset(key);
        memory.unset(key);
        io.unset(key, of);
        pids.unset(key);
        let sizes = hugetlb.iter_mut().filter(|(size, _)| of == Some(&page_size(**size)));
        sizes.for_each(|(_, limits)| limits.unset(key));
        hugetlb.retain(|_, limits| *limits != HugetlbLimits::default());
        rdma.iter_mut().filter(|(name, _)| of == Some(name)).for_each(|(_, limits)| limits.unset(key));
        rdma.retain(|_, limits| *limits != RdmaLimits::default());
        if key == Key::Misc {
            misc.retain(|name, _| of != Some(name));
        }
        net.unset(key, of);
        self.unset_own(key);
    }
}

/// What is set, as people read it: "memory.max 512 MiB, pids.max 128"; nothing if nothing is.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, setting) in self.settings().iter().enumerate() {
            write!(f, "{}{} {}", if at == 0 { "" } else { ", " }, setting.place(), setting.human())?;
        }
        Ok(())
    }
}

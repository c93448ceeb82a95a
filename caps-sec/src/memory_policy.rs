// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory policy: which nodes of a machine a thread's memory comes from.
//!
//! Man: set_mempolicy(2), numa(7). Kernel: include/uapi/linux/mempolicy.h.

use std::fmt;

use crate::error::{Error, ErrorKind, Object};
use crate::floor::sys::{Errno, sched};
use crate::number_set::NumberSet;
use crate::words::kernel_words;

/// The rule by which a node is chosen.
///
/// Displays as a short name ("bind"), and parses from that and the kernel's ("MPOL_BIND"), in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "String", into = "String")
)]
#[non_exhaustive]
pub enum MemoryMode {
    /// The node of the processor that asks.
    #[default]
    Default,
    /// This node, and others if it has none left.
    Preferred,
    /// These nodes and no others.
    Bind,
    /// These nodes in turns.
    Interleave,
    /// The node of the processor that asks, said explicitly.
    Local,
    /// These nodes, and others if they have none left. Linux 5.15.
    PreferredMany,
    /// These nodes in turns by their weights. Linux 6.9.
    WeightedInterleave,
}

kernel_words! {
    MemoryMode, "memory mode",
    Default "default" "MPOL_DEFAULT",
    Preferred "preferred" "MPOL_PREFERRED",
    Bind "bind" "MPOL_BIND",
    Interleave "interleave" "MPOL_INTERLEAVE",
    Local "local" "MPOL_LOCAL",
    PreferredMany "preferred-many" "MPOL_PREFERRED_MANY",
    WeightedInterleave "weighted-interleave" "MPOL_WEIGHTED_INTERLEAVE",
}

bitflags::bitflags! {
    /// How nodes are meant.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
    pub struct MemoryFlags: u32 {
        /// They stay the same when the cpuset changes.
        #[doc(alias = "MPOL_F_STATIC_NODES")]
        const STATIC_NODES = 1 << 15;
        /// They are counted within the cpuset.
        #[doc(alias = "MPOL_F_RELATIVE_NODES")]
        const RELATIVE_NODES = 1 << 14;
        /// Pages move to where they are used; with `Bind`. Linux 5.12.
        #[doc(alias = "MPOL_F_NUMA_BALANCING")]
        const NUMA_BALANCING = 1 << 13;
    }
}

/// Which nodes a thread's memory comes from, and that of what it starts.
///
/// ```
/// use skep_caps_sec::{MemoryMode, MemoryPolicy};
///
/// let near = MemoryPolicy::new(MemoryMode::Bind, [0]);
/// assert_eq!(near.to_string(), "bind 0");
/// assert_eq!(
///     MemoryPolicy::new(MemoryMode::Bind, []).problems(),
///     ["memory_policy: bind needs at least one node"],
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct MemoryPolicy {
    /// The rule.
    pub mode: MemoryMode,
    /// The nodes.
    pub nodes: NumberSet,
    /// How they are meant.
    pub flags: MemoryFlags,
}

const THREAD: Object = Object::Named("the calling thread");

impl MemoryPolicy {
    /// This rule for these nodes.
    #[must_use]
    pub fn new(mode: MemoryMode, nodes: impl IntoIterator<Item = u16>) -> Self {
        Self { mode, nodes: nodes.into_iter().collect(), flags: MemoryFlags::empty() }
    }

    /// With these flags.
    #[must_use]
    pub fn flags(mut self, flags: MemoryFlags) -> Self {
        self.flags = flags;
        self
    }

    /// What is wrong with it, in sentences.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        use MemoryMode::{Bind, Default, Interleave, Local, Preferred, PreferredMany, WeightedInterleave};
        let mut problems = self.nodes.problems("memory_policy");
        let mode = self.mode;
        match mode {
            Default | Local if !self.nodes.is_empty() => {
                problems.push(format!("memory_policy: {mode} has no nodes, and {} were given", self.nodes));
            }
            Bind | Interleave | PreferredMany | WeightedInterleave if self.nodes.is_empty() => {
                problems.push(format!("memory_policy: {mode} needs at least one node"));
            }
            Preferred if self.nodes.len() > 1 => {
                problems.push(format!("memory_policy: preferred has one node, and {} were given", self.nodes));
            }
            _ => {}
        }
        if self.flags.contains(MemoryFlags::STATIC_NODES | MemoryFlags::RELATIVE_NODES) {
            problems.push("memory_policy: nodes are either static or relative".to_owned());
        }
        if self.flags.contains(MemoryFlags::NUMA_BALANCING) && !matches!(mode, Bind | PreferredMany) {
            problems.push(format!("memory_policy: numa_balancing goes with bind, not with {mode}"));
        }
        problems
    }

    pub(crate) fn mode_bits(&self) -> u32 {
        let mode = match self.mode {
            MemoryMode::Default => 0,
            MemoryMode::Preferred => 1,
            MemoryMode::Bind => 2,
            MemoryMode::Interleave => 3,
            MemoryMode::Local => 4,
            MemoryMode::PreferredMany => 5,
            MemoryMode::WeightedInterleave => 6,
        };
        mode | self.flags.bits()
    }

    /// The calling thread's.
    ///
    /// # Errors
    /// `Unsupported` on a kernel without nodes of memory (`CONFIG_NUMA`), and for a mode that has no name here.
    #[doc(alias = "get_mempolicy")]
    pub fn current() -> Result<Self, Error> {
        const OP: &str = "read the memory policy of";
        let mut nodes = [0_u64; 128];
        // The kernel wants room for all nodes that it may have, and not for more than a page of bits.
        let bits = sched::memory_policy(&mut nodes).map_err(|errno| Error::os(OP, THREAD, errno.0.into()))?;
        let flags = MemoryFlags::from_bits_truncate(bits);
        let mode = bits & !flags.bits();
        let known = MemoryMode::ALL.iter().find(|known| Self::new(**known, []).mode_bits() == mode);
        match known {
            Some(known) => Ok(Self { mode: *known, nodes: NumberSet::of_words(&nodes), flags }),
            None => Err(Error::because(OP, THREAD, ErrorKind::Unsupported, format!("it has the number {mode}"))),
        }
    }

    /// Gives it to the calling thread, and what it starts.
    ///
    /// # Errors
    /// `Invalid` with every problem, before anything is touched, and for nodes that this machine, or the thread's cpuset,
    /// does not have; `Unsupported` on a kernel without nodes of memory.
    #[doc(alias = "set_mempolicy")]
    pub fn enter_thread(&self) -> Result<(), Error> {
        const OP: &str = "set the memory policy of";
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::invalid(OP, THREAD, problems));
        }
        sched::set_memory_policy(self.mode_bits(), &self.nodes.to_bytes()).map_err(|errno| {
            let error = Error::os(OP, THREAD, errno.0.into());
            if errno == Errno::INVAL { error.with_hint(NODES) } else { error }
        })
    }
}

pub(crate) const NODES: &str = "the nodes of this machine are in /sys/devices/system/node/online, those of a process in Mems_allowed_list of its status";

impl fmt::Display for MemoryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mode)?;
        if !self.nodes.is_empty() {
            write!(f, " {}", self.nodes)?;
        }
        for (name, _) in self.flags.iter_names() {
            write!(f, ", {}", name.to_ascii_lowercase())?;
        }
        Ok(())
    }
}

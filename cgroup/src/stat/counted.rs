// SPDX-License-Identifier: MIT OR Apache-2.0
//! Countable resources: of RDMA devices, and what the misc controller has.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "RDMA", "Misc"; kernel/cgroup/rdma.c, kernel/cgroup/misc.c.

use super::refill::stat;
use super::{Named, Stat};
use crate::text::{flat, limit, nested, number};
use crate::value::Max;

stat! {
    /// What a group has of one RDMA device.
    pub struct RdmaStat {
        /// Handles.
        #[doc(alias = "hca_handle")]
        handles: Option<u64>,
        /// How many it may have.
        handles_max: Option<Max<u64>>,
        /// Objects.
        #[doc(alias = "hca_object")]
        objects: Option<u64>,
        /// How many it may have.
        objects_max: Option<Max<u64>>,
        /// What the kernel told and this crate has no name for, by the kernel's keys; limits with ".max" behind them.
        other: Named<String>,
    }
}

stat! {
    /// What a group has of one resource of the misc controller.
    pub struct MiscStat {
        /// How much it has.
        #[doc(alias = "misc.current")]
        current: Option<u64>,
        /// How much it may have.
        #[doc(alias = "misc.max")]
        max: Option<Max<u64>>,
        /// The most it ever had; Linux 6.11.
        #[doc(alias = "misc.peak")]
        peak: Option<u64>,
        /// How often it wanted more than it may have; Linux 5.16.
        #[doc(alias = "misc.events")]
        refused: Option<u64>,
        /// The same without groups below; Linux 6.11.
        #[doc(alias = "misc.events.local")]
        refused_local: Option<u64>,
        /// What the kernel told and this crate has no name for, by the kernel's keys.
        other: Named<String>,
    }
}

/// What of a device comes behind its name is never a name.
fn never(_: &str) -> bool {
    false
}

impl Stat {
    /// `rdma.current`: "mlx4_0 hca_handle=2 hca_object=2000".
    pub(super) fn read_rdma(&mut self, text: &str) {
        nested(text, never, |device, pair| {
            self.rdma.fill(device, |stat| match pair.map(|(key, value)| (key, value, number(value))) {
                Some(("hca_handle", _, Some(count))) => stat.handles = Some(count),
                Some(("hca_object", _, Some(count))) => stat.objects = Some(count),
                Some((key, value, _)) => stat.other.put(key, value),
                None => {}
            });
        });
    }

    /// `rdma.max`: "mlx4_0 hca_handle=2 hca_object=max".
    pub(super) fn read_rdma_max(&mut self, text: &str) {
        nested(text, never, |device, pair| {
            self.rdma.fill(device, |stat| match pair.map(|(key, value)| (key, value, limit(value))) {
                Some(("hca_handle", _, Some(max))) => stat.handles_max = Some(max),
                Some(("hca_object", _, Some(max))) => stat.objects_max = Some(max),
                // A name of ours, so that it is not taken for what is used; the rarest of cases.
                Some((key, value, _)) => stat.other.put(&format!("{key}.max"), value),
                None => {}
            });
        });
    }

    fn of_misc(&mut self, text: &str, put: impl Fn(&mut MiscStat, &str)) {
        flat(text, |name, value| self.misc.fill(name, |stat| put(stat, value)));
    }

    pub(super) fn read_misc(&mut self, text: &str) {
        self.of_misc(text, |stat, value| stat.current = number(value));
    }

    pub(super) fn read_misc_max(&mut self, text: &str) {
        self.of_misc(text, |stat, value| stat.max = limit(value));
    }

    pub(super) fn read_misc_peak(&mut self, text: &str) {
        self.of_misc(text, |stat, value| stat.peak = number(value));
    }

    /// `misc.events`: "res_a.max 0".
    pub(super) fn read_misc_events(&mut self, text: &str) {
        self.events_of_misc(text, |stat, count| stat.refused = Some(count));
    }

    pub(super) fn read_misc_local_events(&mut self, text: &str) {
        self.events_of_misc(text, |stat, count| stat.refused_local = Some(count));
    }

    fn events_of_misc(&mut self, text: &str, put: impl Fn(&mut MiscStat, u64)) {
        flat(text, |key, value| {
            let (name, event) = key.rsplit_once('.').unwrap_or((key, ""));
            self.misc.fill(name, |stat| match (event, number(value)) {
                ("max", Some(count)) => put(stat, count),
                _ => stat.other.put(event, value),
            });
        });
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Block devices.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "IO"; cgroup-v1/blkio-controller.rst.

use super::Stat;
use super::refill::{count, keyed};
use crate::text::{flat, nested, number};
use crate::value::{Bytes, DeviceNumber};

keyed! {
    /// What a group did with one block device.
    pub struct IoStat {
        /// What was read.
        #[doc(alias = "rbytes")]
        read: Bytes = Bytes::new["rbytes"];
        /// What was written.
        #[doc(alias = "wbytes")]
        written: Bytes = Bytes::new["wbytes"];
        /// What was discarded.
        #[doc(alias = "dbytes")]
        discarded: Bytes = Bytes::new["dbytes"];
        /// How often something was read.
        #[doc(alias = "rios")]
        reads: u64 = count["rios"];
        /// How often something was written.
        #[doc(alias = "wios")]
        writes: u64 = count["wios"];
        /// How often something was discarded.
        #[doc(alias = "dios")]
        discards: u64 = count["dios"];
    }
}

impl Stat {
    /// `io.stat`.
    pub(super) fn read_io(&mut self, text: &str) {
        nested(text, is_device, |device, pair| {
            self.io.fill(device, |stat| {
                if let Some((key, value)) = pair {
                    stat.put(key, value);
                }
            });
        });
    }

    /// `blkio.*.io_service_bytes`: "8:0 Read 4096".
    pub(super) fn read_io_bytes(&mut self, text: &str) {
        self.io_of_v1(text, |stat, what, number| match what {
            "Read" => stat.read = Some(Bytes::new(number)),
            "Write" => stat.written = Some(Bytes::new(number)),
            "Discard" => stat.discarded = Some(Bytes::new(number)),
            _ => {}
        });
    }

    /// `blkio.*.io_serviced`: "8:0 Read 1".
    pub(super) fn read_io_counts(&mut self, text: &str) {
        self.io_of_v1(text, |stat, what, number| match what {
            "Read" => stat.reads = Some(number),
            "Write" => stat.writes = Some(number),
            "Discard" => stat.discards = Some(number),
            _ => {}
        });
    }

    /// The same operations are told once more by whether anybody waits for them, and as sums: those are passed over.
    fn io_of_v1(&mut self, text: &str, put: impl Fn(&mut IoStat, &str, u64)) {
        flat(text, |device, rest| {
            let Some((what, value)) = rest.split_once(' ').filter(|_| is_device(device)) else { return };
            self.io.fill(device, |stat| match (what, number(value)) {
                ("Sync" | "Async" | "Total", _) => {}
                ("Read" | "Write" | "Discard", Some(number)) => put(stat, what, number),
                _ => stat.other.put(what, value),
            });
        });
    }
}

/// Whether it is the numbers of a device.
fn is_device(word: &str) -> bool {
    DeviceNumber::of(word).is_some()
}

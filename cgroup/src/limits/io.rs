// SPDX-License-Identifier: MIT OR Apache-2.0
//! Block devices.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "IO"; cgroup-v1/blkio-controller.rst; Documentation/block/bfq-iosched.rst.

use std::collections::BTreeMap;

use super::fields::limits_of;
use crate::value::{Bytes, DeviceNumber, Max, Micros, Weight};

/// What a group may use of block devices; what is unset is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct IoLimits {
    /// The share where groups compete for a device that io.cost is enabled on, from 1 to 10000. In version 1
    /// `blkio.weight`, from 10 to 1000, which it is converted to: few kernels have it.
    #[doc(alias = "io.weight")]
    #[doc(alias = "blkio.weight")]
    pub weight: Option<Weight>,
    /// The share where groups compete for a device whose scheduler is BFQ, from 1 to 1000. It takes a kernel with BFQ.
    #[doc(alias = "io.bfq.weight")]
    #[doc(alias = "blkio.bfq.weight")]
    pub bfq_weight: Option<Weight>,
    /// Limits of single devices, which are whole disks: partitions have none of their own.
    pub devices: BTreeMap<DeviceNumber, DeviceIoLimits>,
}

/// What a group may use of one device; what is unset is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct DeviceIoLimits {
    /// [`IoLimits::weight`], for this device; io.cost has to be enabled on it.
    #[doc(alias = "blkio.weight_device")]
    pub weight: Option<Weight>,
    /// [`IoLimits::bfq_weight`], for this device; BFQ has to be its scheduler.
    #[doc(alias = "blkio.bfq.weight_device")]
    pub bfq_weight: Option<Weight>,
    /// The time that a request should take at most: others are slowed down while this group waits for longer. Version 2
    /// alone.
    #[doc(alias = "io.latency")]
    pub latency: Option<Max<Micros>>,
    /// The most bytes read in a second; from 2.
    #[doc(alias = "rbps")]
    #[doc(alias = "blkio.throttle.read_bps_device")]
    pub read_bytes: Option<Max<Bytes>>,
    /// The most bytes written in a second; from 2.
    #[doc(alias = "wbps")]
    #[doc(alias = "blkio.throttle.write_bps_device")]
    pub write_bytes: Option<Max<Bytes>>,
    /// The most reads in a second; from 2 to 4294967295.
    #[doc(alias = "riops")]
    #[doc(alias = "blkio.throttle.read_iops_device")]
    pub reads: Option<Max<u64>>,
    /// The most writes in a second; from 2 to 4294967295.
    #[doc(alias = "wiops")]
    #[doc(alias = "blkio.throttle.write_iops_device")]
    pub writes: Option<Max<u64>>,
}

limits_of!(IoLimits { weight: IoWeight as Weight, bfq_weight: BfqWeight as Weight });

limits_of!(DeviceIoLimits {
    weight: DeviceWeight as Weight,
    bfq_weight: DeviceBfqWeight as Weight,
    latency: IoLatency as Time,
    read_bytes: ReadBytes as Amount,
    write_bytes: WriteBytes as Amount,
    reads: Reads as Count,
    writes: Writes as Count,
});

impl IoLimits {
    pub(super) fn settings(&self, to: &mut Vec<super::Setting>) {
        self.own_settings(None, to);
        self.devices.iter().for_each(|(device, limits)| limits.own_settings(Some(&device.to_string()), to));
    }

    pub(super) fn unset(&mut self, key: super::Key, of: Option<&str>) {
        self.unset_own(key);
        for (_, limits) in self.devices.iter_mut().filter(|(device, _)| of == Some(&device.to_string())) {
            limits.unset_own(key);
        }
        self.devices.retain(|_, limits| *limits != DeviceIoLimits::default());
    }

    pub(super) fn problems(&self, problems: &mut Vec<String>) {
        of_weights("io", self.weight, self.bfq_weight, problems);
        for (device, limits) in &self.devices {
            let place = format!("io.devices.{device}");
            of_weights(&place, limits.weight, limits.bfq_weight, problems);
            let rates = [
                ("read_bytes", limits.read_bytes.and_then(Max::limit).map(Bytes::as_u64), u64::MAX),
                ("write_bytes", limits.write_bytes.and_then(Max::limit).map(Bytes::as_u64), u64::MAX),
                ("reads", limits.reads.and_then(Max::limit), u32::MAX.into()),
                ("writes", limits.writes.and_then(Max::limit), u32::MAX.into()),
            ];
            for (name, rate, most) in rates {
                match rate {
                    Some(rate) if rate < 2 => {
                        problems.push(format!("{place}.{name} {rate} in a second is below the 2 that the kernel takes"));
                    }
                    Some(rate) if rate > most => problems.push(format!(
                        "{place}.{name} {rate} in a second is more than the {most} that the kernel takes; unlimited is \"max\""
                    )),
                    _ => {}
                }
            }
        }
    }
}

fn of_weights(place: &str, weight: Option<Weight>, bfq: Option<Weight>, problems: &mut Vec<String>) {
    for (name, weight, most) in [("weight", weight, 10_000), ("bfq_weight", bfq, 1000)] {
        if let Some(weight) = weight.filter(|weight| !(1..=most).contains(&weight.as_u32())) {
            problems.push(format!("{place}.{name} {weight} is not from 1 to {most}"));
        }
    }
}

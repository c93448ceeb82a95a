// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a container may use at most: limits of control groups.

use std::collections::BTreeMap;

use super::object::object;

object! {
    /// What a container may use at most, in the words of control groups of version 1, and of version 2 as [`unified`](Self::unified).
    Resources {
        required {}
        optional {
            /// Which devices may be used; the last rule counts.
            devices: Vec<DeviceRule> = "devices",
            /// Memory and swap.
            memory: Memory = "memory",
            /// Processors.
            cpu: Cpu = "cpu",
            /// Processes and threads.
            pids: Pids = "pids",
            /// Block devices.
            block_io: BlockIo = "blockIO",
            /// Huge pages.
            hugepage_limits: Vec<HugepageLimit> = "hugepageLimits",
            /// Marks on packets.
            network: Network = "network",
            /// RDMA devices, by their name.
            rdma: BTreeMap<String, Rdma> = "rdma",
            /// Files of version 2, and what is written to them.
            unified: BTreeMap<String, String> = "unified",
        }
    }
}

object! {
    /// Whether devices may be used.
    DeviceRule {
        required {
            /// Whether they may.
            allow: bool = "allow",
        }
        optional {
            /// `c`, `b`, or `a` for both, as if it were absent.
            kind: String = "type",
            /// Their driver's number; every one by default.
            major: i64 = "major",
            /// Their own; every one by default.
            minor: i64 = "minor",
            /// Letters of `rwm`; all by default.
            access: String = "access",
        }
    }
}

object! {
    /// Memory and swap, in bytes; -1 is no limit.
    Memory {
        required {}
        optional {
            /// The most memory.
            limit: i64 = "limit",
            /// What is taken away last.
            reservation: i64 = "reservation",
            /// The most memory and swap together.
            swap: i64 = "swap",
            /// The most memory of the kernel's for it: no kernel of today has that.
            kernel: i64 = "kernel",
            /// The most memory of the kernel's for TCP.
            kernel_tcp: i64 = "kernelTCP",
            /// How readily memory is swapped out, 0 to 100.
            swappiness: u64 = "swappiness",
            /// Whether nobody is killed when memory runs out.
            disable_oom_killer: bool = "disableOOMKiller",
            /// Whether groups below count too, as they always do today.
            use_hierarchy: bool = "useHierarchy",
            /// Whether a limit below what is used is refused when it is changed.
            check_before_update: bool = "checkBeforeUpdate",
        }
    }
}

object! {
    /// Processors; times are in microseconds.
    Cpu {
        required {}
        optional {
            /// The share where groups compete, 2 to 262144.
            shares: u64 = "shares",
            /// The time in each period; -1 is no limit.
            quota: i64 = "quota",
            /// How much of unused time may be used later.
            burst: u64 = "burst",
            /// The period.
            period: u64 = "period",
            /// The time in each real-time period.
            realtime_runtime: i64 = "realtimeRuntime",
            /// The real-time period.
            realtime_period: u64 = "realtimePeriod",
            /// The processors: `0-3,7`.
            cpus: String = "cpus",
            /// The memory nodes.
            mems: String = "mems",
            /// 1 for running only where nobody else wants to.
            idle: i64 = "idle",
        }
    }
}

object! {
    /// Processes and threads.
    Pids {
        required {}
        optional {
            /// The most; -1 is no limit.
            limit: i64 = "limit",
        }
    }
}

object! {
    /// Block devices.
    BlockIo {
        required {}
        optional {
            /// The share where groups compete, 10 to 1000.
            weight: u16 = "weight",
            /// The same beside the groups below.
            leaf_weight: u16 = "leafWeight",
            /// The same for single devices.
            weight_device: Vec<WeightDevice> = "weightDevice",
            /// The most bytes read in a second.
            throttle_read_bps_device: Vec<ThrottleDevice> = "throttleReadBpsDevice",
            /// The most bytes written in a second.
            throttle_write_bps_device: Vec<ThrottleDevice> = "throttleWriteBpsDevice",
            /// The most reads in a second.
            throttle_read_iops_device: Vec<ThrottleDevice> = "throttleReadIOPSDevice",
            /// The most writes in a second.
            throttle_write_iops_device: Vec<ThrottleDevice> = "throttleWriteIOPSDevice",
        }
    }
}

object! {
    /// The share of a device.
    WeightDevice {
        required {
            /// The driver's number.
            major: i64 = "major",
            /// The device's.
            minor: i64 = "minor",
        }
        optional {
            /// The share where groups compete for it.
            weight: u16 = "weight",
            /// The same beside the groups below.
            leaf_weight: u16 = "leafWeight",
        }
    }
}

object! {
    /// The most that is done to a device in a second.
    ThrottleDevice {
        required {
            /// The driver's number.
            major: i64 = "major",
            /// The device's.
            minor: i64 = "minor",
            /// Bytes, or requests.
            rate: u64 = "rate",
        }
        optional {}
    }
}

object! {
    /// Huge pages of one size.
    HugepageLimit {
        required {
            /// Their size: `2MB`.
            page_size: String = "pageSize",
            /// The most bytes in them.
            limit: u64 = "limit",
        }
        optional {}
    }
}

object! {
    /// Marks on packets.
    Network {
        required {}
        optional {
            /// The class for tc(8).
            class_id: u32 = "classID",
            /// Priorities on network devices.
            priorities: Vec<InterfacePriority> = "priorities",
        }
    }
}

object! {
    /// The priority of packets on a network device.
    InterfacePriority {
        required {
            /// The device's name.
            name: String = "name",
            /// The priority.
            priority: u32 = "priority",
        }
        optional {}
    }
}

object! {
    /// What may be used of an RDMA device.
    Rdma {
        required {}
        optional {
            /// The most handles.
            hca_handles: u32 = "hcaHandles",
            /// The most objects.
            hca_objects: u32 = "hcaObjects",
        }
    }
}

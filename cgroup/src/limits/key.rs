// SPDX-License-Identifier: MIT OR Apache-2.0
//! Keys: each limit by its place in [`Limits`](super::Limits), its controller and its file in either version.

use crate::controller::Controller;
use crate::devices;

/// One limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    CpuQuota,
    CpuBurst,
    CpuIdle,
    CpuWeight,
    CpuShares,
    RtRuntime,
    RtPeriod,
    ClampMin,
    ClampMax,
    Cpus,
    Mems,
    CpusExclusive,
    Partition,
    CpuExclusive,
    MemExclusive,
    MemHardwall,
    MemoryMigrate,
    SpreadPage,
    SpreadSlab,
    LoadBalance,
    RelaxLevel,
    MemoryMax,
    MemoryHigh,
    MemoryLow,
    MemoryMin,
    Swap,
    SwapHigh,
    ZswapMax,
    ZswapWriteback,
    OomGroup,
    OomKill,
    Swappiness,
    KernelTcp,
    IoWeight,
    BfqWeight,
    DeviceWeight,
    DeviceBfqWeight,
    IoLatency,
    ReadBytes,
    WriteBytes,
    Reads,
    Writes,
    Pids,
    HugetlbMax,
    HugetlbReserved,
    RdmaHandles,
    RdmaObjects,
    Misc,
    ClassId,
    Priority,
    Devices,
}

/// Where a limit is; a `*` stands for what it is about: a device, a size of pages, a name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// In [`Limits`](super::Limits).
    pub(crate) place: &'static str,
    pub(crate) controller: Controller,
    /// The file of version 2.
    pub(crate) v2: Option<&'static str>,
    /// The file of version 1.
    pub(crate) v1: Option<&'static str>,
}

const fn both(place: &'static str, controller: Controller, v2: &'static str, v1: &'static str) -> Row {
    Row { place, controller, v2: Some(v2), v1: Some(v1) }
}

const fn same(place: &'static str, controller: Controller, file: &'static str) -> Row {
    both(place, controller, file, file)
}

const fn v2(place: &'static str, controller: Controller, file: &'static str) -> Row {
    Row { place, controller, v2: Some(file), v1: None }
}

const fn v1(place: &'static str, controller: Controller, file: &'static str) -> Row {
    Row { place, controller, v2: None, v1: Some(file) }
}

impl Key {
    /// The table. What differs in values, beside that version 1 writes no limit as -1, and as 0 for devices:
    /// shares are not weights ([`Weight`](crate::Weight)); a quota is two files in version 1; a limit of swap is one of
    /// memory and swap together; the soft limit is a hint when memory is short, and no protection; `oom_kill` is written
    /// the other way round.
    pub(crate) const fn row(self) -> Row {
        use Controller::{Cpu, Cpuset, Devices, Hugetlb, Io, Memory, Misc, NetCls, NetPrio, Pids, Rdma};
        match self {
            Self::CpuQuota => both("cpu.quota", Cpu, "cpu.max", "cpu.cfs_quota_us"),
            Self::CpuBurst => both("cpu.burst", Cpu, "cpu.max.burst", "cpu.cfs_burst_us"),
            Self::CpuIdle => same("cpu.idle", Cpu, "cpu.idle"),
            Self::CpuWeight => both("cpu.weight", Cpu, "cpu.weight", "cpu.shares"),
            Self::CpuShares => both("cpu.shares", Cpu, "cpu.weight", "cpu.shares"),
            Self::RtRuntime => v1("cpu.rt_runtime", Cpu, "cpu.rt_runtime_us"),
            Self::RtPeriod => v1("cpu.rt_period", Cpu, "cpu.rt_period_us"),
            Self::ClampMin => same("cpu.uclamp_min", Cpu, "cpu.uclamp.min"),
            Self::ClampMax => same("cpu.uclamp_max", Cpu, "cpu.uclamp.max"),
            Self::Cpus => same("cpuset.cpus", Cpuset, "cpuset.cpus"),
            Self::Mems => same("cpuset.mems", Cpuset, "cpuset.mems"),
            Self::CpusExclusive => v2("cpuset.cpus_exclusive", Cpuset, "cpuset.cpus.exclusive"),
            Self::Partition => v2("cpuset.partition", Cpuset, "cpuset.cpus.partition"),
            Self::CpuExclusive => v1("cpuset.cpu_exclusive", Cpuset, "cpuset.cpu_exclusive"),
            Self::MemExclusive => v1("cpuset.mem_exclusive", Cpuset, "cpuset.mem_exclusive"),
            Self::MemHardwall => v1("cpuset.mem_hardwall", Cpuset, "cpuset.mem_hardwall"),
            Self::MemoryMigrate => v1("cpuset.memory_migrate", Cpuset, "cpuset.memory_migrate"),
            Self::SpreadPage => v1("cpuset.memory_spread_page", Cpuset, "cpuset.memory_spread_page"),
            Self::SpreadSlab => v1("cpuset.memory_spread_slab", Cpuset, "cpuset.memory_spread_slab"),
            Self::LoadBalance => v1("cpuset.sched_load_balance", Cpuset, "cpuset.sched_load_balance"),
            Self::RelaxLevel => v1("cpuset.sched_relax_domain_level", Cpuset, "cpuset.sched_relax_domain_level"),
            Self::MemoryMax => both("memory.max", Memory, "memory.max", "memory.limit_in_bytes"),
            Self::MemoryHigh => v2("memory.high", Memory, "memory.high"),
            Self::MemoryLow => both("memory.low", Memory, "memory.low", "memory.soft_limit_in_bytes"),
            Self::MemoryMin => v2("memory.min", Memory, "memory.min"),
            Self::Swap => both("memory.swap", Memory, "memory.swap.max", "memory.memsw.limit_in_bytes"),
            Self::SwapHigh => v2("memory.swap_high", Memory, "memory.swap.high"),
            Self::ZswapMax => v2("memory.zswap_max", Memory, "memory.zswap.max"),
            Self::ZswapWriteback => v2("memory.zswap_writeback", Memory, "memory.zswap.writeback"),
            Self::OomGroup => v2("memory.oom_group", Memory, "memory.oom.group"),
            Self::OomKill => v1("memory.oom_kill", Memory, "memory.oom_control"),
            Self::Swappiness => v1("memory.swappiness", Memory, "memory.swappiness"),
            Self::KernelTcp => v1("memory.kernel_tcp", Memory, "memory.kmem.tcp.limit_in_bytes"),
            Self::IoWeight => both("io.weight", Io, "io.weight", "blkio.weight"),
            Self::BfqWeight => both("io.bfq_weight", Io, "io.bfq.weight", "blkio.bfq.weight"),
            Self::DeviceWeight => both("io.devices.*.weight", Io, "io.weight", "blkio.weight_device"),
            Self::DeviceBfqWeight => both("io.devices.*.bfq_weight", Io, "io.bfq.weight", "blkio.bfq.weight_device"),
            Self::IoLatency => v2("io.devices.*.latency", Io, "io.latency"),
            Self::ReadBytes => both("io.devices.*.read_bytes", Io, "io.max", "blkio.throttle.read_bps_device"),
            Self::WriteBytes => both("io.devices.*.write_bytes", Io, "io.max", "blkio.throttle.write_bps_device"),
            Self::Reads => both("io.devices.*.reads", Io, "io.max", "blkio.throttle.read_iops_device"),
            Self::Writes => both("io.devices.*.writes", Io, "io.max", "blkio.throttle.write_iops_device"),
            Self::Pids => same("pids.max", Pids, "pids.max"),
            Self::HugetlbMax => both("hugetlb.*.max", Hugetlb, "hugetlb.*.max", "hugetlb.*.limit_in_bytes"),
            Self::HugetlbReserved => {
                both("hugetlb.*.reserved", Hugetlb, "hugetlb.*.rsvd.max", "hugetlb.*.rsvd.limit_in_bytes")
            }
            Self::RdmaHandles => same("rdma.*.hca_handle", Rdma, "rdma.max"),
            Self::RdmaObjects => same("rdma.*.hca_object", Rdma, "rdma.max"),
            Self::Misc => same("misc.*", Misc, "misc.max"),
            Self::ClassId => v1("net.class_id", NetCls, "net_cls.classid"),
            Self::Priority => v1("net.priorities.*", NetPrio, "net_prio.ifpriomap"),
            // In version 2 a program is attached, and in version 1 what is not allowed is written to another file.
            Self::Devices => v1("devices", Devices, devices::v1::ALLOW),
        }
    }

    /// What stands before the value in the file of version 2.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::ReadBytes => "rbps=",
            Self::WriteBytes => "wbps=",
            Self::Reads => "riops=",
            Self::Writes => "wiops=",
            Self::IoLatency => "target=",
            Self::RdmaHandles => "hca_handle=",
            Self::RdmaObjects => "hca_object=",
            Self::IoWeight | Self::BfqWeight => "default ",
            _ => "",
        }
    }

    /// What the version that does not have the limit has instead.
    pub(crate) const fn instead(self) -> Option<&'static str> {
        match self {
            Self::CpuExclusive => Some("a group has processors for itself as a partition (cpuset.partition)"),
            Self::LoadBalance => Some("a partition without it is isolated (cpuset.partition)"),
            Self::MemoryMigrate => Some("memory always moves along there"),
            Self::CpusExclusive | Self::Partition => Some("cpuset.cpu_exclusive is nearest to it"),
            _ => None,
        }
    }

    pub(crate) const fn controller(self) -> Controller {
        self.row().controller
    }
}

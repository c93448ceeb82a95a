// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sources: which files there are, and what each of them fills.

use super::memory::amount;
use super::{Stat, hugetlb};
use crate::controller::Controller;
use crate::layout::Version;
use crate::text::number;
use crate::v1::convert::limit_in;

/// A file of statistics.
pub(super) struct Source {
    /// The controller that it belongs to.
    pub(super) controller: Controller,
    /// The version that has it; both, if none is said.
    pub(super) version: Option<Version>,
    /// Its name, and what it was called before.
    pub(super) names: &'static [&'static str],
    pub(super) fill: fn(&mut Stat, &str),
}

/// What a file fills.
#[derive(Debug, Clone)]
pub(super) enum Target {
    All(fn(&mut Stat, &str)),
    /// Huge pages of this size.
    Pages(Box<str>, hugetlb::Fill),
}

impl Target {
    pub(super) fn fill(&self, stat: &mut Stat, text: &str) {
        match self {
            Self::All(fill) => fill(stat, text),
            Self::Pages(size, fill) => stat.hugetlb.fill(size, |pages| fill(pages, text)),
        }
    }
}

const fn v1(controller: Controller, names: &'static [&'static str], fill: fn(&mut Stat, &str)) -> Source {
    Source { controller, version: Some(Version::V1), names, fill }
}

const fn v2(controller: Controller, names: &'static [&'static str], fill: fn(&mut Stat, &str)) -> Source {
    Source { controller, version: Some(Version::V2), names, fill }
}

const fn both(controller: Controller, names: &'static [&'static str], fill: fn(&mut Stat, &str)) -> Source {
    Source { controller, version: None, names, fill }
}

/// Every file but those of huge pages. What is later fills over what is earlier: a version 1 that counts by itself has the
/// last word.
pub(super) const SOURCES: [Source; 48] = [
    v2(Controller::Cpuacct, &["cpu.stat"], |stat, text| stat.cpu.read(text)),
    v2(Controller::Cpu, &["cpu.stat"], |stat, text| stat.cpu.read(text)),
    v2(Controller::Cpu, &["cpu.stat.local"], |stat, text| stat.cpu.read_local(text)),
    v1(Controller::Cpu, &["cpu.stat"], |stat, text| stat.cpu.read(text)),
    v1(Controller::Cpu, &["cpu.stat.local"], |stat, text| stat.cpu.read_local(text)),
    v1(Controller::Cpuacct, &["cpuacct.usage"], |stat, text| stat.cpu.read_usage(text)),
    v1(Controller::Cpuacct, &["cpuacct.usage_all"], |stat, text| stat.cpu.read_usage_all(text)),
    v2(Controller::Memory, &["memory.current"], |stat, text| stat.memory.current = amount(text)),
    v2(Controller::Memory, &["memory.peak"], |stat, text| stat.memory.peak = amount(text)),
    v2(Controller::Memory, &["memory.max"], |stat, text| stat.memory.max = text.parse().ok()),
    v2(Controller::Memory, &["memory.high"], |stat, text| stat.memory.high = text.parse().ok()),
    v2(Controller::Memory, &["memory.swap.current"], |stat, text| stat.memory.swap = amount(text)),
    v2(Controller::Memory, &["memory.swap.peak"], |stat, text| stat.memory.swap_peak = amount(text)),
    v2(Controller::Memory, &["memory.swap.max"], |stat, text| stat.memory.swap_max = text.parse().ok()),
    v2(Controller::Memory, &["memory.zswap.current"], |stat, text| stat.memory.zswap = amount(text)),
    v2(Controller::Memory, &["memory.events"], |stat, text| stat.memory.events.read(text)),
    v2(Controller::Memory, &["memory.events.local"], |stat, text| stat.memory.local_events.read(text)),
    v2(Controller::Memory, &["memory.swap.events"], |stat, text| stat.memory.swap_events.read(text)),
    v2(Controller::Memory, &["memory.stat"], |stat, text| stat.memory.detail.read(text)),
    v1(Controller::Memory, &["memory.usage_in_bytes"], |stat, text| stat.memory.current = amount(text)),
    v1(Controller::Memory, &["memory.max_usage_in_bytes"], |stat, text| stat.memory.peak = amount(text)),
    v1(Controller::Memory, &["memory.limit_in_bytes"], |stat, text| stat.memory.max = limit_in(text)),
    v1(Controller::Memory, &["memory.failcnt"], |stat, text| stat.memory.events.max = number(text)),
    v1(Controller::Memory, &["memory.oom_control"], |stat, text| stat.memory.read_oom_control(text)),
    v1(Controller::Memory, &["memory.memsw.usage_in_bytes"], |stat, text| stat.memory.with_swap.current = amount(text)),
    v1(Controller::Memory, &["memory.memsw.max_usage_in_bytes"], |stat, text| {
        stat.memory.with_swap.peak = amount(text);
    }),
    v1(Controller::Memory, &["memory.memsw.limit_in_bytes"], |stat, text| {
        stat.memory.with_swap.max = limit_in(text);
    }),
    v1(Controller::Memory, &["memory.memsw.failcnt"], |stat, text| stat.memory.with_swap.refused = number(text)),
    v1(Controller::Memory, &["memory.stat"], |stat, text| stat.memory.swap = stat.memory.detail.read_v1(text)),
    v1(Controller::Memory, &["memory.kmem.usage_in_bytes"], |stat, text| stat.memory.detail.kernel = amount(text)),
    v1(Controller::Memory, &["memory.kmem.tcp.usage_in_bytes"], |stat, text| stat.memory.detail.sock = amount(text)),
    both(Controller::Pids, &["pids.current"], |stat, text| stat.pids.read_current(text)),
    both(Controller::Pids, &["pids.max"], |stat, text| stat.pids.read_max(text)),
    both(Controller::Pids, &["pids.peak"], |stat, text| stat.pids.read_peak(text)),
    both(Controller::Pids, &["pids.events"], |stat, text| stat.pids.read_events(text)),
    both(Controller::Pids, &["pids.events.local"], |stat, text| stat.pids.read_local_events(text)),
    v2(Controller::Io, &["io.stat"], Stat::read_io),
    // A device that the scheduler bfq serves is told by that too; throttling sees what goes to all of them.
    v1(Controller::Io, &["blkio.bfq.io_service_bytes_recursive"], Stat::read_io_bytes),
    v1(Controller::Io, &["blkio.bfq.io_serviced_recursive"], Stat::read_io_counts),
    v1(
        Controller::Io,
        &["blkio.throttle.io_service_bytes_recursive", "blkio.throttle.io_service_bytes"],
        Stat::read_io_bytes,
    ),
    v1(Controller::Io, &["blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced"], Stat::read_io_counts),
    both(Controller::Rdma, &["rdma.current"], Stat::read_rdma),
    both(Controller::Rdma, &["rdma.max"], Stat::read_rdma_max),
    both(Controller::Misc, &["misc.current"], Stat::read_misc),
    both(Controller::Misc, &["misc.max"], Stat::read_misc_max),
    both(Controller::Misc, &["misc.peak"], Stat::read_misc_peak),
    both(Controller::Misc, &["misc.events"], Stat::read_misc_events),
    both(Controller::Misc, &["misc.events.local"], Stat::read_misc_local_events),
];

/// The files that version 2 has in every group, whichever hierarchy the controllers are in.
pub(super) const PRESSURES: [Source; 4] = [
    v2(Controller::Cpu, &["cpu.pressure"], |stat, text| stat.pressure.cpu.read(text)),
    v2(Controller::Memory, &["memory.pressure"], |stat, text| stat.pressure.memory.read(text)),
    v2(Controller::Io, &["io.pressure"], |stat, text| stat.pressure.io.read(text)),
    v2(Controller::Cpu, &["irq.pressure"], |stat, text| stat.pressure.irq.read(text)),
];

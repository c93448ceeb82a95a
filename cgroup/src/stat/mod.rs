// SPDX-License-Identifier: MIT OR Apache-2.0
//! Statistics: what a group uses now, what it may, and what has happened to it.
//!
//! A value is `None` where the kernel does not tell: the group does not have the controller, or the kernel not the file.
//! Under version 1 values are converted to what version 2 says; the table of files is in `stat/source.rs`. What a newer
//! kernel tells and this crate has no name for is kept, by the kernel's own.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst; Documentation/admin-guide/cgroup-v1/.

mod counted;
mod cpu;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzed;
mod hugetlb;
mod io;
mod memory;
mod memory_use;
mod named;
mod pids;
mod pressure;
mod reader;
mod refill;
mod source;

#[cfg(test)]
mod tests;

pub use counted::{MiscStat, RdmaStat};
pub use cpu::{CpuStat, CpuTime};
pub use hugetlb::HugetlbStat;
pub use io::IoStat;
pub use memory::{MemoryEvents, MemoryStat, SwapEvents, WithSwapStat};
pub use memory_use::MemoryUse;
pub use named::Named;
pub use pids::PidsStat;
pub use pressure::{Pressure, PressureStat, Stall};
pub use reader::StatReader;

use refill::stat;

stat! {
    /// What a group uses, groups below it included.
    pub struct Stat {
        /// Memory.
        memory: MemoryStat,
        /// Processes and threads.
        pids: PidsStat,
        /// Processor time.
        cpu: CpuStat,
        /// Block devices, by their numbers ("8:0"); a group that has not used one does not tell of it. Under version 1
        /// kernels from Linux 6.10 on count those alone that some group limits, or that the scheduler bfq serves.
        #[doc(alias = "io.stat")]
        #[doc(alias = "blkio")]
        io: Named<IoStat>,
        /// Huge pages, by their size in the kernel's words ("2MB").
        hugetlb: Named<HugetlbStat>,
        /// RDMA devices, by their names.
        rdma: Named<RdmaStat>,
        /// What the misc controller counts, by its names.
        misc: Named<MiscStat>,
        /// For how much of the time its processes stood still.
        pressure: PressureStat,
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Checks: what the kernel would refuse, or take and make nothing start, each in a sentence.
//!
//! Kernel: kernel/sched/core.c, `tg_set_bandwidth`; kernel/cgroup/pids.c, `pids_max_write`.

use super::{CpuLimits, CpusetLimits, Limits, MemoryLimits, PidsLimits};
use crate::error::{Error, Object};
use crate::value::{IdList, MIB, Max, Micros, Quota};

/// `PID_MAX_LIMIT` of 64-bit kernels.
const MOST_PIDS: u64 = 4 << 20;

/// The kernel's bounds for quotas and periods, in microseconds; the last is `MAX_BW`.
const SHORTEST: Micros = Micros::from_millis(1);
const LONGEST_PERIOD: Micros = Micros::from_millis(1000);
const LONGEST_TIME: Micros = Micros::new((1 << 44) - 1);

impl Limits {
    /// Everything wrong with the limits by themselves, a sentence each, beginning with its place ("memory.max …"). What
    /// this machine has is not asked: [`Layout::assess`](crate::Layout::assess) does that.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let Self { cpu, cpuset, memory, pids } = self;
        let mut problems = Vec::new();
        of_cpu(cpu, &mut problems);
        of_cpuset(cpuset, &mut problems);
        of_memory(memory, &mut problems);
        of_pids(pids, &mut problems);
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
}

fn of_cpu(cpu: &CpuLimits, problems: &mut Vec<String>) {
    if let Some(quota) = cpu.quota {
        of_quota(quota, problems);
    }
    if let Some(weight) = cpu.weight.filter(|weight| !(1..=10_000).contains(&weight.as_u32())) {
        problems.push(format!("cpu.weight {weight} is not from 1 to 10000"));
    }
}

fn of_quota(quota: Quota, problems: &mut Vec<String>) {
    let period = quota.period();
    if !(SHORTEST..=LONGEST_PERIOD).contains(&period) {
        problems.push(format!(
            "cpu.quota has a period of {period} µs: the kernel takes 1000 µs (1 ms) to 1000000 µs (1 s)"
        ));
    }
    match quota.time() {
        Max::Limit(time) if time < SHORTEST => {
            problems.push(format!(
                "cpu.quota {time} µs of each {period} µs is below the 1000 µs (1 ms) that the kernel takes"
            ));
        }
        Max::Limit(time) if time > LONGEST_TIME => {
            problems.push(format!(
                "cpu.quota {time} µs of each {period} µs is more than the kernel takes; unlimited is \"max\""
            ));
        }
        Max::Limit(_) | Max::Unlimited => {}
    }
}

fn of_cpuset(cpuset: &CpusetLimits, problems: &mut Vec<String>) {
    if cpuset.cpus.as_ref().is_some_and(IdList::is_empty) {
        problems.push("cpuset.cpus is empty: nothing could run".to_owned());
    }
    if cpuset.mems.as_ref().is_some_and(IdList::is_empty) {
        problems.push("cpuset.mems is empty: nothing could have memory".to_owned());
    }
}

fn of_memory(memory: &MemoryLimits, problems: &mut Vec<String>) {
    if let Some(max) = memory.max.and_then(Max::limit).filter(|max| *max < MIB) {
        let max = max.human();
        problems.push(format!("memory.max {max} is below the 1 MiB the kernel needs to start a process"));
    }
}

fn of_pids(pids: &PidsLimits, problems: &mut Vec<String>) {
    match pids.max {
        Some(Max::Limit(0)) => problems.push("pids.max 0 lets no process start".to_owned()),
        Some(Max::Limit(max)) if max > MOST_PIDS => {
            problems.push(format!(
                "pids.max {max} is more than the {MOST_PIDS} that the kernel takes; unlimited is \"max\""
            ));
        }
        _ => {}
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processor time.
//!
//! Kernel: Documentation/admin-guide/cgroup-v2.rst, "CPU"; Documentation/scheduler/sched-bwc.rst, sched-rt-group.rst,
//! sched-util-clamp.rst; kernel/sched/core.c, `tg_set_bandwidth`.

use super::fields::limits_of;
use crate::value::{Max, Micros, Percent, Quota, Weight};

/// The kernel's bounds for quotas and periods, in microseconds; the last is `MAX_BW`.
const SHORTEST: Micros = Micros::from_millis(1);
const LONGEST_PERIOD: Micros = Micros::from_millis(1000);
const LONGEST_TIME: Micros = Micros::new((1 << 44) - 1);
const WHOLE: Percent = Percent::from_hundredths(10_000);

/// What processor time a group may use; what is unset is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct CpuLimits {
    /// The time in each period.
    #[doc(alias = "cpu.max")]
    pub quota: Option<Quota>,
    /// How much of the time that it did not use in earlier periods a group may use on top of its quota; at most as much as
    /// the quota's time. Linux 5.14.
    #[doc(alias = "cpu.max.burst")]
    #[doc(alias = "cpu.cfs_burst_us")]
    pub burst: Option<Micros>,
    /// Whether the group runs only where nobody else wants to (`SCHED_IDLE`). Linux 5.15.
    #[doc(alias = "cpu.idle")]
    pub idle: Option<bool>,
    /// The share where groups compete, from 1 to 10000.
    #[doc(alias = "cpu.weight")]
    pub weight: Option<Weight>,
    /// The same in version 1's shares, from 2 to 262144, which version 1 gets as they are: for descriptions that count so
    /// ([`Weight`] has the conversion). Not both.
    #[doc(alias = "cpu.shares")]
    pub shares: Option<u64>,
    /// The time in each real-time period for processes with a real-time policy. Version 1 alone, where a group has none to
    /// begin with, and only on kernels that schedule real time by groups.
    #[doc(alias = "cpu.rt_runtime_us")]
    pub rt_runtime: Option<Max<Micros>>,
    /// The real-time period. Version 1 alone.
    #[doc(alias = "cpu.rt_period_us")]
    pub rt_period: Option<Micros>,
    /// The least utilisation that the frequency is chosen by, for kernels with utilisation clamping.
    #[doc(alias = "cpu.uclamp.min")]
    pub uclamp_min: Option<Max<Percent>>,
    /// The greatest utilisation that the frequency is chosen by.
    #[doc(alias = "cpu.uclamp.max")]
    pub uclamp_max: Option<Max<Percent>>,
}

limits_of!(CpuLimits {
    quota: CpuQuota as Quota,
    burst: CpuBurst as Time,
    // An idle group takes no weight.
    idle: CpuIdle as Flag,
    weight: CpuWeight as Weight,
    shares: CpuShares as Shares,
    rt_period: RtPeriod as Time,
    rt_runtime: RtRuntime as Time,
    uclamp_min: ClampMin as Percent,
    uclamp_max: ClampMax as Percent,
});

impl CpuLimits {
    pub(super) fn settings(&self, to: &mut Vec<super::Setting>) {
        self.own_settings(None, to);
    }

    pub(super) fn unset(&mut self, key: super::Key) {
        self.unset_own(key);
    }

    pub(super) fn problems(&self, problems: &mut Vec<String>) {
        if let Some(quota) = self.quota {
            of_quota(quota, problems);
        }
        self.of_burst(problems);
        if let Some(weight) = self.weight.filter(|weight| !(1..=10_000).contains(&weight.as_u32())) {
            problems.push(format!("cpu.weight {weight} is not from 1 to 10000"));
        }
        if let Some(shares) = self.shares.filter(|shares| !(2..=262_144).contains(shares)) {
            problems.push(format!("cpu.shares {shares} is not from 2 to 262144"));
        }
        if self.weight.is_some() && self.shares.is_some() {
            problems.push("cpu.shares is the same as cpu.weight in other numbers: set one of them".to_owned());
        }
        if self.idle == Some(true) && (self.weight.is_some() || self.shares.is_some()) {
            problems.push("cpu.idle gives the group the least weight there is: leave its weight alone".to_owned());
        }
        self.of_real_time(problems);
        for (place, clamp) in [("cpu.uclamp_min", self.uclamp_min), ("cpu.uclamp_max", self.uclamp_max)] {
            if let Some(percent) = clamp.and_then(Max::limit).filter(|percent| *percent > WHOLE) {
                problems.push(format!("{place} {percent} is more than 100.00, the whole"));
            }
        }
    }

    fn of_burst(&self, problems: &mut Vec<String>) {
        let Some(burst) = self.burst else { return };
        if burst > LONGEST_TIME {
            problems.push(format!("cpu.burst {burst} µs is more than the kernel takes"));
        }
        if let Some(time) = self.quota.and_then(|quota| quota.time().limit()).filter(|time| burst > *time) {
            problems.push(format!("cpu.burst {burst} µs is more than the {time} µs of cpu.quota"));
        }
    }

    fn of_real_time(&self, problems: &mut Vec<String>) {
        if self.rt_period == Some(Micros::new(0)) {
            problems.push("cpu.rt_period 0 µs is no period".to_owned());
        }
        let runtime = self.rt_runtime.and_then(Max::limit);
        if let Some((runtime, period)) = runtime.zip(self.rt_period).filter(|(runtime, period)| runtime > period) {
            problems.push(format!("cpu.rt_runtime {runtime} µs is more than the {period} µs of cpu.rt_period"));
        }
        if let Some(runtime) = runtime.filter(|runtime| *runtime > LONGEST_TIME) {
            problems.push(format!("cpu.rt_runtime {runtime} µs is more than the kernel takes"));
        }
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

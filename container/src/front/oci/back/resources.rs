// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits: in words of version 1 where those say the same, else as files of version 2.

use std::collections::BTreeMap;
use std::fmt::Display;

use skep_cgroup::{Bytes, DeviceIoLimits, DeviceKind, DeviceNumber, DeviceRules, DeviceVerdict, Limits, Max, Quota};

use super::super::linux::Linux;
use super::super::resources::{
    BlockIo, Cpu, DeviceRule, InterfacePriority, Memory, Network, Pids, Rdma, Resources, ThrottleDevice,
};
use super::{Back, some};
use crate::spec::{Resources as Spec, Scope};

/// What version 1 writes for no limit.
fn signed(max: Max<u64>) -> i64 {
    max.limit().map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
}

fn bytes(max: Max<Bytes>) -> i64 {
    signed(max.limit().map_or(Max::Unlimited, |limit| Max::Limit(limit.as_u64())))
}

impl Back {
    /// A scope as the format has it.
    fn scope(&mut self, scope: &Scope) -> Option<String> {
        if scope.of_user {
            self.problem("resources.scope.of_user", "whose systemd makes it is said to runtimes by who calls them");
        }
        let Some(name) = scope.name.as_deref().and_then(|name| name.strip_suffix(".scope")) else {
            self.problem("resources.scope.name", "the format asks for one");
            return None;
        };
        Some(format!("{}::{name}", scope.slice.as_deref().unwrap_or_default()))
    }

    pub(super) fn resources(&mut self, spec: &Spec, linux: &mut Linux) {
        linux.cgroups_path = spec.cgroup.as_ref().map(|path| self.text("resources.cgroup", path));
        if let Some(scope) = &spec.scope {
            linux.cgroups_path = self.scope(scope);
        }
        let limits = &spec.limits;
        let mut unified = BTreeMap::new();
        let mut made = Resources {
            memory: self.memory(limits, &mut unified),
            cpu: self.cpu(limits, &mut unified),
            block_io: self.block_io(limits, &mut unified),
            devices: limits.devices.as_ref().and_then(|rules| self.device_rules(rules)),
            ..Resources::default()
        };
        made.pids = limits.pids.max.map(|max| Pids { limit: Some(signed(max)), ..Pids::default() });
        for (size, pages) in &limits.hugetlb {
            put(&mut unified, &format!("hugetlb.{size}.max"), pages.max);
            put(&mut unified, &format!("hugetlb.{size}.rsvd.max"), pages.reserved);
        }
        let mut network = Network { class_id: limits.net.class_id, ..Network::default() };
        let priority = |(name, priority): (&String, &u32)| InterfacePriority {
            name: name.clone(),
            priority: *priority,
            ..InterfacePriority::default()
        };
        network.priorities = some(limits.net.priorities.iter().map(priority).collect());
        made.network = Some(network).filter(|network| *network != Network::default());
        let mut rdma = BTreeMap::new();
        for (name, one) in &limits.rdma {
            let mut count = |max: Option<Max<u64>>| {
                let number = max.map(|max| max.limit().and_then(|most| u32::try_from(most).ok()));
                if number == Some(None) {
                    self.problem(&format!("resources.rdma.{name}"), "the format has numbers of 32 bits alone");
                }
                number.flatten()
            };
            let (hca_handles, hca_objects) = (count(one.hca_handle), count(one.hca_object));
            rdma.insert(name.clone(), Rdma { hca_handles, hca_objects, ..Rdma::default() });
        }
        made.rdma = Some(rdma).filter(|rdma| !rdma.is_empty());
        let misc = limits.misc.iter().map(|(name, max)| format!("{name} {max}"));
        put(&mut unified, "misc.max", some(misc.collect()).map(|lines| lines.join("\n")));
        made.unified = Some(unified).filter(|unified| !unified.is_empty());
        linux.resources = Some(made).filter(|made| *made != Resources::default());
    }

    fn memory(&mut self, limits: &Limits, unified: &mut BTreeMap<String, String>) -> Option<Memory> {
        let memory = &limits.memory;
        let mut made = Memory {
            limit: memory.max.map(bytes),
            kernel_tcp: memory.kernel_tcp.map(bytes),
            swappiness: memory.swappiness.map(u64::from),
            ..Memory::default()
        };
        match memory.oom_kill {
            Some(false) => made.disable_oom_killer = Some(true),
            Some(true) => self.problem("resources.memory.oom_kill", "is so anyway, and the format has no word for it"),
            None => {}
        }
        put(unified, "memory.swap.max", memory.swap);
        put(unified, "memory.low", memory.low);
        put(unified, "memory.high", memory.high);
        put(unified, "memory.min", memory.min);
        put(unified, "memory.swap.high", memory.swap_high);
        put(unified, "memory.zswap.max", memory.zswap_max);
        put(unified, "memory.zswap.writeback", memory.zswap_writeback.map(u8::from));
        put(unified, "memory.oom.group", memory.oom_group.map(u8::from));
        Some(made).filter(|made| *made != Memory::default())
    }

    fn cpu(&mut self, limits: &Limits, unified: &mut BTreeMap<String, String>) -> Option<Cpu> {
        let (cpu, cpuset) = (&limits.cpu, &limits.cpuset);
        let time = |quota: Quota| signed(quota.time().limit().map_or(Max::Unlimited, |time| Max::Limit(time.as_u64())));
        let made = Cpu {
            shares: cpu.shares,
            quota: cpu.quota.map(time),
            period: cpu.quota.map(|quota| quota.period().as_u64()),
            burst: cpu.burst.map(skep_cgroup::Micros::as_u64),
            realtime_runtime: cpu
                .rt_runtime
                .map(|time| time.limit().map_or(-1, |time| signed(Max::Limit(time.as_u64())))),
            realtime_period: cpu.rt_period.map(skep_cgroup::Micros::as_u64),
            cpus: cpuset.cpus.as_ref().map(ToString::to_string),
            mems: cpuset.mems.as_ref().map(ToString::to_string),
            idle: cpu.idle.map(i64::from),
            ..Cpu::default()
        };
        put(unified, "cpu.weight", cpu.weight);
        put(unified, "cpu.uclamp.min", cpu.uclamp_min);
        put(unified, "cpu.uclamp.max", cpu.uclamp_max);
        put(unified, "cpuset.cpus.exclusive", cpuset.cpus_exclusive.as_ref());
        put(unified, "cpuset.cpus.partition", cpuset.partition);
        let old = [
            cpuset.cpu_exclusive.is_some(),
            cpuset.mem_exclusive.is_some(),
            cpuset.mem_hardwall.is_some(),
            cpuset.memory_migrate.is_some(),
            cpuset.memory_spread_page.is_some(),
            cpuset.memory_spread_slab.is_some(),
            cpuset.sched_load_balance.is_some(),
            cpuset.sched_relax_domain_level.is_some(),
        ];
        if old.contains(&true) {
            self.problem("resources.cpuset", "the format has no words for the switches of version 1");
        }
        Some(made).filter(|made| *made != Cpu::default())
    }

    fn block_io(&mut self, limits: &Limits, unified: &mut BTreeMap<String, String>) -> Option<BlockIo> {
        let io = &limits.io;
        let lines = |all: Option<skep_cgroup::Weight>, one: fn(&DeviceIoLimits) -> Option<skep_cgroup::Weight>| {
            let devices = io.devices.iter().filter_map(|(device, limits)| Some(format!("{device} {}", one(limits)?)));
            let all = all.map(|weight| format!("default {weight}")).into_iter();
            some(all.chain(devices).collect()).map(|lines| lines.join("\n"))
        };
        put(unified, "io.weight", lines(io.weight, |limits| limits.weight));
        put(unified, "io.bfq.weight", lines(io.bfq_weight, |limits| limits.bfq_weight));
        if io.devices.values().any(|limits| limits.latency.is_some()) {
            self.problem("resources.io.devices", "the format has no word for latencies");
        }
        let throttles = |one: fn(&DeviceIoLimits) -> Option<Max<u64>>| {
            let throttle = |(device, limits): (&DeviceNumber, &DeviceIoLimits)| {
                // 0 is no limit there.
                let rate = one(limits)?.limit().unwrap_or(0);
                let (major, minor) = (i64::from(device.major()), i64::from(device.minor()));
                Some(ThrottleDevice { major, minor, rate, ..ThrottleDevice::default() })
            };
            some(io.devices.iter().filter_map(throttle).collect())
        };
        let made = BlockIo {
            throttle_read_bps_device: throttles(|limits| limits.read_bytes.map(rate_of)),
            throttle_write_bps_device: throttles(|limits| limits.write_bytes.map(rate_of)),
            throttle_read_iops_device: throttles(|limits| limits.reads),
            throttle_write_iops_device: throttles(|limits| limits.writes),
            ..BlockIo::default()
        };
        Some(made).filter(|made| *made != BlockIo::default())
    }

    /// What is at the end of every list is said by nobody.
    fn device_rules(&mut self, rules: &DeviceRules) -> Option<Vec<DeviceRule>> {
        let standard = DeviceRules::standard();
        let said = rules.rules().strip_suffix(standard.rules());
        if said.is_none() || rules.default_verdict() == DeviceVerdict::Allow {
            let why = "the format's list denies at first, and allows what every container needs at its end";
            self.problem("resources.devices", why);
        }
        let rule = |rule: &skep_cgroup::DeviceRule| DeviceRule {
            allow: rule.verdict == DeviceVerdict::Allow,
            kind: rule.devices.kind.map(|kind| if kind == DeviceKind::Block { "b" } else { "c" }.to_owned()),
            major: rule.devices.major.map(i64::from),
            minor: rule.devices.minor.map(i64::from),
            access: Some(rule.devices.access.to_string()),
            ..DeviceRule::default()
        };
        let made: Vec<DeviceRule> = said.unwrap_or_default().iter().map(rule).collect();
        // A list without a rule is none.
        let nothing = DeviceRule { access: Some("rwm".to_owned()), ..DeviceRule::default() };
        if made.is_empty() { Some(vec![nothing]) } else { Some(made) }
    }
}

fn rate_of(max: Max<Bytes>) -> Max<u64> {
    max.limit().map_or(Max::Unlimited, |limit| Max::Limit(limit.as_u64()))
}

fn put(unified: &mut BTreeMap<String, String>, file: &str, value: Option<impl Display>) {
    if let Some(value) = value {
        unified.insert(file.to_owned(), value.to_string());
    }
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits of control groups, in the words of version 1.
//!
//! As with other runtimes 0 says nothing where it would be no limit that a program could run with: Docker writes it so.

use skep_cgroup::{
    Bytes, DeviceAccess, DeviceIoLimits, DeviceKind, DeviceNumber, DeviceRule, DeviceRules, DeviceVerdict, Devices,
    HugetlbLimits, IdList, Limits, Max, Micros, Quota, RdmaLimits, Weight,
};

use super::super::resources::{BlockIo, Cpu, DeviceRule as OciRule, Memory, Resources, ThrottleDevice};
use super::{Walk, key, part};

const PLACE: &str = "linux.resources";

impl Walk<'_> {
    pub(super) fn resources(&mut self) {
        let Some(resources) = self.config.linux.as_ref().and_then(|linux| linux.resources.as_ref()) else { return };
        let mut limits = Limits::new();
        if let Some(memory) = &resources.memory {
            self.memory(memory, &mut limits);
        }
        if let Some(cpu) = &resources.cpu {
            self.cpu(cpu, &mut limits);
        }
        if let Some(block_io) = &resources.block_io {
            self.block_io(block_io, &mut limits);
        }
        self.others(resources, &mut limits);
        limits.devices = self.device_rules(resources.devices.as_deref().unwrap_or_default());
        for (file, text) in resources.unified.iter().flatten() {
            self.unified(&key("linux.resources.unified", file), file, text, &mut limits);
        }
        self.found.all(PLACE, limits.problems());
        self.spec.resources.limits = limits;
        self.spec.resources.where_possible = self.setting.limits_where_possible;
    }

    /// An amount in bytes: -1 is no limit, and 0 says nothing.
    fn amount(&mut self, place: &str, said: Option<i64>) -> Option<Max<Bytes>> {
        match said {
            None | Some(0) => None,
            Some(-1) => Some(Max::Unlimited),
            Some(bytes) => match u64::try_from(bytes) {
                Ok(bytes) => Some(Max::Limit(Bytes::new(bytes))),
                Err(_) => {
                    self.found.problem(place, format!("{bytes} is no amount: -1 is no limit"));
                    None
                }
            },
        }
    }

    fn memory(&mut self, said: &Memory, limits: &mut Limits) {
        let place = |name: &str| key("linux.resources.memory", name);
        limits.memory.max = self.amount(&place("limit"), said.limit);
        limits.memory.low = self.amount(&place("reservation"), said.reservation);
        limits.memory.kernel_tcp = self.amount(&place("kernelTCP"), said.kernel_tcp);
        // Theirs is memory and swap together.
        limits.memory.swap = match (self.amount(&place("swap"), said.swap), limits.memory.max) {
            (Some(Max::Limit(both)), Some(Max::Limit(memory))) if both < memory => {
                self.found.problem(&place("swap"), "is memory and swap together, and less than the limit of memory");
                None
            }
            (Some(Max::Limit(both)), Some(Max::Limit(memory))) => {
                Some(Max::Limit(Bytes::new(both.as_u64().saturating_sub(memory.as_u64()))))
            }
            (Some(Max::Limit(_)), _) => {
                self.found.problem(&place("swap"), "is memory and swap together: it takes a limit of memory beside it");
                None
            }
            (swap, _) => swap,
        };
        if let Some(readily) = said.swappiness {
            if readily > 100 {
                self.found.problem(&place("swappiness"), format!("{readily} is not from 0 to 100"));
            }
            limits.memory.swappiness = u32::try_from(readily).ok();
        }
        limits.memory.oom_kill = said.disable_oom_killer.filter(|is| *is).map(|is| !is);
        if said.kernel.is_some_and(|limit| limit > 0) {
            self.found
                .note(&place("kernel"), "no kernel since Linux 5.4 has a limit of its own memory, and none is set");
        }
        if said.check_before_update == Some(true) {
            let why = "is about limits that are changed later: this one is there before anybody uses memory";
            self.found.note(&place("checkBeforeUpdate"), why);
        }
        if said.use_hierarchy == Some(false) {
            self.found.note(&place("useHierarchy"), "groups below count always since Linux 5.11");
        }
    }

    fn cpu(&mut self, said: &Cpu, limits: &mut Limits) {
        let place = |name: &str| key("linux.resources.cpu", name);
        limits.cpu.shares = said.shares.filter(|shares| *shares > 0);
        let period = said.period.filter(|period| *period > 0).map(Micros::new);
        let time = match said.quota {
            None | Some(0) => None,
            Some(-1) => Some(Max::Unlimited),
            Some(time) => {
                if time < 0 {
                    self.found.problem(&place("quota"), format!("{time} is no time: -1 is no limit"));
                }
                u64::try_from(time).ok().map(|time| Max::Limit(Micros::new(time)))
            }
        };
        if time.is_some() || period.is_some() {
            let period = period.unwrap_or(Quota::UNLIMITED.period());
            limits.cpu.quota = Some(Quota::new(time.unwrap_or(Max::Unlimited), period));
        }
        limits.cpu.burst = said.burst.map(Micros::new);
        limits.cpu.rt_period = said.realtime_period.filter(|period| *period > 0).map(Micros::new);
        limits.cpu.rt_runtime = match said.realtime_runtime {
            None | Some(0) => None,
            Some(-1) => Some(Max::Unlimited),
            Some(time) => {
                if time < 0 {
                    self.found.problem(&place("realtimeRuntime"), format!("{time} is no time: -1 is no limit"));
                }
                u64::try_from(time).ok().map(|time| Max::Limit(Micros::new(time)))
            }
        };
        limits.cpuset.cpus = self.list(&place("cpus"), said.cpus.as_deref());
        limits.cpuset.mems = self.list(&place("mems"), said.mems.as_deref());
        limits.cpu.idle = match said.idle {
            None => None,
            Some(0) => Some(false),
            Some(1) => Some(true),
            Some(other) => {
                self.found.problem(&place("idle"), format!("{other} is neither 0 nor 1"));
                None
            }
        };
    }

    fn list(&mut self, place: &str, said: Option<&str>) -> Option<IdList> {
        match said.filter(|list| !list.is_empty())?.parse() {
            Ok(list) => Some(list),
            Err(_) => {
                self.found
                    .problem(place, format!("{:?} is no list of numbers: 0-3,7 is one", said.unwrap_or_default()));
                None
            }
        }
    }

    /// A share as version 1 counts it for disks.
    fn weight(&mut self, place: &str, said: Option<u16>) -> Option<Weight> {
        let weight = said.filter(|weight| *weight > 0)?;
        if !(10..=1000).contains(&weight) {
            self.found.problem(place, format!("{weight} is not from 10 to 1000"));
            return None;
        }
        // A straight line between both bounds, as others compute it.
        Some(Weight::new(1 + (u32::from(weight) - 10) * 9999 / 990))
    }

    fn device_number(&mut self, place: &str, major: i64, minor: i64) -> Option<DeviceNumber> {
        match (u32::try_from(major), u32::try_from(minor)) {
            (Ok(major), Ok(minor)) => Some(DeviceNumber::new(major, minor)),
            _ => {
                self.found.problem(place, format!("{major}:{minor} is no device"));
                None
            }
        }
    }

    fn block_io(&mut self, said: &BlockIo, limits: &mut Limits) {
        const PLACE: &str = "linux.resources.blockIO";
        const LEAF: &str = "no kernel since Linux 5.0 weighs a group beside those below it";
        limits.io.weight = self.weight(&key(PLACE, "weight"), said.weight);
        if said.leaf_weight.is_some_and(|weight| weight > 0) {
            self.found.unsupported(&key(PLACE, "leafWeight"), LEAF);
        }
        for (at, one) in said.weight_device.iter().flatten().enumerate() {
            let place = part(&key(PLACE, "weightDevice"), at);
            let weight = self.weight(&key(&place, "weight"), one.weight);
            if one.leaf_weight.is_some_and(|weight| weight > 0) {
                self.found.unsupported(&key(&place, "leafWeight"), LEAF);
            }
            if let Some(device) = self.device_number(&place, one.major, one.minor)
                && weight.is_some()
            {
                limits.io.devices.entry(device).or_default().weight = weight;
            }
        }
        let bytes = |rate: u64| if rate == 0 { Max::Unlimited } else { Max::Limit(Bytes::new(rate)) };
        let count = |rate: u64| if rate == 0 { Max::Unlimited } else { Max::Limit(rate) };
        self.throttle(("throttleReadBpsDevice", &said.throttle_read_bps_device), limits, |device, rate| {
            device.read_bytes = Some(bytes(rate));
        });
        self.throttle(("throttleWriteBpsDevice", &said.throttle_write_bps_device), limits, |device, rate| {
            device.write_bytes = Some(bytes(rate));
        });
        self.throttle(("throttleReadIOPSDevice", &said.throttle_read_iops_device), limits, |device, rate| {
            device.reads = Some(count(rate));
        });
        self.throttle(("throttleWriteIOPSDevice", &said.throttle_write_iops_device), limits, |device, rate| {
            device.writes = Some(count(rate));
        });
    }

    fn throttle(
        &mut self,
        (name, list): (&str, &Option<Vec<ThrottleDevice>>),
        limits: &mut Limits,
        set: impl Fn(&mut DeviceIoLimits, u64),
    ) {
        for (at, one) in list.iter().flatten().enumerate() {
            let place = part(&key("linux.resources.blockIO", name), at);
            if let Some(device) = self.device_number(&place, one.major, one.minor) {
                set(limits.io.devices.entry(device).or_default(), one.rate);
            }
        }
    }

    fn others(&mut self, said: &Resources, limits: &mut Limits) {
        match said.pids.as_ref().and_then(|pids| pids.limit) {
            None => {}
            Some(0) => self.found.note("linux.resources.pids.limit", "0 is taken for nothing said: -1 is no limit"),
            Some(limit) => limits.pids.max = Some(u64::try_from(limit).map_or(Max::Unlimited, Max::Limit)),
        }
        for (at, pages) in said.hugepage_limits.iter().flatten().enumerate() {
            let place = part("linux.resources.hugepageLimits", at);
            let Ok(size) = pages.page_size.parse::<Bytes>() else {
                self.found.problem(&key(&place, "pageSize"), format!("{:?} is no size: 2MB is one", pages.page_size));
                continue;
            };
            if limits.hugetlb.contains_key(&size) {
                self.found.problem(&place, format!("pages of {} are in the list already", pages.page_size));
            }
            // What is reserved counts before it is used.
            let most = Some(Max::Limit(Bytes::new(pages.limit)));
            let mut made = HugetlbLimits::default();
            (made.max, made.reserved) = (most, most);
            limits.hugetlb.insert(size, made);
        }
        if let Some(network) = &said.network {
            limits.net.class_id = network.class_id.filter(|class| *class > 0);
            let priorities = network.priorities.iter().flatten();
            limits.net.priorities = priorities.map(|one| (one.name.clone(), one.priority)).collect();
        }
        for (name, one) in said.rdma.iter().flatten() {
            let count = |count: Option<u32>| count.map(|count| Max::Limit(u64::from(count)));
            let mut made = RdmaLimits::default();
            (made.hca_handle, made.hca_object) = (count(one.hca_handles), count(one.hca_objects));
            if made == RdmaLimits::default() {
                self.found.problem(&key("linux.resources.rdma", name), "has neither hcaHandles nor hcaObjects");
                continue;
            }
            limits.rdma.insert(name.clone(), made);
        }
    }

    /// A list of what is allowed: what no rule is about is denied. What every container needs is allowed at its end, as the
    /// specification has it.
    fn device_rules(&mut self, said: &[OciRule]) -> Option<DeviceRules> {
        if said.is_empty() {
            return None;
        }
        let mut rules = DeviceRules::deny_all();
        for (at, rule) in said.iter().enumerate() {
            let place = part("linux.resources.devices", at);
            let kind = match rule.kind.as_deref() {
                None | Some("" | "a") => None,
                Some("c") => Some(DeviceKind::Char),
                Some("b") => Some(DeviceKind::Block),
                Some(other) => {
                    self.found.problem(&key(&place, "type"), format!("{other:?} is none: a, b or c"));
                    continue;
                }
            };
            let access = rule.access.as_deref().filter(|access| !access.is_empty());
            let access = match access.map(str::parse::<DeviceAccess>) {
                None => DeviceAccess::ALL,
                Some(Ok(access)) => access,
                Some(Err(_)) => {
                    self.found.problem(
                        &key(&place, "access"),
                        format!("{:?} is not of the letters rwm", access.unwrap_or_default()),
                    );
                    continue;
                }
            };
            // -1 is every number, as in the kernel's own words.
            let mut number = |name: &str, number: Option<i64>| match number {
                None | Some(-1) => None,
                Some(number) => {
                    let found = u32::try_from(number).ok();
                    if found.is_none() {
                        self.found.problem(&key(&place, name), format!("{number} is no number of a device"));
                    }
                    found
                }
            };
            let (major, minor) = (number("major", rule.major), number("minor", rule.minor));
            let verdict = if rule.allow { DeviceVerdict::Allow } else { DeviceVerdict::Deny };
            rules = rules.rule(DeviceRule { verdict, devices: Devices { kind, major, minor, access } });
        }
        Some(DeviceRules::standard().rules().iter().fold(rules, |rules, rule| rules.rule(*rule)))
    }
}

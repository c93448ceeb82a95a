// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits as properties of systemd's: which has one, since which version, and in which hierarchies it does anything.
//!
//! systemd takes a property and does nothing where the hierarchy is of the other version: those are not sent. What has no
//! property is set by us, or told.
//!
//! | limit | property | systemd | version 1 |
//! |---|---|---|---|
//! | cpu.quota, of one percent or more | CPUQuotaPerSecUSec, CPUQuotaPeriodUSec (242) | 213 | yes |
//! | cpu.weight, cpu.shares | CPUWeight; CPUShares in version 1 | 232 | yes |
//! | cpu.idle | CPUWeight 0 | 252 | |
//! | cpuset.cpus, cpuset.mems | AllowedCPUs, AllowedMemoryNodes | 244 | |
//! | memory.max | MemoryMax | 231 | yes |
//! | memory.high, low; min | MemoryHigh, MemoryLow; MemoryMin (240) | 231 | |
//! | memory.swap | MemorySwapMax | 232 | |
//! | `memory.zswap_max`, `zswap_writeback` | MemoryZSwapMax, MemoryZSwapWriteback (256) | 253 | |
//! | io.weight, of all and by device | IOWeight, IODeviceWeight | 230 | |
//! | io by device: bytes; requests | IOReadBandwidthMax, … ; IOReadIOPSMax, … | 230 | bytes |
//! | io by device: latency | IODeviceLatencyTargetUSec | 240 | |
//! | pids.max | TasksMax | 227 | yes |
//! | devices | DevicePolicy, DeviceAllow | 240 | yes |
//!
//! Man: systemd.resource-control(5).

use super::dbus::Value;
use crate::devices::{DeviceAccess, DeviceKind};
use crate::devices::{DeviceRules, DeviceVerdict, v1};
use crate::layout::Version;
use crate::limits::{Key, Setting, Value as Limit};
use crate::value::{Bytes, IdList, Max, Micros, Quota, Weight};

/// How systemd writes that there is no limit.
const INFINITY: u64 = u64::MAX;
/// A period that systemd takes without being told.
const PERIOD: Micros = Micros::from_millis(100);
const SECOND: u128 = 1_000_000;
/// The least that systemd keeps, in microseconds each second.
const PERCENT: u64 = 10_000;

/// Properties that a description has other places for.
pub(super) const NAMES: [&str; 41] = [
    "CPUQuotaPerSecUSec",
    "CPUQuotaPeriodUSec",
    "CPUWeight",
    "CPUShares",
    "AllowedCPUs",
    "AllowedMemoryNodes",
    "MemoryMax",
    "MemoryHigh",
    "MemoryLow",
    "MemoryMin",
    "MemorySwapMax",
    "MemoryZSwapMax",
    "MemoryZSwapWriteback",
    "IOWeight",
    "IODeviceWeight",
    "IOReadBandwidthMax",
    "IOWriteBandwidthMax",
    "IOReadIOPSMax",
    "IOWriteIOPSMax",
    "IODeviceLatencyTargetUSec",
    "TasksMax",
    "DevicePolicy",
    "DeviceAllow",
    "PIDs",
    "PIDFDs",
    "Slice",
    "Description",
    "Delegate",
    "CollectMode",
    "KillMode",
    "SendSIGKILL",
    "TimeoutStopUSec",
    "RuntimeMaxUSec",
    "After",
    "Before",
    "Wants",
    "Requires",
    "Requisite",
    "BindsTo",
    "PartOf",
    "Conflicts",
];

/// Properties by their names, in the order in which they are sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Properties(pub(super) Vec<(String, Value)>);

impl Properties {
    /// Adds one; the elements of those that are lists are gathered, behind an empty one: that has systemd forget what was
    /// in the list so far.
    pub(super) fn push(&mut self, name: &str, value: Value) {
        match (self.0.iter_mut().rev().find(|(known, _)| known == name), value) {
            (Some((_, Value::Array(_, elements))), Value::Array(_, more)) if !elements.is_empty() => {
                elements.extend(more);
            }
            (Some((_, Value::Array(..))), value @ Value::Array(..)) => self.0.push((name.to_owned(), value)),
            (Some((_, known)), value) => *known = value,
            (None, value) => self.0.push((name.to_owned(), value)),
        }
    }

    /// As they are sent.
    pub(super) fn value(self) -> Value {
        let one = |(name, value): (String, Value)| Value::Structure(vec![Value::Text(name), value.variant()]);
        Value::Array("(sv)".to_owned(), self.0.into_iter().map(one).collect())
    }
}

/// Whether there is a property for the limit at all.
pub(super) fn is_any(setting: &Setting) -> bool {
    [Version::V1, Version::V2].into_iter().any(|version| of(setting, version, u32::MAX).is_some())
}

/// The properties of a limit in a hierarchy of this version, for this version of systemd; `None` if it has none that does
/// what is wanted.
pub(super) fn of(setting: &Setting, hierarchy: Version, systemd: u32) -> Option<Vec<(&'static str, Value)>> {
    let v2 = hierarchy == Version::V2;
    let one = |name, value, since| (systemd >= since).then(|| vec![(name, value)]);
    let on_v2 = |name, value, since| one(name, value, since).filter(|_| v2);
    let amount = |max: Max<Bytes>| Value::U64(max.limit().map_or(INFINITY, Bytes::as_u64));
    match (&setting.value, setting.key) {
        (Limit::Quota(quota), Key::CpuQuota) => of_quota(*quota, systemd),
        (Limit::Weight(weight), Key::CpuWeight) if v2 => one("CPUWeight", number(*weight), 232),
        (Limit::Weight(weight), Key::CpuWeight) => one("CPUShares", Value::U64(weight.shares()), 213),
        (Limit::Shares(shares), Key::CpuShares) if v2 => one("CPUWeight", number(Weight::of_shares(*shares)), 232),
        (Limit::Shares(shares), Key::CpuShares) => one("CPUShares", Value::U64(*shares), 213),
        (Limit::Flag(true), Key::CpuIdle) => on_v2("CPUWeight", Value::U64(0), 252),
        (Limit::List(list), Key::Cpus) => on_v2("AllowedCPUs", mask(list), 244),
        (Limit::List(list), Key::Mems) => on_v2("AllowedMemoryNodes", mask(list), 244),
        (Limit::Amount(max), Key::MemoryMax) => one("MemoryMax", amount(*max), 231),
        (Limit::Amount(max), Key::MemoryHigh) => on_v2("MemoryHigh", amount(*max), 231),
        (Limit::Amount(max), Key::MemoryLow) => on_v2("MemoryLow", amount(*max), 231),
        (Limit::Amount(max), Key::MemoryMin) => on_v2("MemoryMin", amount(*max), 240),
        (Limit::Amount(max), Key::Swap) => on_v2("MemorySwapMax", amount(*max), 232),
        (Limit::Amount(max), Key::ZswapMax) => on_v2("MemoryZSwapMax", amount(*max), 253),
        (Limit::Flag(flag), Key::ZswapWriteback) => on_v2("MemoryZSwapWriteback", Value::Flag(*flag), 256),
        (Limit::Count(max), Key::Pids) => one("TasksMax", Value::U64(max.limit().unwrap_or(INFINITY)), 227),
        // In version 1 systemd converts it as nobody else does, for a file that no kernel has any more.
        (Limit::Weight(weight), Key::IoWeight) => on_v2("IOWeight", number(*weight), 230),
        (Limit::Weight(weight), Key::DeviceWeight) => {
            on_v2("IODeviceWeight", of_device(setting, weight.as_u32().into()), 230)
        }
        (Limit::Amount(max), Key::ReadBytes | Key::WriteBytes) => {
            let name = if setting.key == Key::ReadBytes { "IOReadBandwidthMax" } else { "IOWriteBandwidthMax" };
            one(name, of_device(setting, max.limit().map_or(INFINITY, Bytes::as_u64)), 230)
        }
        (Limit::Count(max), Key::Reads | Key::Writes) => {
            let name = if setting.key == Key::Reads { "IOReadIOPSMax" } else { "IOWriteIOPSMax" };
            on_v2(name, of_device(setting, max.limit().unwrap_or(INFINITY)), 230)
        }
        (Limit::Time(max), Key::IoLatency) => {
            on_v2("IODeviceLatencyTargetUSec", of_device(setting, max.limit().map_or(INFINITY, Micros::as_u64)), 240)
        }
        (Limit::Devices(rules), Key::Devices) if systemd >= 240 => of_rules(rules),
        _ => None,
    }
}

fn number(weight: Weight) -> Value {
    Value::U64(weight.as_u32().into())
}

/// systemd counts in time for each second: what the division leaves is given rather than taken.
///
/// It keeps whole percents: a reload of all units takes what is beyond them, and makes less than one none at all.
fn of_quota(quota: Quota, systemd: u32) -> Option<Vec<(&'static str, Value)>> {
    let (time, period) = (quota.time().limit(), quota.period());
    let each_second = match time {
        None => INFINITY,
        Some(time) => {
            let each_second = (u128::from(time.as_u64()) * SECOND).div_ceil(u128::from(period.as_u64()).max(1));
            u64::try_from(each_second).ok().filter(|each_second| *each_second >= PERCENT)?
        }
    };
    let mut both = vec![("CPUQuotaPerSecUSec", Value::U64(each_second))];
    if systemd >= 242 {
        // Also the one that it takes by itself: it keeps the one that it was told before.
        both.push(("CPUQuotaPeriodUSec", Value::U64(period.as_u64())));
    } else if period != PERIOD {
        return None;
    }
    (systemd >= 213).then_some(both)
}

/// A bit for each number, the least of the first byte for 0. It is made of lists that nobody has checked yet too.
fn mask(list: &IdList) -> Value {
    let mut bytes: Vec<u8> = Vec::new();
    for id in list.possible() {
        let Ok(at) = usize::try_from(id / 8) else { continue };
        bytes.resize(bytes.len().max(at + 1), 0);
        if let Some(byte) = bytes.get_mut(at) {
            *byte |= 1 << (id % 8);
        }
    }
    Value::bytes(bytes)
}

/// A value for a device, by the name that its numbers have.
fn of_device(setting: &Setting, value: u64) -> Value {
    let path = format!("/dev/block/{}", setting.of.as_deref().unwrap_or_default());
    Value::Array("(st)".to_owned(), vec![Value::Structure(vec![Value::Text(path), Value::U64(value)])])
}

/// systemd has one default, and exceptions to it that all allow: what version 1 has where it denies. It knows devices by
/// their numbers, and all of a major number, and all.
fn of_rules(rules: &DeviceRules) -> Option<Vec<(&'static str, Value)>> {
    let plan = v1::plan(rules).ok()?;
    let list = |lines| Value::Array("(ss)".to_owned(), lines);
    if plan.default == DeviceVerdict::Allow {
        // An empty list has systemd forget what was in it.
        return plan
            .exceptions
            .is_empty()
            .then(|| vec![("DevicePolicy", Value::text("auto")), ("DeviceAllow", list(Vec::new()))]);
    }
    let line = |kind: DeviceKind, major: Option<u32>, minor: Option<u32>, access: DeviceAccess| {
        let word = match kind {
            DeviceKind::Block => "block",
            DeviceKind::Char => "char",
        };
        let devices = match (major, minor) {
            (Some(major), Some(minor)) => format!("/dev/{word}/{major}:{minor}"),
            (Some(major), None) => format!("{word}-{major}"),
            (None, None) => format!("{word}-*"),
            (None, Some(_)) => return None,
        };
        Some(Value::Structure(vec![Value::Text(devices), Value::Text(access.to_string())]))
    };
    let lines = plan.exceptions.iter().map(|(place, access)| line(place.kind, place.major, place.minor, *access));
    let lines = lines.collect::<Option<Vec<Value>>>()?;
    // systemd adds to what it has.
    let mut told = vec![("DevicePolicy", Value::text("strict")), ("DeviceAllow", list(Vec::new()))];
    if !lines.is_empty() {
        told.push(("DeviceAllow", list(lines)));
    }
    Some(told)
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! `events`: what a container uses, and that its memory is used up, in runc's JSON.

use std::time::{Duration, Instant};

use clap::ArgMatches;
use serde_json::{Map, Value, json};
use skep::cgroup::{Bytes, Max, Stat};
use skep::{Container, Event};

use super::{id, text};
use crate::arguments::Globals;
use crate::failure::Failure;
use crate::known::{self, STOPPED};
use crate::print;

pub(super) fn events(globals: &Globals, asked: &ArgMatches) -> Result<(), Failure> {
    let interval = interval(text(asked, "interval").unwrap_or("5s"))?;
    let id = id(asked);
    let container = known::open(globals, id)?;
    if known::status(&container)? == STOPPED {
        return Err(Failure::from(format!("container not running: {id:?} has stopped, and uses nothing")));
    }
    if asked.get_flag("stats") {
        return tell(id, &container).map(drop);
    }
    let mut events = container.events()?;
    let mut next = Instant::now();
    loop {
        let left = next.saturating_duration_since(Instant::now());
        if left.is_zero() {
            if !tell(id, &container)? {
                return Ok(());
            }
            next = Instant::now().checked_add(interval).unwrap_or(next);
            continue;
        }
        match events.next_within(left)? {
            Some(Event::Ended) => return Ok(()),
            Some(Event::Group(skep::cgroup::Event::OomKill(_)))
                if !print::is_read(format!("{}\n", json!({"type": "oom", "id": id})))? =>
            {
                return Ok(());
            }
            _ => {}
        }
    }
}

/// Tells once what it uses, in one line; answers whether somebody may still read it.
fn tell(id: &str, container: &Container) -> Result<bool, Failure> {
    let Some(group) = container.cgroup()? else {
        return Err(Failure::from(format!("container {id:?} has no control group, by which its use is counted")));
    };
    let stat = group.stat().map_err(|error| Failure::from(format!("cannot count what {id:?} uses: {error}")))?;
    print::is_read(format!("{}\n", json!({"type": "stats", "id": id, "data": data(&stat)})))
}

fn data(stat: &Stat) -> Value {
    let memory = &stat.memory;
    let hugetlb: Map<String, Value> = stat.hugetlb.iter().map(|(size, use_of)| {
        let value = json!({"usage": bytes(use_of.current), "max": bytes(use_of.peak), "failcnt": use_of.refused.unwrap_or_default()});
        (size.to_owned(), value)
    }).collect();
    let with_swap = &memory.with_swap;
    // Version 1 counts both together; engines expect that of version 2 too.
    let together = |swap: Bytes| Bytes::new(bytes(memory.current).saturating_add(swap.as_u64()));
    let both = with_swap.current.or(memory.swap.map(together));
    json!({
        "cpu": {
            "usage": {
                "total": nanos(stat.cpu.usage),
                "percpu": stat.cpu.per_cpu.iter().map(|time| nanos(Some(time.user.saturating_add(time.system)))).collect::<Vec<_>>(),
                "percpu_kernel": stat.cpu.per_cpu.iter().map(|time| nanos(Some(time.system))).collect::<Vec<_>>(),
                "percpu_user": stat.cpu.per_cpu.iter().map(|time| nanos(Some(time.user))).collect::<Vec<_>>(),
                "kernel": nanos(stat.cpu.system),
                "user": nanos(stat.cpu.user),
            },
            "throttling": {
                "periods": stat.cpu.periods.unwrap_or_default(),
                "throttledPeriods": stat.cpu.throttled_periods.unwrap_or_default(),
                "throttledTime": nanos(stat.cpu.throttled),
            },
        },
        "memory": {
            "cache": bytes(memory.detail.file),
            "usage": entry(memory.current, memory.peak, memory.max, memory.events.max),
            "swap": entry(both, with_swap.peak, with_swap.max.or(memory.swap_max), with_swap.refused),
            "raw": raw(&memory.detail),
        },
        "pids": {
            "current": stat.pids.current.unwrap_or_default(),
            "limit": stat.pids.max.and_then(Max::limit).unwrap_or_default(),
        },
        "blkio": blkio(stat),
        "hugetlb": hugetlb,
        "intel_rdt": {},
        "network_interfaces": null,
    })
}

/// One kind of memory. No limit is the largest number, as version 1 has it.
fn entry(usage: Option<Bytes>, max: Option<Bytes>, limit: Option<Max<Bytes>>, refused: Option<u64>) -> Value {
    let limit = match limit {
        Some(Max::Limit(limit)) => limit.as_u64(),
        Some(Max::Unlimited) => u64::MAX,
        None => 0,
    };
    json!({"limit": limit, "usage": bytes(usage), "max": bytes(max), "failcnt": refused.unwrap_or_default()})
}

/// What memory is used for, of what engines look for.
fn raw(detail: &skep::cgroup::MemoryUse) -> Value {
    json!({
        "anon": bytes(detail.anon),
        "file": bytes(detail.file),
        "file_mapped": bytes(detail.file_mapped),
        "inactive_anon": bytes(detail.inactive_anon),
        "active_anon": bytes(detail.active_anon),
        "inactive_file": bytes(detail.inactive_file),
        "active_file": bytes(detail.active_file),
        "total_inactive_file": bytes(detail.inactive_file),
    })
}

fn blkio(stat: &Stat) -> Value {
    let (mut served, mut counted) = (Vec::new(), Vec::new());
    for (device, done) in stat.io.iter() {
        let Some((major, minor)) = device.split_once(':') else { continue };
        let (Ok(major), Ok(minor)) = (major.parse::<u64>(), minor.parse::<u64>()) else { continue };
        let line = |op: &str, value: u64| json!({"major": major, "minor": minor, "op": op, "value": value});
        served.push(line("Read", bytes(done.read)));
        served.push(line("Write", bytes(done.written)));
        counted.push(line("Read", done.reads.unwrap_or_default()));
        counted.push(line("Write", done.writes.unwrap_or_default()));
    }
    json!({"ioServiceBytesRecursive": served, "ioServicedRecursive": counted})
}

fn bytes(amount: Option<Bytes>) -> u64 {
    amount.map_or(0, Bytes::as_u64)
}

fn nanos(time: Option<Duration>) -> u64 {
    time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// A time as runc takes it, more than nothing: `5s`, `500ms`, `1m30s`.
fn interval(text: &str) -> Result<Duration, Failure> {
    let wrong = || Failure::from(format!("--interval: {text:?} is no time: 5s, 500ms, 1m"));
    let (mut rest, mut whole) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let unit = after.find(|letter: char| letter.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let one = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return Err(wrong()),
        };
        whole = one.checked_mul(number).and_then(|part| whole.checked_add(part)).ok_or_else(wrong)?;
        rest = after;
    }
    Some(whole).filter(|whole| !whole.is_zero()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_numbers_and_units() {
        for (text, milliseconds) in [("5s", 5000), ("500ms", 500), ("1m30s", 90_000), ("1h", 3_600_000)] {
            assert_eq!(interval(text).unwrap(), Duration::from_millis(milliseconds), "{text}");
        }
        for bad in ["", "5", "s", "0s", "-1s", "5x", "99999999999s", "1.5s"] {
            assert!(interval(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_counted_is_nothing() {
        let data = data(&Stat::default());
        assert_eq!(data["memory"]["usage"], json!({"limit": 0, "usage": 0, "max": 0, "failcnt": 0}));
        assert_eq!(data["cpu"]["usage"]["total"], json!(0));
    }
}

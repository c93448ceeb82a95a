// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits in the words of version 2: files, and what is written to them. They count before those in words of version 1.

use std::str::FromStr;

use skep_cgroup::{Bytes, DeviceNumber, Limits, Max, Micros, Quota, Weight};

use super::Walk;

/// The period of a quota that is said without one, in microseconds.
const PERIOD: Micros = Micros::from_millis(100);

impl Walk<'_> {
    pub(super) fn unified(&mut self, place: &str, file: &str, text: &str, limits: &mut Limits) {
        if file.contains('/') || !file.contains('.') || file.contains('\0') {
            return self.found.problem(place, "is no file of a control group: memory.high is one");
        }
        match set(file, text, limits) {
            Some(true) => {}
            Some(false) => self.found.problem(place, format!("{text:?} is nothing that can be written to it")),
            None => self.found.unsupported(place, "is no limit that is known here"),
        }
    }
}

/// Whether the text was one for that file; nothing if the file is not known.
fn set(file: &str, text: &str, limits: &mut Limits) -> Option<bool> {
    let text = text.trim();
    let Limits { cpu, cpuset, memory, pids, .. } = limits;
    Some(match file {
        "memory.max" => put(text, &mut memory.max),
        "memory.high" => put(text, &mut memory.high),
        "memory.low" => put(text, &mut memory.low),
        "memory.min" => put(text, &mut memory.min),
        "memory.swap.max" => put(text, &mut memory.swap),
        "memory.swap.high" => put(text, &mut memory.swap_high),
        "memory.zswap.max" => put(text, &mut memory.zswap_max),
        "memory.zswap.writeback" => flag(text, &mut memory.zswap_writeback),
        "memory.oom.group" => flag(text, &mut memory.oom_group),
        "cpu.weight" => {
            // One of both.
            cpu.shares = None;
            put(text, &mut cpu.weight)
        }
        "cpu.idle" => flag(text, &mut cpu.idle),
        "cpu.max" => quota(text).map(|quota| cpu.quota = Some(quota)).is_some(),
        "cpu.max.burst" => put(text, &mut cpu.burst),
        "cpu.uclamp.min" => put(text, &mut cpu.uclamp_min),
        "cpu.uclamp.max" => put(text, &mut cpu.uclamp_max),
        "cpuset.cpus" => put(text, &mut cpuset.cpus),
        "cpuset.mems" => put(text, &mut cpuset.mems),
        "cpuset.cpus.exclusive" => put(text, &mut cpuset.cpus_exclusive),
        "cpuset.cpus.partition" => put(text, &mut cpuset.partition),
        "pids.max" => count(text).map(|most| pids.max = Some(most)).is_some(),
        "io.max" => text.lines().all(|line| throttles(line, limits).is_some()),
        "io.weight" => text.lines().all(|line| weights(line, false, limits).is_some()),
        "io.bfq.weight" => text.lines().all(|line| weights(line, true, limits).is_some()),
        "misc.max" => text.lines().all(|line| {
            let pair = line.split_once(' ').and_then(|(name, most)| Some((name.to_owned(), count(most)?)));
            pair.map(|(name, most)| limits.misc.insert(name, most)).is_some() || line.is_empty()
        }),
        "rdma.max" => text.lines().all(|line| rdma(line, limits).is_some()),
        _ => {
            let (size, which) = file.strip_prefix("hugetlb.")?.split_once('.')?;
            let pages = limits.hugetlb.entry(size.parse().ok()?).or_default();
            match which {
                "max" => put(text, &mut pages.max),
                "rsvd.max" => put(text, &mut pages.reserved),
                _ => return None,
            }
        }
    })
}

fn put<T: FromStr>(text: &str, into: &mut Option<T>) -> bool {
    *into = text.parse().ok();
    into.is_some()
}

fn flag(text: &str, into: &mut Option<bool>) -> bool {
    *into = match text {
        "0" => Some(false),
        "1" => Some(true),
        _ => None,
    };
    into.is_some()
}

fn count(text: &str) -> Option<Max<u64>> {
    match text.trim() {
        "max" => Some(Max::Unlimited),
        number => number.parse().ok().map(Max::Limit),
    }
}

/// A lone number is a time there, in microseconds.
fn quota(text: &str) -> Option<Quota> {
    let (time, period) = text.split_once(' ').map_or((text, None), |(time, period)| (time, Some(period)));
    let period = period.map_or(Some(PERIOD), |period| period.trim().parse().ok())?;
    Some(Quota::new(time.parse::<Max<Micros>>().ok()?, period))
}

fn throttles(line: &str, limits: &mut Limits) -> Option<()> {
    let mut words = line.split_whitespace();
    let device = limits.io.devices.entry(words.next()?.parse::<DeviceNumber>().ok()?).or_default();
    words.try_for_each(|word| {
        let (key, most) = word.split_once('=')?;
        match key {
            "rbps" => device.read_bytes = Some(most.parse::<Max<Bytes>>().ok()?),
            "wbps" => device.write_bytes = Some(most.parse::<Max<Bytes>>().ok()?),
            "riops" => device.reads = Some(count(most)?),
            "wiops" => device.writes = Some(count(most)?),
            _ => return None,
        }
        Some(())
    })
}

fn weights(line: &str, is_bfq: bool, limits: &mut Limits) -> Option<()> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let io = &mut limits.io;
    let (place, weight) = match words[..] {
        [weight] | ["default", weight] => (if is_bfq { &mut io.bfq_weight } else { &mut io.weight }, weight),
        [device, weight] => {
            let device = io.devices.entry(device.parse::<DeviceNumber>().ok()?).or_default();
            (if is_bfq { &mut device.bfq_weight } else { &mut device.weight }, weight)
        }
        _ => return None,
    };
    *place = Some(weight.parse::<Weight>().ok()?);
    Some(())
}

fn rdma(line: &str, limits: &mut Limits) -> Option<()> {
    let mut words = line.split_whitespace();
    let device = limits.rdma.entry(words.next()?.to_owned()).or_default();
    words.try_for_each(|word| {
        let (key, most) = word.split_once('=')?;
        match key {
            "hca_handle" => device.hca_handle = Some(count(most)?),
            "hca_object" => device.hca_object = Some(count(most)?),
            _ => return None,
        }
        Some(())
    })
}

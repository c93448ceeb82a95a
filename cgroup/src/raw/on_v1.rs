// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of version 2 on a group of version 1.

use std::collections::BTreeMap;

use super::{amount, amounts, io_max_keys, number, of_device, parsed, renamed, translated, unreadable};
use crate::error::Error;
use crate::group::Directory;
use crate::layout::Version;
use crate::text;
use crate::v1::{self, convert, names};
use crate::value::{Bytes, DeviceNumber, Max, Micros, Quota, Weight, shown};

/// What a file of version 2 would say; `None` if nothing is known to say it.
pub(super) fn read(group: &Directory, file: &str) -> Result<Option<String>, Error> {
    let trimmed = |name: &str| group.read(name).map(|text| text.trim_end().to_owned());
    let bytes = |name: &str| group.read(name).map(|text| text::number(&text).unwrap_or_default());
    if let Some(name) = translated(renamed(), file, Version::V1) {
        return trimmed(&name).map(Some);
    }
    if let Some(name) = translated(amounts(), file, Version::V1) {
        return bytes(&name).map(|bytes| Some(convert::amount_of(bytes).to_string()));
    }
    match file {
        "cpu.weight" => bytes("cpu.shares").map(|shares| Some(Weight::of_shares(shares).to_string())),
        "cpu.max" => {
            let time = trimmed(names::QUOTA)?;
            let period = trimmed(names::PERIOD)?;
            Ok(Some(format!("{} {period}", if time == "-1" { "max" } else { &time })))
        }
        "memory.swap.max" => {
            let [memory, sum] = [bytes(names::MEMORY)?, bytes(names::MEMORY_AND_SWAP)?];
            Ok(Some(match convert::amount_of(sum) {
                Max::Unlimited => "max".to_owned(),
                Max::Limit(sum) => sum.as_u64().saturating_sub(memory).to_string(),
            }))
        }
        "memory.swap.current" => {
            let [memory, sum] = [bytes("memory.usage_in_bytes")?, bytes("memory.memsw.usage_in_bytes")?];
            Ok(Some(sum.saturating_sub(memory).to_string()))
        }
        "cgroup.freeze" => Ok(Some(if trimmed("freezer.state")? == "THAWED" { "0" } else { "1" }.to_owned())),
        "io.max" => io_max(group).map(Some),
        "io.weight" => {
            weights(group, "blkio.weight", |weight| convert::weight_of_blkio(weight).as_u32().into()).map(Some)
        }
        "io.bfq.weight" => weights(group, "blkio.bfq.weight", |weight| weight).map(Some),
        _ => Ok(None),
    }
}

/// Writes what a file of version 2 would have taken; `None` if nothing is known to take it.
pub(super) fn write(group: &Directory, file: &str, value: &str) -> Result<Option<()>, Error> {
    if let Some(name) = translated(renamed(), file, Version::V1) {
        return group.write(&name, value).map(Some);
    }
    let amount = || parsed(group, file, value, amount(value));
    match file {
        "memory.max" => v1::memory_and_swap(group, Some(amount()?), None),
        "memory.swap.max" => v1::memory_and_swap(group, None, Some(amount()?)),
        "cpu.weight" => {
            let weight: Weight = parsed(group, file, value, value.parse())?;
            group.write("cpu.shares", &weight.shares().to_string())
        }
        "cpu.max" => v1::cpu_quota(group, quota(group, file, value)?),
        "cgroup.freeze" => match value.trim() {
            "1" => group.write("freezer.state", "FROZEN"),
            "0" => group.write("freezer.state", "THAWED"),
            _ => Err(unreadable(group, file, value, vec![format!("{} is neither 0 nor 1", shown(value))])),
        },
        "io.max" => set_io_max(group, file, value),
        "io.weight" => set_weight(group, file, value, "blkio.weight", |weight| {
            convert::blkio_weight_of(Weight::new(u32::try_from(weight).unwrap_or(u32::MAX)))
        }),
        "io.bfq.weight" => set_weight(group, file, value, "blkio.bfq.weight", |weight| weight),
        _ => match translated(amounts(), file, Version::V1) {
            Some(name) => group.write(&name, &convert::amount_text(amount()?)),
            None => return Ok(None),
        },
    }
    .map(Some)
}

/// The kernel's text: a time or "max", and a period, which stays as it is if it is not said.
fn quota(group: &Directory, file: &str, value: &str) -> Result<Quota, Error> {
    let mut words = value.split_whitespace();
    let problem =
        || unreadable(group, file, value, vec![format!("{} is not a quota: write 150000 100000", shown(value))]);
    let (Some(time), period, None) = (words.next(), words.next(), words.next()) else { return Err(problem()) };
    let time: Max<Micros> = time.parse().map_err(|_| problem())?;
    let period: Micros = match period {
        Some(period) => period.parse().map_err(|_| problem())?,
        None => group.read(names::PERIOD)?.parse()?,
    };
    Ok(Quota::new(time, period))
}

fn io_max(group: &Directory) -> Result<String, Error> {
    let mut devices: BTreeMap<DeviceNumber, [Option<String>; 4]> = BTreeMap::new();
    for (at, (_, name)) in io_max_keys().enumerate() {
        for (device, rate) in group.read(name)?.lines().filter_map(of_device) {
            if let Some(slot) = devices.entry(device).or_default().get_mut(at) {
                *slot = Some(rate.to_owned());
            }
        }
    }
    let line = |(device, rates): (&DeviceNumber, &[Option<String>; 4])| {
        let rates =
            io_max_keys().zip(rates).map(|((key, _), rate)| format!("{key}={}", rate.as_deref().unwrap_or("max")));
        format!("{device} {}", rates.collect::<Vec<_>>().join(" "))
    };
    Ok(devices.iter().map(line).collect::<Vec<_>>().join("\n"))
}

fn set_io_max(group: &Directory, file: &str, value: &str) -> Result<(), Error> {
    let problem = || {
        unreadable(
            group,
            file,
            value,
            vec![format!("{} is not a device and its rates: write 8:0 rbps=1048576", shown(value))],
        )
    };
    let (device, rates) = of_device(value).ok_or_else(problem)?;
    let rate = |word: &str| {
        let (key, rate) = word.split_once('=')?;
        let name = io_max_keys().find(|(known, _)| *known == key)?.1;
        let rate: Max<Bytes> = rate.parse().ok()?;
        Some((name, rate.limit().map_or(0, Bytes::as_u64)))
    };
    // All are read before one is written.
    let rates: Vec<_> =
        rates.split_whitespace().map(|word| rate(word).ok_or_else(problem)).collect::<Result<_, _>>()?;
    rates.into_iter().try_for_each(|(name, rate)| group.write(name, &format!("{device} {rate}")))
}

/// The default and the devices of a weight, as one file has them in version 2.
fn weights(group: &Directory, name: &str, convert: impl Fn(u64) -> u64) -> Result<String, Error> {
    let number = |text: &str| text::number(text).map(&convert).unwrap_or_default();
    let mut lines = vec![format!("default {}", number(&group.read(name)?))];
    let devices = group.read(&format!("{name}_device"))?;
    lines.extend(devices.lines().filter_map(of_device).map(|(device, weight)| format!("{device} {}", number(weight))));
    Ok(lines.join("\n"))
}

fn set_weight(
    group: &Directory,
    file: &str,
    value: &str,
    name: &str,
    convert: impl Fn(u64) -> u64,
) -> Result<(), Error> {
    if let Some((device, weight)) = of_device(value) {
        let weight = convert(number(group, file, weight)?);
        return group.write(&format!("{name}_device"), &format!("{device} {weight}"));
    }
    let weight = value.trim().strip_prefix("default ").unwrap_or(value);
    group.write(name, &convert(number(group, file, weight)?).to_string())
}

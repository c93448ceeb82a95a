// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of version 1 on a group of version 2.

use super::{UNLIMITED, amount, amounts, io_max_keys, number, of_device, parsed, renamed, translated, unreadable};
use crate::error::{Error, ErrorKind, Object};
use crate::group::Directory;
use crate::layout::Version;
use crate::text::{self, field};
use crate::v1::convert;
use crate::value::{Bytes, Max, Weight, shown};

/// What a file of version 1 would say; `None` if nothing is known to say it.
pub(super) fn read(group: &Directory, file: &str) -> Result<Option<String>, Error> {
    if let Some(name) = translated(renamed(), file, Version::V2) {
        return group.read(&name).map(|text| Some(text.trim_end().to_owned()));
    }
    if let Some(name) = translated(amounts(), file, Version::V2) {
        return group.read(&name).map(|text| Some(v1_amount(&text)));
    }
    if let Some((key, _)) = io_max_keys().find(|(_, name)| *name == file) {
        return group.read("io.max").map(|text| Some(throttles(&text, key)));
    }
    let quota = |part: usize| {
        let text = group.read("cpu.max")?;
        let word = text.split_whitespace().nth(part).unwrap_or_default();
        Ok(Some(if word == "max" { "-1" } else { word }.to_owned()))
    };
    match file {
        "cpu.shares" => {
            let weight = group.read("cpu.weight")?.trim().parse().unwrap_or(Weight::DEFAULT);
            Ok(Some(weight.shares().to_string()))
        }
        "cpu.cfs_quota_us" => quota(0),
        "cpu.cfs_period_us" => quota(1),
        "cpuacct.usage" => {
            let micros = field(&group.read("cpu.stat")?, "usage_usec").unwrap_or_default();
            Ok(Some(micros.saturating_mul(1000).to_string()))
        }
        "memory.memsw.limit_in_bytes" => {
            let both = [amount(&group.read("memory.max")?)?, amount(&group.read("memory.swap.max")?)?];
            Ok(Some(match both {
                [Max::Limit(memory), Max::Limit(swap)] => memory.as_u64().saturating_add(swap.as_u64()).to_string(),
                _ => UNLIMITED.to_owned(),
            }))
        }
        "memory.memsw.usage_in_bytes" => {
            let [memory, swap] = [group.read("memory.current")?, group.read("memory.swap.current")?]
                .map(|text| text::number(&text).unwrap_or_default());
            Ok(Some(memory.saturating_add(swap).to_string()))
        }
        "freezer.state" => {
            let frozen = field(&group.read("cgroup.events")?, "frozen") == Some(1);
            let asked = group.read("cgroup.freeze")?.trim() == "1";
            Ok(Some(
                if frozen {
                    "FROZEN"
                } else if asked {
                    "FREEZING"
                } else {
                    "THAWED"
                }
                .to_owned(),
            ))
        }
        "blkio.weight" => Ok(default_of(&group.read("io.weight")?)
            .map(|weight| convert::blkio_weight_of(weight.parse().unwrap_or(Weight::DEFAULT)).to_string())),
        "blkio.bfq.weight" => Ok(default_of(&group.read("io.bfq.weight")?).map(str::to_owned)),
        "blkio.weight_device" => Ok(Some(devices_of(&group.read("io.weight")?, |weight| {
            convert::blkio_weight_of(weight.parse().unwrap_or(Weight::DEFAULT)).to_string()
        }))),
        "blkio.bfq.weight_device" => Ok(Some(devices_of(&group.read("io.bfq.weight")?, str::to_owned))),
        _ => Ok(None),
    }
}

/// Writes what a file of version 1 would have taken; `None` if nothing is known to take it.
pub(super) fn write(group: &Directory, file: &str, value: &str) -> Result<Option<()>, Error> {
    if let Some(name) = translated(renamed(), file, Version::V2) {
        return group.write(&name, value).map(Some);
    }
    if let Some(name) = translated(amounts(), file, Version::V2) {
        let amount = parsed(group, file, value, amount(value))?;
        return group.write(&name, &amount.to_string()).map(Some);
    }
    let value_of_device = || {
        of_device(value).ok_or_else(|| {
            let problem = format!("{} is not a device and its value: write 8:0 1048576", shown(value));
            unreadable(group, file, value, vec![problem])
        })
    };
    if let Some((key, _)) = io_max_keys().find(|(_, name)| *name == file) {
        let (device, rate) = value_of_device()?;
        let rate = match number(group, file, rate)? {
            0 => "max".to_owned(),
            rate => rate.to_string(),
        };
        return group.write("io.max", &format!("{device} {key}={rate}")).map(Some);
    }
    let weight = |text: &str| number(group, file, text).map(convert::weight_of_blkio);
    match file {
        "cpu.shares" => group.write("cpu.weight", &Weight::of_shares(number(group, file, value)?).to_string()),
        // The kernel leaves the period alone that is not said.
        "cpu.cfs_quota_us" if value.trim() == "-1" => group.write("cpu.max", "max"),
        "cpu.cfs_quota_us" => group.write("cpu.max", &number(group, file, value)?.to_string()),
        "cpu.cfs_period_us" => {
            let old = group.read("cpu.max")?;
            let time = old.split_whitespace().next().unwrap_or("max");
            group.write("cpu.max", &format!("{time} {}", number(group, file, value)?))
        }
        "memory.memsw.limit_in_bytes" => memory_and_swap(group, file, value),
        "freezer.state" => match value.trim() {
            "FROZEN" => group.write("cgroup.freeze", "1"),
            "THAWED" => group.write("cgroup.freeze", "0"),
            _ => Err(unreadable(group, file, value, vec![format!("{} is neither FROZEN nor THAWED", shown(value))])),
        },
        "blkio.weight" => group.write("io.weight", &format!("default {}", weight(value)?)),
        "blkio.bfq.weight" => group.write("io.bfq.weight", &format!("default {}", number(group, file, value)?)),
        "blkio.weight_device" => {
            let (device, value) = value_of_device()?;
            group.write("io.weight", &format!("{device} {}", weight(value)?))
        }
        "blkio.bfq.weight_device" => group.write("io.bfq.weight", value),
        _ => return Ok(None),
    }
    .map(Some)
}

/// Version 2 limits swap alone: what is left of the sum beside the memory.
fn memory_and_swap(group: &Directory, file: &str, value: &str) -> Result<(), Error> {
    let memory = amount(&group.read("memory.max")?)?;
    let swap = match (parsed(group, file, value, amount(value))?, memory) {
        (Max::Unlimited, _) => Max::Unlimited,
        (Max::Limit(sum), Max::Limit(memory)) if sum >= memory => {
            Max::Limit(Bytes::new(sum.as_u64() - memory.as_u64()))
        }
        (Max::Limit(_), Max::Limit(memory)) => {
            let problem = format!("memory and swap together are never less than memory alone, {memory} (memory.max)");
            return Err(unreadable(group, file, value, vec![problem]));
        }
        (Max::Limit(_), Max::Unlimited) => {
            let object = Object::Value { text: value.to_owned(), file: group.path().join(file) };
            let why = "version 2 limits swap alone, and memory and swap together only where memory is limited";
            return Err(Error::explained("write", object, ErrorKind::Unsupported, 0, why)
                .with_hint("set memory.limit_in_bytes first"));
        }
    };
    group.write("memory.swap.max", &swap.to_string())
}

/// An amount as version 1 says it.
pub(super) fn v1_amount(text: &str) -> String {
    if text.trim() == "max" { UNLIMITED.to_owned() } else { text.trim().to_owned() }
}

/// One rate of each device of `io.max` that has one.
pub(super) fn throttles(text: &str, key: &str) -> String {
    let line = |line: &str| {
        let (device, rates) = line.split_once(' ')?;
        let rate = rates.split(' ').find_map(|rate| rate.strip_prefix(key)?.strip_prefix('='))?;
        (rate != "max").then(|| format!("{device} {rate}"))
    };
    text.lines().filter_map(line).collect::<Vec<_>>().join("\n")
}

/// The value of all devices that have none of their own.
fn default_of(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("default ")).map(str::trim)
}

/// The values of single devices.
fn devices_of(text: &str, convert: impl Fn(&str) -> String) -> String {
    let devices = text.lines().filter_map(|line| line.split_once(' ')).filter(|(word, _)| *word != "default");
    devices.map(|(device, value)| format!("{device} {}", convert(value.trim()))).collect::<Vec<_>>().join("\n")
}

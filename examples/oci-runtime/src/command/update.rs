// SPDX-License-Identifier: MIT OR Apache-2.0
//! `update`: what a container that runs may use from now on.

use std::path::Path;

use clap::ArgMatches;
use serde_json::{Map, Value, json};
use skep::Container;
use skep::oci::{Config, Resources};

use super::{id, path, text};
use crate::arguments::Globals;
use crate::failure::Failure;
use crate::{input, known, part};

/// Options, and where `linux.resources` of a configuration has the same.
const NUMBERS: [(&str, &str, &str); 14] = [
    ("blkio-weight", "blockIO", "weight"),
    ("cpu-period", "cpu", "period"),
    ("cpu-quota", "cpu", "quota"),
    ("cpu-burst", "cpu", "burst"),
    ("cpu-share", "cpu", "shares"),
    ("cpu-rt-period", "cpu", "realtimePeriod"),
    ("cpu-rt-runtime", "cpu", "realtimeRuntime"),
    ("cpu-idle", "cpu", "idle"),
    ("memory", "memory", "limit"),
    ("memory-reservation", "memory", "reservation"),
    ("memory-swap", "memory", "swap"),
    ("kernel-memory", "memory", "kernel"),
    ("kernel-memory-tcp", "memory", "kernelTCP"),
    ("pids-limit", "pids", "limit"),
];
const LISTS: [(&str, &str, &str); 2] = [("cpuset-cpus", "cpu", "cpus"), ("cpuset-mems", "cpu", "mems")];

pub(super) fn update(globals: &Globals, asked: &ArgMatches) -> Result<(), Failure> {
    for option in ["l3-cache-schema", "mem-bw-schema"] {
        if text(asked, option).is_some() {
            return Err(Failure::from(format!("--{option}: caches and memory bandwidth cannot be limited here yet")));
        }
    }
    let container = known::open(globals, id(asked))?;
    let mut said = match path(asked, "resources") {
        Some(file) => read(file)?,
        None => of_options(asked),
    };
    complete(&mut said, &container)?;
    Ok(container.limit(&part::limits(resources(said)?)?)?)
}

/// Of two limits that are one for the kernel: which is said, which with it, and the file that has the latter.
const PAIRS: [(&str, &str, &str, &str); 3] = [
    ("cpu", "period", "quota", "cpu.cfs_quota_us"),
    ("cpu", "quota", "period", "cpu.cfs_period_us"),
    ("memory", "swap", "limit", "memory.limit_in_bytes"),
];

/// What version 1 says of memory without a limit: the largest number of whole pages.
const UNLIMITED: i64 = i64::MAX & !0xffff;

/// Adds what is in force of such limits of which one is said: it stays.
fn complete(said: &mut Value, container: &Container) -> Result<(), Failure> {
    for (part, one, other, file) in PAIRS {
        let Some(part) = said.get_mut(part).and_then(Value::as_object_mut) else { continue };
        let is_said = |part: &Map<String, Value>, key| part.get(key).is_some_and(|value| !value.is_null());
        if !is_said(part, one) || is_said(part, other) {
            continue;
        }
        let Some(group) = container.cgroup()? else { continue };
        // Where there is no such file the limit that is said is refused too, and why is told then.
        let in_force = group.read(file).ok().and_then(|text| text.trim().parse::<i64>().ok());
        if let Some(number) = in_force {
            part.insert(other.to_owned(), json!(if number < UNLIMITED { number } else { -1 }));
        }
    }
    Ok(())
}

/// What a file says, or the standard input for `-`.
fn read(file: &Path) -> Result<Value, Failure> {
    let text = input::text("--resources", file)?;
    serde_json::from_str(&text).map_err(|error| Failure::from(format!("--resources: it is no JSON: {error}")))
}

fn of_options(asked: &ArgMatches) -> Value {
    let mut said = Map::new();
    let mut set = |part: &str, key: &str, value: Value| {
        if let Some(part) = said.entry(part).or_insert_with(|| json!({})).as_object_mut() {
            part.insert(key.to_owned(), value);
        }
    };
    for (option, part, key) in NUMBERS {
        if let Some(number) = asked.get_one::<i64>(option) {
            set(part, key, json!(number));
        }
    }
    for (option, part, key) in LISTS {
        if let Some(list) = text(asked, option) {
            set(part, key, json!(list));
        }
    }
    said.into()
}

/// The same as `linux.resources`, so that what is wrong is told by its place there.
fn resources(said: Value) -> Result<Resources, Failure> {
    let config = json!({"ociVersion": skep::oci::VERSION, "linux": {"resources": said}});
    let config = Config::from_json(config.to_string())?;
    Ok(config.linux.and_then(|linux| linux.resources).unwrap_or_default())
}

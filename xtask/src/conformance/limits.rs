// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups: where they are, and what is in force in them.

use std::fs;

use needs::groups;
use serde_json::{Value, json};

use super::bundle::{Bundle, holds, same};
use super::case::{Case, must};
use crate::failure::Failure;

/// What a file of the container's group has, in whichever hierarchy, by its name in version 1 and in version 2.
fn value(bundle: &Bundle, files: [&str; 2]) -> Result<String, Failure> {
    let groups = groups::named(bundle.group.trim_start_matches('/'))?;
    let paths = groups.iter().flat_map(|group| files.iter().map(move |file| group.join(file)));
    let found = paths.filter_map(|path| fs::read_to_string(path).ok()).next();
    found.map(|text| text.trim().to_owned()).ok_or_else(|| format!("no group has one of {files:?}").into())
}

/// That a limit of the configuration is in force.
fn limits(bundle: &Bundle, said: Value, files: [&str; 2], expected: [&str; 2]) -> Result<(), Failure> {
    bundle.create("true", |config| config["linux"]["resources"] = said)?;
    let found = value(bundle, files)?;
    holds(expected.contains(&found.as_str()), format!("{files:?} has {found:?}, and {expected:?} was expected"))
}

pub(super) const CASES: &[Case] = &[
    must("config-linux.md#control-groups", "cgroupsPath is where the group is", |bundle| {
        bundle.create("true", |config| config["linux"]["resources"] = json!({"pids": {"limit": 40}}))?;
        let pid = bundle.state()?["pid"].to_string();
        let members = value(bundle, ["cgroup.procs", "cgroup.procs"])?;
        holds(members.lines().any(|member| member == pid), format!("{pid} is not among {members:?}"))
    }),
    must("config-linux.md#pids", "limit is the most processes", |bundle| {
        limits(bundle, json!({"pids": {"limit": 40}}), ["pids.max", "pids.max"], ["40", "40"])
    }),
    must("config-linux.md#memory", "limit is the most memory", |bundle| {
        let files = ["memory.limit_in_bytes", "memory.max"];
        limits(bundle, json!({"memory": {"limit": 67_108_864}}), files, ["67108864", "67108864"])
    }),
    must("config-linux.md#cpu", "shares are the share of processors", |bundle| {
        // 1 to 10000 of version 2, by either of the formulas in use.
        limits(bundle, json!({"cpu": {"shares": 1024}}), ["cpu.shares", "cpu.weight"], ["1024", "100"])
            .or_else(|_| same(&value(bundle, ["cpu.shares", "cpu.weight"])?, "39"))
    }),
    must("config-linux.md#cpu", "quota and period are the time in each period", |bundle| {
        let said = json!({"cpu": {"quota": 20_000, "period": 50_000}});
        limits(bundle, said, ["cpu.cfs_quota_us", "cpu.max"], ["20000", "20000 50000"])
    }),
    must("config-linux.md#cpu", "cpus are the processors", |bundle| {
        limits(bundle, json!({"cpu": {"cpus": "0"}}), ["cpuset.cpus", "cpuset.cpus"], ["0", "0"])
    }),
    must("config-linux.md#allowed-device-list", "a device that is not allowed cannot be opened", |bundle| {
        let script = "mknod /tmp/node c 10 229; (echo >/tmp/node) 2>/dev/null || echo no; echo >/dev/null && echo yes; rm /tmp/node";
        bundle.says(script, "no\nyes", |config| {
            let any = json!({"allow": false, "access": "rwm"});
            let nodes = json!({"allow": true, "type": "c", "access": "m"});
            let null_device = json!({"allow": true, "type": "c", "major": 1, "minor": 3, "access": "rwm"});
            config["linux"]["resources"] = json!({"devices": [any, nodes, null_device]});
        })
    }),
];

// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel is asked for: switches, system calls, clocks, what the machine is said to be.

use serde_json::json;

use super::bundle::add;
use super::case::{Case, must};

pub(super) const CASES: &[Case] = &[
    must("config-linux.md#sysctl", "they are set", |bundle| {
        bundle.says("cat /proc/sys/net/core/somaxconn", "77", |config| {
            config["linux"]["sysctl"] = json!({"net.core.somaxconn": "77"});
        })
    }),
    must("config-linux.md#sysctl", "one that is of no namespace of the container is an error", |bundle| {
        bundle.refused(|config| config["linux"]["sysctl"] = json!({"kernel.pid_max": "4194304"}))
    }),
    must("config-linux.md#seccomp", "calls of a rule are answered as it says", |bundle| {
        bundle.says("mkdir /tmp/x 2>/dev/null || echo no; rmdir /tmp 2>/dev/null; echo fine", "no\nfine", |config| {
            config["linux"]["seccomp"] = json!({
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
                             {"names": ["rmdir", "unlinkat"], "action": "SCMP_ACT_ERRNO"}],
            });
        })
    }),
    must("config-linux.md#seccomp", "defaultErrnoRet is the error of the default action", |bundle| {
        let script = "mkdir /tmp/x 2>&1 | grep -o 'Exec format error'";
        bundle.says(script, "Exec format error", |config| {
            config["linux"]["seccomp"] = json!({
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 8}],
            });
        })
    }),
    must("config-linux.md#seccomp", "an unknown action is an error", |bundle| {
        bundle.refused(|config| config["linux"]["seccomp"] = json!({"defaultAction": "SCMP_ACT_UNHEARD_OF"}))
    }),
    must("config-linux.md#personality", "it is that of the program", |bundle| {
        bundle.says("uname -m", "i686", |config| config["linux"]["personality"] = json!({"domain": "LINUX32"}))
    }),
    must("config-linux.md#time-offsets", "the clocks are moved by them", |bundle| {
        let script = "test $(cut -d . -f 1 /proc/uptime) -ge 1000000000 && echo moved";
        bundle.says(script, "moved", |config| {
            add(config, ["linux", "namespaces"], json!({"type": "time"}));
            config["linux"]["timeOffsets"] = json!({"boottime": {"secs": 1_000_000_000, "nanosecs": 0}});
        })
    }),
];

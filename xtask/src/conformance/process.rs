// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program: who it is, what it has, what it may do.

use serde_json::json;

use super::bundle::holds;
use super::case::{Case, must, should};

pub(super) const CASES: &[Case] = &[
    must("config.md#process", "cwd is the directory that the program begins in", |bundle| {
        bundle.says("pwd", "/tmp", |config| config["process"]["cwd"] = json!("/tmp"))
    }),
    must("config.md#process", "cwd must be absolute", |bundle| {
        bundle.refused(|config| config["process"]["cwd"] = json!("tmp"))
    }),
    must("config.md#process", "env is what the program has", |bundle| {
        bundle.says("echo $A-$B", "1-", |config| config["process"]["env"] = json!(["PATH=/bin", "A=1"]))
    }),
    must("config.md#posix-process", "args are looked for in the PATH of env, as by execvp", |bundle| {
        bundle.says("echo found", "found", |config| config["process"]["env"] = json!(["PATH=/nothing:/bin"]))
    }),
    must("config.md#posix-process", "at least one entry of args is required", |bundle| {
        bundle.refused(|config| config["process"]["args"] = json!([]))
    }),
    must("config.md#posix-process", "rlimits are set, soft and hard", |bundle| {
        bundle.says("ulimit -S -n; ulimit -H -n", "77\n88", |config| {
            config["process"]["rlimits"] = json!([{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}]);
        })
    }),
    must("config.md#posix-process", "an rlimit that the kernel does not have is an error", |bundle| {
        bundle.refused(|config| {
            config["process"]["rlimits"] = json!([{"type": "RLIMIT_UNHEARD_OF", "soft": 1, "hard": 1}]);
        })
    }),
    must("config.md#posix-process", "two rlimits of one type are an error", |bundle| {
        bundle.refused(|config| {
            let one = json!({"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88});
            config["process"]["rlimits"] = json!([one.clone(), one]);
        })
    }),
    must("config.md#posix-platform-user", "uid, gid and additionalGids are the program's", |bundle| {
        bundle.says("id -u; id -g; id -G", "5\n6\n6 7 8", |config| {
            config["process"]["user"] = json!({"uid": 5, "gid": 6, "additionalGids": [7, 8]});
        })
    }),
    must("config.md#posix-platform-user", "umask is the program's", |bundle| {
        bundle.says("umask", "0077", |config| config["process"]["user"]["umask"] = json!(0o77))
    }),
    must("config.md#linux-process", "noNewPrivileges is set", |bundle| {
        bundle.says("grep NoNewPrivs /proc/self/status | cut -f 2", "1", |config| {
            config["process"]["noNewPrivileges"] = json!(true);
        })
    }),
    must("config.md#linux-process", "the program has the capabilities that are listed, and no other", |bundle| {
        bundle.says("grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status | cut -f 2 | uniq", "0000000000000021", |config| {
            let caps = json!(["CAP_CHOWN", "CAP_KILL"]);
            config["process"]["capabilities"] = json!({"bounding": caps, "effective": caps, "permitted": caps});
        })
    }),
    should("config.md#linux-process", "a capability that cannot be mapped is no failure", |bundle| {
        bundle.says("echo fine", "fine", |config| {
            config["process"]["capabilities"]["bounding"] = json!(["CAP_KILL", "CAP_UNHEARD_OF"]);
            for set in ["effective", "permitted"] {
                config["process"]["capabilities"][set] = json!(["CAP_KILL"]);
            }
        })
    }),
    should("config.md#linux-process", "a capability that cannot be granted is no failure", |bundle| {
        bundle.says("echo fine", "fine", |config| {
            config["process"]["capabilities"]["ambient"] = json!(["CAP_KILL"]);
        })
    }),
    must("config.md#linux-process", "oomScoreAdj is set", |bundle| {
        bundle.says("cat /proc/self/oom_score_adj", "100", |config| config["process"]["oomScoreAdj"] = json!(100))
    }),
    must("config.md#linux-process", "without oomScoreAdj it is not changed", |bundle| {
        let own = std::fs::read_to_string("/proc/self/oom_score_adj")?;
        bundle.says("cat /proc/self/oom_score_adj", own.trim(), |_| ())
    }),
    must("config.md#linux-process", "scheduler is set", |bundle| {
        // Field 41 of /proc/PID/stat: 3 is SCHED_BATCH.
        bundle.says("cut -d ' ' -f 41 /proc/self/stat", "3", |config| {
            config["process"]["scheduler"] = json!({"policy": "SCHED_BATCH"});
        })
    }),
    must("config.md#linux-process", "a terminal that nobody would see is an error for create", |bundle| {
        bundle.refused(|config| config["process"]["terminal"] = json!(true))
    }),
    must("config.md#process", "the container's status is the program's", |bundle| {
        bundle.create("exit 5", |_| ())?;
        bundle.done(&["start", &bundle.id])?;
        bundle.until("stopped")?;
        let state = bundle.state()?;
        holds(state.get("pid").is_none_or(|pid| pid == 0), format!("the state is {state}"))
    }),
];

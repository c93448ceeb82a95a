// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers with control groups: they are paused, limited and counted.

use std::fs;
use std::path::PathBuf;

use needs::{isolated, needs};
use serde_json::{Value, json};

use crate::common::{Bundle, id, said, text};

/// The directories of the container's group.
fn directories(id: &str) -> Vec<PathBuf> {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap().map(|entry| entry.unwrap().path());
    hierarchies.chain(["/sys/fs/cgroup".into()]).map(|path| path.join(id)).filter(|path| path.is_dir()).collect()
}

#[test]
fn a_container_is_paused_limited_and_counted() {
    needs!(root, cgroup("pids"), cgroup("memory"), program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("exec sleep 1000", |config| {
            config["linux"]["resources"]["pids"] = json!({"limit": 40});
        });
        let id = id("web");
        let group = ["--cgroup-manager", "cgroupfs"];
        let with_group = |args: &[&str]| bundle.done(&[&group, args].concat());
        with_group(&["run", "-d", &id]);
        let found = directories(&id);
        assert!(!found.is_empty());
        let value = |file: &str| found.iter().find_map(|path| fs::read_to_string(path.join(file)).ok()).unwrap();
        assert_eq!(value("pids.max"), "40\n");

        // What only the machine can tell has its place in the configuration too.
        let other = crate::common::id("other");
        bundle.change(|config| config["linux"]["cgroupsPath"] = json!(format!("/{id}")));
        let refused = bundle.refused(&[&group[..], &["run", &other]].concat());
        assert!(refused.contains("\n  linux.cgroupsPath: "), "{refused}");

        bundle.done(&["pause", &id]);
        assert_eq!(bundle.state(&id)["status"], "paused");
        assert!(bundle.refused(&["pause", &id]).contains("container not running or created"));
        let out = bundle.oci(&["exec", &id, "true"]);
        assert!(text(&out.stderr).contains("cannot exec in a paused container"), "{}", said(&out));
        bundle.done(&["resume", &id]);
        assert_eq!(bundle.state(&id)["status"], "running");
        assert!(bundle.refused(&["resume", &id]).contains("container not paused"));

        bundle.done(&["update", "--memory", "67108864", &id, "--pids-limit", "-1"]);
        assert_eq!(value("pids.max"), "max\n");
        let limits = bundle.file("limits.json");
        fs::write(&limits, r#"{"pids": {"limit": 17}}"#).unwrap();
        bundle.done(&["update", "-r", limits.to_str().unwrap(), &id]);
        assert_eq!(value("pids.max"), "17\n");
        fs::write(&limits, r#"{"pids": {"limit": "17"}}"#).unwrap();
        let said = bundle.refused(&["update", "-r", limits.to_str().unwrap(), &id]);
        assert!(said.contains("linux.resources.pids.limit: "), "{said}");

        let told: Value = serde_json::from_str(&bundle.done(&["events", "--stats", &id])).unwrap();
        assert_eq!((&told["type"], &told["id"]), (&json!("stats"), &json!(id)));
        assert_eq!(told["data"]["pids"], json!({"current": 1, "limit": 17}));
        assert_eq!(told["data"]["memory"]["usage"]["limit"], 67_108_864);
        assert!(told["data"]["cpu"]["usage"]["total"].as_u64().unwrap() > 0, "{told}");

        bundle.done(&["kill", "--all", &id, "KILL"]);
        crate::common::until("it has ended", || bundle.state(&id)["status"] == "stopped");
        bundle.done(&["delete", &id]);
        assert_eq!(directories(&id), [""; 0].map(PathBuf::from));
        bundle.assert_nothing_left();
    });
}

#[test]
fn of_limits_that_are_one_for_the_kernel_the_other_stays() {
    needs!(root, cgroup("cpu"), cgroup("memory"), program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("exec sleep 1000", |config| {
            config["linux"]["resources"]["cpu"] = json!({"quota": 20_000, "period": 100_000});
        });
        let id = id("web");
        bundle.done(&["--cgroup-manager", "cgroupfs", "run", "-d", &id]);
        let found = directories(&id);
        let value = |file: &str| {
            let found = found.iter().find_map(|path| fs::read_to_string(path.join(file)).ok());
            found.map(|text| text.trim().to_owned())
        };
        let quota = || {
            value("cpu.max").or_else(|| Some(format!("{} {}", value("cpu.cfs_quota_us")?, value("cpu.cfs_period_us")?)))
        };
        bundle.done(&["update", "--cpu-period", "50000", &id]);
        assert_eq!(quota().unwrap(), "20000 50000");
        bundle.done(&["update", "--cpu-quota", "30000", &id]);
        assert_eq!(quota().unwrap(), "30000 50000");
        bundle.done(&["update", "--memory", "64M", &id]);
        let most = value("memory.max").or_else(|| value("memory.limit_in_bytes")).unwrap();
        assert_eq!(most, "67108864");
        bundle.done(&["delete", "-f", &id]);
    });
}

#[test]
fn all_that_is_left_of_one_in_the_machines_pid_namespace_is_sent_a_signal() {
    needs!(root, cgroup("pids"), program("busybox"), syscall("pidfd_open"));
    isolated(|| {
        let bundle = Bundle::new("sleep 1000 & exit 0", |config| {
            let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
            namespaces.retain(|namespace| namespace["type"] != "pid");
        });
        let id = id("web");
        bundle.done(&["--cgroup-manager", "cgroupfs", "run", "-d", &id]);
        crate::common::until("its first process has ended", || bundle.state(&id)["status"] == "stopped");
        let left = || -> Vec<i32> { serde_json::from_str(&bundle.done(&["ps", "-f", "json", &id])).unwrap() };
        assert_eq!(left().len(), 1);
        bundle.done(&["kill", "--all", &id, "KILL"]);
        crate::common::until("nobody is left", || left().is_empty());
        bundle.done(&["kill", "--all", &id, "KILL"]);
        bundle.done(&["delete", &id]);
    });
}

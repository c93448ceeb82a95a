// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers whose control group systemd makes.

use std::process::Command;

use needs::{isolated_unboxed_for, needs};
use serde_json::json;

use crate::common::{Bundle, DEADLINE, id};

/// What systemd says of a unit's property.
fn property(scope: &str, property: &str) -> String {
    let out = Command::new("systemctl").args(["show", "--value", "--property", property, scope]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

/// These words of a command, with groups of systemd's.
fn with<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["--cgroup-manager", "systemd"], args].concat()
}

#[test]
fn systemd_makes_the_groups_where_it_is_asked_to() {
    needs!(root, systemd, program("busybox"), syscall("pidfd_open"));
    // Outside of any box: systemd knows processes by the numbers that they have in its pid namespace.
    isolated_unboxed_for(DEADLINE, || {
        let id = id("unit");
        let bundle = Bundle::new("exec sleep 1000", |config| {
            config["linux"]["cgroupsPath"] = json!(format!("system.slice:skep:{id}"));
            config["linux"]["resources"]["pids"] = json!({"limit": 40});
        });
        let scope = format!("skep-{id}.scope");
        bundle.done(&with(&["create", &id]));
        assert_eq!((property(&scope, "TasksMax"), property(&scope, "Slice")), ("40".into(), "system.slice".into()));
        bundle.done(&with(&["start", &id]));
        let groups = bundle.done(&with(&["exec", &id, "cat", "/proc/self/cgroup"]));
        assert!(groups.contains(&scope) || groups.trim_end().ends_with(":/"), "{groups}");
        bundle.done(&with(&["update", "--pids-limit", "50", &id]));
        assert_eq!(property(&scope, "TasksMax"), "50");
        bundle.done(&with(&["pause", &id]));
        assert_eq!(bundle.state(&id)["status"], "paused");
        bundle.done(&with(&["resume", &id]));

        // A name is taken once, and told by its place.
        let other = crate::common::id("other");
        let refused = bundle.refused(&with(&["run", &other]));
        assert!(refused.contains("linux.cgroupsPath: systemd has a unit"), "{refused}");
        bundle.done(&with(&["delete", "--force", &id]));
        assert_eq!(property(&scope, "LoadState"), "not-found");

        // What is no scope is refused, and nothing said is one after the container.
        bundle.change(|config| config["linux"]["cgroupsPath"] = json!("/web"));
        assert!(bundle.refused(&with(&["run", &id])).contains("SLICE:PREFIX:NAME"));
        bundle.change(|config| config["linux"]["cgroupsPath"] = json!(""));
        bundle.done(&with(&["run", "-d", &id]));
        assert_eq!(property(&format!("skep-oci-{id}.scope"), "ActiveState"), "active");
        bundle.done(&with(&["delete", "--force", &id]));
    });
}

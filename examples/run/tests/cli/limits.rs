// SPDX-License-Identifier: MIT OR Apache-2.0
//! Limits: bombs and eaters inside are stopped, and what was used is told.

use std::process::Command;

use needs::{bin, isolated_for, needs};
use serde_json::Value;

use crate::common::{DEADLINE, quiet, run, said, text};

/// Forks as fast as it can, each copy again; ends when a fork is refused.
const BOMB: &str = "bomb() { bomb & bomb & wait; }; bomb 2>/dev/null";

/// What a run said at its end, as JSON.
fn outcome(args: &[&str]) -> Value {
    let out = run(&[&["--quiet", "--json"], args].concat());
    let last = text(&out.stderr).lines().last().unwrap_or_default().to_owned();
    serde_json::from_str(&last).unwrap_or_else(|error| panic!("{error}: {}", said(&out)))
}

#[test]
fn a_fork_bomb_is_stopped_by_the_limit_of_processes() {
    needs!(userns, kernel(5, 14));
    isolated_for(DEADLINE, || {
        let script = "i=0; while [ $i -lt 200 ]; do sleep 60 & i=$((i+1)); done 2>/dev/null; echo $i";
        // A shell that cannot fork ends, or tries again for a while: whatever it says, it does not get there.
        let out = quiet(&["--pids", "32", "--", "/bin/sh", "-c", script]);
        assert_ne!(text(&out.stdout), "200\n", "{}", said(&out));
    });
}

#[test]
fn how_many_forks_were_refused_is_told() {
    needs!(root, cgroup("pids"));
    isolated_for(DEADLINE, || {
        let told = outcome(&["--pids", "32", "--", "/bin/sh", "-c", BOMB]);
        assert!(told["forks_refused"].as_u64().unwrap() >= 1, "{told}");
        let told = outcome(&["--pids", "32", "true"]);
        assert_eq!((&told["code"], &told["forks_refused"]), (&0.into(), &0.into()), "{told}");
    });
}

#[test]
fn a_memory_eater_is_killed_and_that_is_told() {
    needs!(root, cgroup("memory"), cgroup("pids"));
    isolated_for(DEADLINE, || {
        // All of it is one line, the last: it has to be kept.
        let eat = "head -c 200000000 /dev/zero | tail > /dev/null";
        let told = outcome(&["--memory", "64M", "--", "/bin/sh", "-c", eat]);
        assert_eq!(told["code"], 137, "{told}");
        assert!(told["oom_kills"].as_u64().unwrap() >= 1, "{told}");
        assert!(told["memory_peak"].as_u64().unwrap() <= 64 << 20, "{told}");
        let told = outcome(&["--memory", "512M", "--", "/bin/sh", "-c", eat]);
        assert_eq!((&told["code"], &told["oom_kills"]), (&0.into(), &0.into()), "{told}");
        assert!(told["memory_peak"].as_u64().unwrap() >= 200_000_000, "{told}");
    });
}

#[test]
fn the_outcome_is_a_line_of_json_at_the_end() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let told = outcome(&["--", "/bin/sh", "-c", "exit 7"]);
        assert_eq!((told["code"].as_u64(), told["status"].as_str()), (Some(7), Some("exit code 7")), "{told}");
        for number in ["seconds", "user_seconds", "system_seconds", "max_rss"] {
            assert!(told[number].as_f64().is_some_and(|value| value >= 0.0), "{number}: {told}");
        }
        let told = outcome(&["--", "/bin/sh", "-c", "kill -9 $$"]);
        assert_eq!((&told["code"], &told["status"]), (&137.into(), &"exit code 137: signal 9, or that code".into()));
    });
}

#[test]
fn a_command_that_did_not_run_is_told_in_json_too() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let first = |told: &Value| told["errors"][0].as_str().unwrap().to_owned();
        let told = outcome(&["/no/such/program"]);
        assert_eq!(told["code"], 127, "{told}");
        assert!(first(&told).contains("/no/such/program"), "{told}");
        let told = outcome(&["--bogus"]);
        assert_eq!(told["code"], 125, "{told}");
        let told = outcome(&["--rw", "/no/such/directory", "true"]);
        assert_eq!(told["code"], 125, "{told}");
        assert!(first(&told).contains("/no/such/directory"), "{told}");
    });
}

#[test]
fn a_limit_that_was_asked_for_and_cannot_be_had_is_a_failure() {
    needs!(user, userns);
    isolated_for(DEADLINE, || {
        let out = run(&["--cpus", "0.5", "--memory", "64M", "true"]);
        // Where this account has the controllers, all of it can be had.
        if needs::need::cgroup("memory").unmet().is_none() && needs::need::cgroup("cpu").unmet().is_none() {
            assert_eq!(out.status.code(), Some(0), "{}", said(&out));
            return;
        }
        assert_eq!(out.status.code(), Some(125), "{}", said(&out));
        for option in ["--cpus: ", "--memory: "] {
            assert!(text(&out.stderr).contains(option), "{}", said(&out));
        }
        // What is only the default is left out, and that is said.
        let out = run(&["true"]);
        assert_eq!(out.status.code(), Some(0), "{}", said(&out));
        assert!(text(&out.stderr).contains("skep-run: note: "), "{}", said(&out));
    });
}

#[test]
fn before_the_command_it_is_said_what_holds_it() {
    needs!(userns);
    isolated_for(DEADLINE, || {
        let out = run(&["--ro", "/usr:/mnt", "--", "/bin/sh", "-c", "echo first >&2"]);
        let lines: Vec<&str> = text(&out.stderr).lines().collect();
        assert!(lines[0].starts_with("skep-run: isolated: ") && lines[0].contains("pid"), "{lines:?}");
        assert!(
            lines
                .contains(&"skep-run: files: this machine's, but for /tmp, /run and /dev; changes are gone at the end"),
            "{lines:?}"
        );
        assert!(lines.contains(&"skep-run: shown: /usr as /mnt; read-only"), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("skep-run: limited: ")), "{lines:?}");
        assert_eq!(lines.last(), Some(&"first"));
        assert_eq!(text(&quiet(&["true"]).stderr), "");
    });
}

#[test]
fn a_lower_limit_of_the_account_s_is_no_hindrance() {
    needs!(user, userns, kernel(5, 14));
    isolated_for(DEADLINE, || {
        let script = "ulimit -u 700; \"$0\" --quiet -- grep processes /proc/self/limits";
        let out = Command::new("bash").args(["-c", script, bin("skep-run").to_str().unwrap()]).output().unwrap();
        assert_eq!(text(&out.stdout).matches(" 700 ").count(), 2, "{}", said(&out));
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers in scopes of systemd's: made, limited, entered, ended and removed as units.
//!
//! Outside of any box, for systemd knows processes by the numbers that they have in its pid namespace.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use needs::{isolated_unboxed_for, needs, token};
use skep::cgroup::systemd::Systemd;
use skep::cgroup::{Limits, MIB};
use skep::ns::{IdMap, NamespaceKind};
use skep::{Builder, Container, ErrorKind, Exec, Report, Scope, Status};

use crate::common::{DEADLINE, namespaces, program, until};
use crate::tree::Tree;

/// One at a time: systemd does one thing at a time too.
fn asking(block: impl FnOnce()) {
    static ONE: Mutex<()> = Mutex::new(());
    let _turn = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    isolated_unboxed_for(DEADLINE * 5, block);
}

/// A name of a scope that nobody else has.
fn name(word: &str) -> String {
    format!("{}-{word}.scope", token())
}

/// What systemd says of a unit's property.
fn property(scope: &str, property: &str) -> String {
    let out = Command::new("systemctl").args(["show", "--value", "--property", property, scope]).output().unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn is_known(scope: &str) -> bool {
    property(scope, "LoadState") != "not-found"
}

#[track_caller]
fn made(builder: Builder) -> Container {
    builder.start().unwrap_or_else(|error| panic!("{}", Report(&error)))
}

fn text_of(exec: Exec<'_>) -> String {
    let out = exec.output().unwrap_or_else(|error| panic!("{}", Report(&error)));
    assert!(out.status.success(), "{out:?}");
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn a_container_is_a_scope_from_its_first_step_to_its_end() {
    needs!(root, systemd, program("busybox"));
    asking(|| {
        let tree = Tree::new();
        let scope = name("web");
        let script = "read line </proc/self/cgroup; echo $line; exec sleep 1000";
        let builder = tree.named("web", script).namespaces(namespaces()).init();
        let limits = Limits::new().memory_max(64 * MIB).pids_max(50);
        let builder = builder.scope(Scope::new(&scope).slice("skepweb.slice")).limits(limits);
        let plan = builder.plan().unwrap().explain();
        assert!(plan.contains(&format!("have systemd make the scope {scope:?} of the child, limited: ")), "{plan}");
        assert!(!plan.contains("make the cgroup"), "{plan}");
        let container = made(builder);
        let group = container.cgroup().unwrap().unwrap();
        let end = Path::new("skepweb.slice").join(&scope);
        assert!(group.directories().all(|path| path.ends_with(&end)), "{group:?}");
        assert_eq!(property(&scope, "TasksMax"), "50");
        assert_eq!(property(&scope, "MemoryMax"), (64 * MIB.as_u64()).to_string());
        assert_eq!(property(&scope, "Delegate"), "yes");
        assert!(property(&scope, "Description").contains(&tree.name("web")));
        assert!(group.procs().unwrap().contains(&container.pid().unwrap()));

        let text = text_of(container.exec("/bin/cat", ["/proc/self/cgroup"]));
        assert!(text.trim_end().ends_with(&scope), "{text}");
        container.freeze(DEADLINE).unwrap();
        container.thaw(DEADLINE).unwrap();
        container.limit(&Limits::new().pids_max(60)).unwrap();
        assert_eq!(property(&scope, "TasksMax"), "60");
        assert_eq!(group.stat().unwrap().pids.max.and_then(skep::cgroup::Max::limit), Some(60));
        let lacks = container.limit_where_possible(&Limits::new().pids_max(70)).unwrap();
        assert!(lacks.is_empty() && property(&scope, "TasksMax") == "70", "{lacks:?}");

        // Another process knows it as well.
        let other = tree.open("web").unwrap();
        assert_eq!(other.status().unwrap(), Status::Running);
        assert_eq!(other.cgroup().unwrap().unwrap().directories().count(), group.directories().count());
        container.kill().unwrap();
        container.wait().unwrap();
        until("systemd has forgotten it", || !is_known(&scope));
        assert!(container.cgroup().unwrap().is_none());
        assert_eq!(container.status().unwrap(), Status::Ended);
        container.delete().unwrap();
        stop("skepweb.slice");
    });
}

fn stop(slice: &str) {
    Systemd::system().unwrap().unit(slice).unwrap().stop(DEADLINE).unwrap();
}

#[test]
fn what_runs_is_ended_with_its_scope_and_a_name_is_taken_once() {
    needs!(root, systemd, program("busybox"));
    asking(|| {
        let tree = Tree::new();
        let scope = name("twice");
        let builder = |word: &str| tree.named(word, "sleep 999 & sleep 1000").scope(Scope::new(&scope));
        let first = made(builder("first"));
        let error = builder("second").start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{}", Report(&error));
        assert_eq!(error.problems(), [format!("resources.scope.name: systemd has a unit {scope:?} already")]);
        assert!(tree.open("second").is_err());
        // By who has not made it.
        let directories: Vec<PathBuf> = first.cgroup().unwrap().unwrap().directories().map(Path::to_owned).collect();
        tree.open("first").unwrap().delete().unwrap();
        assert!(!is_known(&scope) && directories.iter().all(|path| !path.exists()));
        drop(first);
        // And the name is free again.
        let again = made(builder("third").kill_on_drop());
        again.delete().unwrap();
        assert!(!is_known(&scope));
    });
}

#[test]
fn whatever_step_fails_no_scope_is_left() {
    needs!(root, systemd, program("busybox"));
    asking(|| {
        const EDOM: u16 = 33;
        let tree = Tree::new();
        let scope = name("undone");
        let limits = Limits::new().pids_max(50);
        let builder = || tree.named("undone", "true").scope(Scope::new(&scope)).limits(limits.clone());
        let plan = builder().plan().unwrap().explain();
        for number in 1..=plan.lines().count() {
            let error = builder().fail_at(number, EDOM).start().unwrap_err();
            assert_eq!(error.errno(), Some(33), "{number}: {}", Report(&error));
            until("no scope is left", || !is_known(&scope));
            assert!(tree.open("undone").is_err(), "{number}");
        }
        let container = made(builder());
        assert_eq!(container.wait().unwrap().code(), Some(0));
        container.delete().unwrap();
        until("no scope is left", || !is_known(&scope));
    });
}

#[test]
fn without_a_name_the_scope_has_one_and_bad_ones_are_told_together() {
    needs!(root, systemd, program("busybox"));
    asking(|| {
        let tree = Tree::new();
        let container = made(tree.named("usual", "sleep 1000").scope(Scope::default()));
        let directory = container.cgroup().unwrap().unwrap().directories().next().unwrap().to_owned();
        let scope = directory.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(
            scope.starts_with(&format!("skep-{}-", tree.name("usual")))
                && directory.parent().unwrap().ends_with("system.slice")
        );
        container.delete().unwrap();
        assert!(!is_known(&scope));
        let bad = tree.named("bad", "true").cgroup("/x").scope(Scope::new("a/b.scope").slice("a--b.slice"));
        let error = bad.start().unwrap_err();
        let all = error.problems().join("\n");
        for words in ["resources.scope.name", "resources.scope.slice", "resources.scope: beside resources.cgroup"] {
            assert!(all.contains(words), "{words}: {all}");
        }
    });
}

/// What the next test runs as the user; alone it is nothing.
#[test]
fn the_users_side() {
    if std::env::var_os("SKEP_SCOPE_OF_USER").is_none() {
        return;
    }
    let scope = name("own");
    let kinds = [NamespaceKind::Pid, NamespaceKind::Mount, NamespaceKind::Cgroup];
    let namespaces = skep::ns::Namespaces::new().make(kinds).user(IdMap::current_as_root());
    let builder = program("/bin/sleep", &["1000"]).namespaces(namespaces).scope(Scope::new(&scope));
    let container = made(builder.limits(Limits::new().pids_max(20)).kill_on_drop());
    let group = container.cgroup().unwrap().unwrap();
    assert!(group.directories().all(|path| path.to_string_lossy().contains("/user@")), "{group:?}");
    assert_eq!(group.stat().unwrap().pids.max.and_then(skep::cgroup::Max::limit), Some(20));
    // Into a group that the caller cannot move anybody to.
    let text = text_of(container.exec("/bin/cat", ["/proc/self/cgroup"]));
    assert_eq!(text.lines().find(|line| line.starts_with("0::")), Some("0::/"), "{text}");
    let child = container.exec("/bin/sleep", ["1000"]).start().unwrap_or_else(|error| panic!("{}", Report(&error)));
    assert!(group.procs().unwrap().contains(&child.pid()));
    container.limit(&Limits::new().pids_max(30)).unwrap();
    assert_eq!(group.stat().unwrap().pids.max.and_then(skep::cgroup::Max::limit), Some(30));
    container.delete().unwrap();
    assert!(group.directories().all(|path| !path.exists()));
    println!("all of it was done");
}

#[test]
fn a_user_s_container_is_a_scope_of_the_user_s_manager() {
    needs!(root, systemd, program("loginctl"), cgroup2("pids"));
    asking(|| {
        let id = Command::new("id").args(["-u", "skep-test"]).output().unwrap();
        let uid: u32 = String::from_utf8_lossy(&id.stdout).trim().parse().unwrap();
        let linger = |word: &str| Command::new("loginctl").args([word, "skep-test"]).status().unwrap().success();
        assert!(linger("enable-linger"));
        let runtime = format!("/run/user/{uid}");
        let (socket, end) = (format!("{runtime}/systemd/private"), Instant::now() + DEADLINE * 3);
        while !Path::new(&socket).exists() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut own = Command::new("setpriv");
        own.args(["--reuid", &uid.to_string(), "--regid", &uid.to_string(), "--clear-groups"]);
        let own = own
            .arg(std::env::current_exe().unwrap())
            .args(["systemd::the_users_side", "--exact", "--nocapture", "--test-threads=1"])
            .env_clear()
            .envs([("SKEP_SCOPE_OF_USER", "1"), ("XDG_RUNTIME_DIR", &runtime), ("PATH", "/usr/bin:/bin")])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        linger("disable-linger");
        let text = String::from_utf8_lossy(&own.stdout).into_owned() + &String::from_utf8_lossy(&own.stderr);
        assert!(text.contains("all of it was done"), "{text}");
    });
}

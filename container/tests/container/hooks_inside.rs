// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hooks that are run inside of the container: where they are, who they are, and what their failures do.

use std::fs;
use std::time::Duration;

use needs::{isolated, isolated_for, needs};
use skep::caps_sec::{Policy, Rule, Verdict};
use skep::cgroup::Limits;
use skep::ns::{ClockOffset, IdMap, IdRange, NamespaceKind, Namespaces, TimeOffsets};
use skep::{Builder, Container, ErrorKind, Hook, Moment, Report};

use crate::common::{DEADLINE, FIVE, namespaces, shell, until};
use crate::tree::{Tree, cgroups_called};

/// A hook that is a script of the shell of wherever it is run; `$D` is a directory of the machine's.
fn hook(tree: &Tree, script: &str) -> Hook {
    Hook::new("/bin/sh")
        .args(["sh", "-c", script])
        .env("D", tree.states().parent().unwrap())
        .env("PATH", "/bin:/usr/bin")
}

fn beside(tree: &Tree, name: &str) -> String {
    fs::read_to_string(tree.states().parent().unwrap().join(name)).unwrap_or_default()
}

fn in_root(tree: &Tree, name: &str) -> String {
    fs::read_to_string(tree.root().join(name)).unwrap_or_default()
}

fn links(process: &str, kinds: &[&str]) -> String {
    kinds.iter().map(|kind| format!("readlink /proc/{process}/ns/{kind}; ")).collect()
}

/// What the container's first process is in, as the caller sees it.
fn links_of(container: &Container, kinds: &[&str]) -> String {
    let link = |kind: &&str| fs::read_link(format!("/proc/{}/ns/{kind}", container.pid().unwrap())).unwrap();
    kinds.iter().map(link).map(|link| format!("{}\n", link.display())).collect()
}

fn refusal<T: std::fmt::Debug>(made: Result<T, skep::Error>) -> (ErrorKind, String) {
    let error = made.unwrap_err();
    (error.kind(), Report(&error).to_string())
}

#[test]
fn they_are_in_the_containers_namespaces_and_told_its_own_number() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        for init in [false, true] {
            let tree = Tree::new();
            let kinds = ["user", "mnt", "pid", "net", "ipc", "uts"];
            let root = tree.root();
            let mounts = format!("grep -c ' {} ' /proc/self/mountinfo", root.join("proc").display());
            let outside =
                hook(&tree, &format!("{{ cat; echo; id -u; pwd; {} {mounts}; }} >$D/created", links("self", &kinds)));
            let inside =
                hook(&tree, &format!("{{ cat; echo; id -u; pwd; {} hostname; }} >/tmp/started", links("self", &kinds)));
            let builder = tree
                .named("web", "test -e /tmp/started && sleep 1000")
                .hook(Moment::StartContainer, inside)
                .hook(Moment::CreateContainer, outside)
                .hook(Moment::Poststop, hook(&tree, "echo ended >$D/stopped"));
            let builder = if init { builder.init() } else { builder };
            let created = builder.create().unwrap_or_else(|error| panic!("{}", Report(&error)));
            assert!(!beside(&tree, "created").is_empty() && in_root(&tree, "tmp/started").is_empty());
            let container = created.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
            assert_eq!(container.notes(), [""; 0]);
            let own = links_of(&container, &kinds);
            for (text, status, rest) in [
                (beside(&tree, "created"), "creating", format!("0\n/\n{own}1\n")),
                (in_root(&tree, "tmp/started"), "created", format!("0\n/\n{own}hive\n")),
            ] {
                let (told, said) = text.split_once('\n').unwrap();
                let told: serde_json::Value = serde_json::from_str(told).unwrap();
                assert_eq!((&told["status"], &told["pid"]), (&status.into(), &1.into()), "{told}");
                assert_eq!(told["id"], tree.name("web"));
                assert_eq!(said, rest);
            }
            container.kill().unwrap();
            container.wait().unwrap();
            container.delete().unwrap();
            assert_eq!(beside(&tree, "stopped"), "ended\n");
        }
    });
}

#[test]
fn one_sets_up_with_every_right_and_the_other_has_those_of_the_program() {
    needs!(root, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let script = |at: &str| {
            let filtered = format!("mkdir {at}/made 2>/dev/null && rm -r {at}/made || echo denied");
            format!("{{ id -u; grep ^CapEff: /proc/self/status; {filtered}; }} >{at}")
        };
        let outside = hook(&tree, &format!("{}/created", script("$D")));
        let inside = hook(&tree, &format!("{}/started", script("/tmp")));
        for dir in [tree.root().join("tmp"), tree.states().parent().unwrap().to_owned()] {
            fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        }
        let map = IdMap::new().both(IdRange::new(0, 100_000, 1000));
        for namespaces in [Namespaces::new().make(FIVE), Namespaces::new().make(FIVE).user(map)] {
            let policy = Policy::allow_all().deny(["mkdir", "mkdirat"]);
            tree.shell(":")
                .namespaces(namespaces)
                .user(33, 33)
                .capabilities([""; 0])
                .seccomp(policy)
                .hook(Moment::CreateContainer, outside.clone())
                .hook(Moment::StartContainer, inside.clone())
                .output()
                .unwrap_or_else(|error| panic!("{}", Report(&error)));
            let created = beside(&tree, "created");
            assert!(created.starts_with("0\nCapEff:\t00000") && created.ends_with("ff\n"), "{created}");
            assert_eq!(in_root(&tree, "tmp/started"), "33\nCapEff:\t0000000000000000\ndenied\n");
            fs::remove_file(tree.root().join("tmp/started")).unwrap();
            fs::remove_file(tree.states().parent().unwrap().join("created")).unwrap();
        }
    });
}

#[test]
fn they_are_in_its_group_and_in_a_cgroup_namespace_that_looks_the_same() {
    needs!(root, cgroup("pids"), program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let all: Vec<NamespaceKind> = FIVE.into_iter().chain([NamespaceKind::Cgroup]).collect();
        let script = "cat /proc/self/cgroup; cat /proc/self/timens_offsets";
        let container = tree
            .named("group", &format!("{{ {script}; }} >/tmp/program; sleep 1000"))
            .namespaces(Namespaces::new().make(all))
            .limits(Limits::new().pids_max(20))
            .hook(Moment::CreateContainer, hook(&tree, &format!("{{ {script}; }} >$D/created")))
            .hook(Moment::StartContainer, hook(&tree, &format!("{{ {script}; }} >/tmp/started")))
            .start()
            .unwrap_or_else(|error| panic!("{}", Report(&error)));
        until("the program has written", || in_root(&tree, "tmp/program").contains("monotonic"));
        let program = in_root(&tree, "tmp/program");
        assert_eq!(beside(&tree, "created"), program);
        assert_eq!(in_root(&tree, "tmp/started"), program);
        assert!(program.lines().any(|line| line.ends_with(":/")), "{program}");
        container.kill().unwrap();
        container.wait().unwrap();
        container.delete().unwrap();
        assert_eq!(cgroups_called(&tree.name("group")), [""; 0].map(std::path::PathBuf::from));
    });
}

#[test]
fn a_failed_one_ends_what_was_being_done_and_nothing_is_left() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let before = tree.listing();
        let last = |builder: Builder| builder.hook(Moment::Poststop, hook(&tree, "echo ended >>$D/stopped"));
        let fails = || hook(&tree, "echo what happened; exit 3");
        let second = hook(&tree, "echo never >$D/never");
        let builder =
            last(tree.named("web", ":")).hook(Moment::CreateContainer, fails()).hook(Moment::CreateContainer, second);
        let (kind, text) = refusal(builder.create());
        assert_eq!(kind, ErrorKind::WrongState, "{text}");
        assert!(
            text.contains("createContainer[0]") && text.contains("exit code 3") && text.contains("what happened"),
            "{text}"
        );
        assert_eq!(beside(&tree, "stopped"), "ended\n");
        let builder = last(tree.named("web", "echo ran >/tmp/ran")).hook(Moment::StartContainer, fails());
        let (_, text) = refusal(builder.create().unwrap().start());
        assert!(text.contains("startContainer[0]") && text.contains("what happened"), "{text}");
        assert_eq!(beside(&tree, "stopped"), "ended\nended\n");
        // One that is not there.
        let builder = tree.named("web", ":").hook(Moment::StartContainer, Hook::new("/no/such"));
        let (_, text) = refusal(builder.create().unwrap().start());
        assert!(text.contains("/no/such") && text.contains("startContainer[0]"), "{text}");
        // One whose time is up.
        let slow = hook(&tree, "sleep 1000 & sleep 1000").timeout(Duration::from_millis(300));
        let (kind, text) =
            refusal(tree.named("web", ":").hook(Moment::StartContainer, slow.clone()).create().unwrap().start());
        assert_eq!(kind, ErrorKind::TimedOut, "{text}");
        let (kind, text) = refusal(tree.named("web", ":").hook(Moment::CreateContainer, slow).create());
        assert_eq!(kind, ErrorKind::TimedOut, "{text}");
        assert_eq!((beside(&tree, "never"), tree.listing()), (String::new(), before));
        assert!(tree.open("web").is_err());
    });
}

#[test]
fn without_namespaces_of_its_own_they_are_where_the_container_is() {
    needs!(userns);
    isolated(|| {
        let out = shell("echo program")
            .namespaces(namespaces().make([NamespaceKind::Uts]))
            .hook(
                Moment::StartContainer,
                Hook::new("/bin/sh").args(["-sh", "-c", "hostname >/proc/$PPID/comm || :; exit 0"]),
            )
            .hook(Moment::CreateContainer, Hook::new("/bin/true"))
            .output()
            .unwrap();
        assert_eq!(out.stdout, b"program\n");
        // A policy that asks somebody: nobody would answer for them.
        let asks = Policy::allow_all().rule(Rule::new(Verdict::Notify, ["mkdir"]));
        let (kind, text) =
            refusal(shell(":").seccomp(asks).hook(Moment::StartContainer, Hook::new("/bin/true")).plan());
        assert!(kind == ErrorKind::Invalid && text.contains("hooks.startContainer: cannot be run"), "{text}");
    });
}

#[test]
fn their_clocks_are_those_of_the_program() {
    needs!(userns, kernel(6, 2), file("/proc/self/timens_offsets"));
    isolated(|| {
        let day = ClockOffset::ahead(Duration::from_secs(86_400));
        let script = "read up _ </proc/uptime; test ${up%.*} -gt 86400";
        let hook = || Hook::new("/bin/sh").args(["sh", "-c", script]);
        let out = shell(script)
            .namespaces(namespaces().make([NamespaceKind::Time]))
            .time_offsets(TimeOffsets::new().boottime(day))
            .hook(Moment::CreateContainer, hook())
            .hook(Moment::StartContainer, hook())
            .output()
            .unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert!(out.status.success());
    });
}

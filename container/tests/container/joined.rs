// SPDX-License-Identifier: MIT OR Apache-2.0
//! Containers in namespaces of others.

use std::fs;

use needs::{isolated, isolated_for, needs};
use skep::ns::{IdMap, Namespace, NamespaceKind, Namespaces, Stdio};
use skep::rootfs::Mounts;
use skep::{Builder, Container, ErrorKind, Report, Spec};

use crate::common::{DEADLINE, namespaces, program, text_of};
use crate::exec::{sh, sleeper};
use crate::tree::Tree;

const SHARED: [NamespaceKind; 3] = [NamespaceKind::Net, NamespaceKind::Ipc, NamespaceKind::Uts];

/// The links of a process's namespaces, a line each.
fn links(of: &str, kinds: &[&str]) -> String {
    kinds.iter().map(|kind| format!("readlink /proc/{of}/ns/{kind}; ")).collect()
}

/// What the container's first process is in, as the caller sees it.
fn links_of(container: &Container, kinds: &[&str]) -> String {
    let link = |kind: &&str| fs::read_link(format!("/proc/{}/ns/{kind}", container.pid().unwrap())).unwrap();
    kinds.iter().map(link).map(|link| format!("{}\n", link.display())).collect()
}

/// A shell that shares with a container what this account may, and has a mount namespace of its own.
fn neighbour(first: &Container, script: &str) -> Builder {
    let (all, own) = (namespaces(), Namespaces::new().make([NamespaceKind::Mount]));
    let kinds = all.kinds().filter(|kind| *kind != NamespaceKind::Mount);
    let builder = program("/bin/sh", &["-c", script]).namespaces(own);
    let process = first.pid().unwrap();
    kinds.fold(builder, |builder, kind| builder.join_path(kind, format!("/proc/{process}/ns/{}", kind.proc_name())))
}

/// A container with a name that sleeps in this tree, with mounts of its own.
fn in_tree(tree: &Tree, name: &str) -> Builder {
    Container::builder(tree.name(name))
        .state_root(tree.states())
        .namespaces(Namespaces::new().make([NamespaceKind::Mount]))
        .root(tree.root())
        .mounts(Mounts::standard())
        .env("PATH", "/bin")
        .command("/bin/sleep", ["1000"])
}

#[test]
fn a_container_is_in_the_namespaces_of_another_as_far_as_it_is_said() {
    needs!(userns);
    isolated(|| {
        let first = sleeper().start().unwrap();
        let kinds = ["user", "pid", "net", "ipc", "uts"];
        let script = format!("{} hostname; id -u; echo $$ | grep -qx 1 || echo among others", links("self", &kinds));
        let shared = format!("{}web\n0\namong others\n", links_of(&first, &kinds));
        assert_eq!(text_of(neighbour(&first, &script)), shared);
        // The mounts are its own.
        let own = text_of(neighbour(&first, &links("self", &["mnt"])));
        assert_ne!(own, links_of(&first, &["mnt"]));
        // By a handle.
        let handles = SHARED.into_iter().map(|kind| first.namespace(kind).unwrap());
        if crate::common::is_root() {
            let builder = program("/bin/sh", &["-c", &links("self", &kinds[2..])])
                .namespaces(Namespaces::new().make([NamespaceKind::Mount, NamespaceKind::Pid]));
            let builder = handles.fold(builder, Builder::join_namespace);
            assert_eq!(text_of(builder), links_of(&first, &kinds[2..]));
            // Of one that waits for its start too.
            let waits = program("/bin/sh", &["-c", &links("self", &["net"])]).stdout(Stdio::Piped).create().unwrap();
            let net = waits.namespace(NamespaceKind::Net).unwrap().id().unwrap();
            let out = waits.start().unwrap().wait_with_output().unwrap();
            assert_eq!(String::from_utf8_lossy(&out.stdout), format!("{net}\n"));
        }
    });
}

#[test]
fn a_container_shares_with_another_by_its_name_and_what_is_executed_in_it_does_too() {
    needs!(userns, program("busybox"), syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let first = tree.named("web", "sleep 1000").start().unwrap();
        let others = namespaces().kinds().filter(|kind| *kind != NamespaceKind::Mount).collect::<Vec<_>>();
        let kinds = ["user", "pid", "net", "ipc", "uts"];
        let second = in_tree(&tree, "watch").join_container(tree.name("web"), others);
        let second = second.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(links_of(&second, &kinds), links_of(&first, &kinds));
        let out = sh(&second, "hostname; id -u; ls /bin/busybox").output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "hive\n0\n/bin/busybox\n", "{out:?}");
        // Its description is enough to make it again.
        let text = serde_json::to_string(second.spec().unwrap()).unwrap();
        second.kill().unwrap();
        second.wait().unwrap();
        second.delete().unwrap();
        let again: Spec = serde_json::from_str(&text).unwrap();
        let again = Builder::from_spec(again).name(tree.name("again")).state_root(tree.states());
        let again = again.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(links_of(&again, &kinds), links_of(&first, &kinds));
        for container in [again, first] {
            container.kill().unwrap();
            container.wait().unwrap();
            container.delete().unwrap();
        }
        // It has ended, and so has its namespace.
        let gone = in_tree(&tree, "late").join_container(tree.name("web"), [NamespaceKind::Pid]);
        let error = gone.start().unwrap_err();
        assert!(error.problems()[0].starts_with("joined.namespaces.pid: cannot open container "), "{}", Report(&error));
    });
}

#[test]
fn an_init_in_a_user_namespace_of_others_is_found_by_its_maker() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let first = program("/bin/sleep", &["1000"])
            .namespaces(namespaces().user(IdMap::current_as_root()))
            .kill_on_drop()
            .start()
            .unwrap();
        let user = format!("/proc/{}/ns/user", first.pid().unwrap());
        let own = Namespaces::new().make([NamespaceKind::Mount, NamespaceKind::Pid]);
        let second = program("/bin/sleep", &["1000"]).namespaces(own).join_path(NamespaceKind::User, user).init();
        let second = second.kill_on_drop().start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        let out = sh(&second, "id -u; cat /proc/1/uid_map").output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text, format!("0 0 {} 1", nix::unistd::geteuid()), "{out:?}");
    });
}

#[test]
fn the_mounts_of_others_are_all_that_is_seen() {
    needs!(root, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let first = tree.shell("echo there >/etc/mark; sleep 1000").kill_on_drop().start().unwrap();
        crate::common::until("it is there", || tree.root().join("etc/mark").exists());
        let path = format!("/proc/{}/ns/mnt", first.pid().unwrap());
        let builder = Container::anonymous()
            .join_path(NamespaceKind::Mount, &path)
            .env("PATH", "/bin")
            .command("/bin/sh", ["-c", "cat /etc/mark; pwd"]);
        assert_eq!(text_of(builder), "there\n/\n");
        let error = tree.shell(":").namespaces(Namespaces::new()).join_path(NamespaceKind::Mount, &path).plan();
        let error = error.unwrap_err();
        assert!(error.problems().iter().any(|problem| problem.starts_with("joined.namespaces.mount: has a root")));
    });
}

#[test]
fn a_cgroup_namespace_of_others_is_joined_too() {
    needs!(root);
    isolated(|| {
        let first = sleeper().namespaces(namespaces().make([NamespaceKind::Cgroup])).start().unwrap();
        let path = format!("/proc/{}/ns/cgroup", first.pid().unwrap());
        let builder = program("/bin/sh", &["-c", &links("self", &["cgroup"])]).join_path(NamespaceKind::Cgroup, path);
        assert!(builder.plan().unwrap().explain().contains("child: join the cgroup namespace of others"));
        assert_eq!(text_of(builder), links_of(&first, &["cgroup"]));
    });
}

#[test]
fn whatever_step_fails_among_others_nothing_is_left() {
    needs!(userns, syscall("pidfd_open"));
    isolated_for(DEADLINE, || {
        let first = sleeper().start().unwrap();
        let plan = neighbour(&first, ":").plan().unwrap().explain();
        assert!(plan.contains("launcher: join namespaces of others: "), "{plan}");
        for number in 1..=plan.lines().count() {
            let error = neighbour(&first, ":").fail_at(number, 33).start().unwrap_err();
            assert_eq!(error.errno(), Some(33), "{number}: {}", Report(&error));
        }
        assert_eq!(text_of(neighbour(&first, "echo yes")), "yes\n");
    });
}

#[test]
fn what_is_wrong_with_a_namespace_is_said_before_anything_is_made() {
    needs!(userns);
    isolated(|| {
        let problems = |builder: Builder| {
            let error = builder.plan().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            error.problems().to_vec()
        };
        let plain = || Container::anonymous().command("/bin/true", [""; 0]);
        let net = |path: &str| problems(plain().join_path(NamespaceKind::Net, path));
        assert_eq!(net("lab"), ["joined.namespaces.net: \"lab\" is no absolute path"]);
        assert_eq!(
            net("/proc/self/ns/uts"),
            ["joined.namespaces.net: \"/proc/self/ns/uts\" is a uts namespace, not a net namespace"]
        );
        for (path, words) in [("/run/no-such", "(ENOENT)"), ("/etc/passwd", "not a namespace")] {
            let found = net(path);
            assert!(
                found[0].starts_with("joined.namespaces.net: cannot open") && found[0].contains(words),
                "{found:?}"
            );
        }
        let two = plain().namespaces(namespaces()).join_path(NamespaceKind::Net, "/proc/self/ns/net");
        assert_eq!(problems(two), ["joined.namespaces.net: is made too: it can be one of the two"]);
        let two = plain().join_container("../x", SHARED);
        assert_eq!(problems(two).len(), 3);
        let absent = problems(plain().state_root("/run/no-such-states").join_container("web", [NamespaceKind::Uts]));
        assert!(absent[0].contains("there is none of this name"), "{absent:?}");
        let named = problems(plain().hostname("x").join_path(NamespaceKind::Uts, "/proc/self/ns/uts"));
        assert!(named[0].starts_with("hostname: "), "{named:?}");
        let given = plain().join_namespace(Namespace::of_this_thread(NamespaceKind::Uts).unwrap());
        let again = problems(Builder::from_spec(given.spec().clone()));
        assert!(again[0].contains("give it again by Builder::join_namespace"), "{again:?}");
    });
}

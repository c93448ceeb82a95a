// SPDX-License-Identifier: MIT OR Apache-2.0
//! The whole road: a container in a root of its own, with limits, rights and mounts, as root and as a user; and what is
//! said when it is described wrongly.

use std::fs;

use needs::{Scratch, isolated, isolated_for, needs, token};
use skep::caps_sec::{Resource, Rlimit};
use skep::cgroup::{Bytes, Limits, MIB, Quota};
use skep::ns::{NamespaceKind::Cgroup, Namespaces};
use skep::rootfs::{Bind, Cgroups, Mounts, Tmpfs};
use skep::{Builder, Container, ErrorKind, Report};

use crate::common::{DEADLINE, is_root, namespaces, program, role, text_of};
use crate::tree::{Tree, cgroups_called};

fn limits() -> Limits {
    Limits::new().memory_max(64 * MIB).pids_max(32).cpu(Quota::millicpus(500))
}

/// Not every machine has a cgroup for every limit: Linux 6.12 has no memory in version 1, and a user may have none at all.
fn limited(builder: Builder) -> Builder {
    builder.limits_where_possible(limits())
}

#[test]
fn a_container_sees_its_own_root_and_nothing_of_the_machine_s() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let script = "ls /; hostname; echo $$; pwd; cat /proc/1/comm; ls /dev/null /dev/pts/ptmx /dev/shm; id -u
            grep -c ' - ' /proc/self/mountinfo > /tmp/count; ls /proc | grep '^[0-9]*$' | sort -n | head -1";
        let out = text_of(tree.shell(script));
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[..6], ["bin", "dev", "etc", "proc", "sys", "tmp"]);
        assert_eq!(lines[6..10], ["hive", "1", "/", "sh"], "{out}");
        // No way up: the old root is gone, not only hidden.
        let mounts = text_of(tree.shell("cat /proc/self/mountinfo"));
        for line in mounts.lines() {
            let at = line.split(' ').nth(4).unwrap();
            assert!(
                ["/", "/proc", "/dev", "/sys"].iter().any(|top| at == *top || at.starts_with(&format!("{top}/"))),
                "{line}"
            );
        }
    });
}

#[test]
fn the_same_container_is_root_s_and_a_user_s() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let mounts = Mounts::standard()
            .add(Tmpfs::new("/run").size(1 << 20).mode(0o755).create_target())
            .add(Bind::new(tree.root().join("etc"), "/mnt").read_only().create_target());
        let builder = || {
            limited(
                tree.named("same", "touch /mnt/x 2>/dev/null || echo read-only; touch /run/x /tmp/x && echo written"),
            )
            .mounts(mounts.clone())
            .capabilities(["chown"])
            .rlimit(Rlimit::new(Resource::Nofile, 100, 100))
            .no_new_privileges()
            .init()
        };
        let container =
            builder().stdout(skep::ns::Stdio::Piped).start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        if !is_root() {
            println!("notes: {:#?}", container.notes());
        }
        let out = container.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "read-only\nwritten\n");
        tree.open("same").unwrap().delete().unwrap();
    });
}

#[test]
fn a_user_with_subordinate_ids_has_whole_users_inside() {
    needs!(user, subids, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let account = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
        let map = skep::ns::IdMap::from_subid(&account).unwrap();
        let namespaces = || Namespaces::new().make(crate::common::FIVE).user(map.clone());
        let script = "id -u; id -g; touch /tmp/x && stat -c %u:%g /tmp/x && rm /tmp/x; grep -c . /proc/self/uid_map
            ls -l /dev/pts/ptmx > /dev/null && echo terminals";
        let said = |builder: Builder| text_of(limited(builder.namespaces(namespaces())).mounts(with_tmp()));
        assert_eq!(said(tree.shell(script)), "0\n0\n0:0\n2\nterminals\n");
        assert_eq!(said(tree.shell(script).user(33, 34)), "33\n34\n33:34\n2\nterminals\n");
    });
}

/// The usual mounts, and a /tmp that everybody may write to.
fn with_tmp() -> Mounts {
    Mounts::standard().add(Tmpfs::new("/tmp").mode(0o1777))
}

#[test]
fn limits_are_those_of_the_cgroup_that_the_container_is_in() {
    needs!(root, cgroup("memory"), program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let container =
            limited(tree.named("limits", "sleep 1000")).start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        let groups = cgroups_called(&tree.name("limits"));
        assert!(!groups.is_empty());
        let read = |file: &str| groups.iter().find_map(|group| fs::read_to_string(group.join(file)).ok());
        let memory = read("memory.max").or_else(|| read("memory.limit_in_bytes")).unwrap();
        assert_eq!(memory.trim(), (64 << 20).to_string());
        assert_eq!(read("pids.max").unwrap().trim(), "32");
        let own = fs::read_to_string(format!("/proc/{}/cgroup", container.pid().unwrap())).unwrap();
        assert!(own.lines().filter(|line| line.contains(&tree.name("limits"))).count() >= 1, "{own}");
        container.delete().unwrap();
        assert!(cgroups_called(&tree.name("limits")).is_empty());
    });
}

#[test]
fn a_container_sees_its_own_limits_below_sys_fs_cgroup() {
    needs!(root, cgroup("pids"), program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        // Where there are hierarchies of version 1, each controller has one.
        let script = "cd /sys/fs/cgroup; cat pids/pids.max 2>/dev/null || cat pids.max; pwd -P; \
            test $(cat pids/cgroup.procs cgroup.procs 2>/dev/null | grep -c '^1$') = 1 && echo alone; mkdir x 2>/dev/null || \
            mkdir pids/x 2>/dev/null || echo kept";
        for of_its_own in [false, true] {
            let view = Cgroups::of_those_inside("/sys/fs/cgroup").unwrap().create_target();
            let builder = tree.shell(script).mounts(Mounts::standard().add(view)).limits(Limits::new().pids_max(23));
            let builder = if of_its_own { builder.namespaces(namespaces().make([Cgroup])) } else { builder };
            assert_eq!(text_of(builder), "23\n/sys/fs/cgroup\nalone\nkept\n", "{of_its_own}");
        }
        // Without a group of its own it sees that of who has made it.
        let view = Cgroups::of_those_inside("/sys/fs/cgroup").unwrap().create_target();
        let text = text_of(tree.shell("ls -d /sys/fs/cgroup/*").mounts(Mounts::standard().add(view)));
        assert!(!text.is_empty());
    });
}

#[test]
fn the_eleventh_process_is_refused() {
    needs!(root, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; sleep 1000 & echo not reached";
        let container = tree.named("pids", script).limits(Limits::new().pids_max(10)).stderr(skep::ns::Stdio::Piped);
        let out = container.stdout(skep::ns::Stdio::Piped).start().unwrap().wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&out.stdout), "");
        assert!(String::from_utf8_lossy(&out.stderr).contains("fork"), "{out:?}");
        tree.open("pids").unwrap().delete().unwrap();
    });
}

#[test]
fn what_a_user_cannot_limit_is_said_and_demanding_it_is_an_error() {
    needs!(user, userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let plan = tree.named("user", "true").limits_where_possible(limits()).plan().unwrap();
        if plan.notes().is_empty() {
            // A cgroup is delegated to this account: then what it asks for it has.
            tree.named("user", "true").limits(limits()).plan().unwrap();
            return;
        }
        assert!(plan.notes().iter().all(|note| note.contains("cannot be")), "{:?}", plan.notes());
        for limit in ["cpu.quota", "memory.max", "pids.max"] {
            assert!(plan.notes().iter().any(|note| note.starts_with(limit)), "{limit}: {:?}", plan.notes());
        }
        let error = tree.named("user", "true").limits(limits()).start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{}", Report(&error));
        assert_eq!(error.problems().len(), plan.notes().len(), "{}", Report(&error));
    });
}

#[test]
fn capabilities_are_exactly_those_named() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let out = text_of(
            tree.shell("grep ^Cap /proc/self/status; grep NoNew /proc/self/status")
                .capabilities(["chown", "CAP_KILL"])
                .no_new_privileges(),
        );
        let value = |set: &str| {
            let line = out.lines().find(|line| line.starts_with(set)).unwrap_or_else(|| panic!("{out}"));
            u64::from_str_radix(line.split_whitespace().last().unwrap(), 16).unwrap()
        };
        let wanted = 1 | 1 << 5;
        assert_eq!(["CapBnd", "CapPrm", "CapEff", "CapInh", "CapAmb"].map(value), [wanted, wanted, wanted, 0, 0]);
        assert_eq!(value("NoNewPrivs"), 1);
    });
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_nothing_is_touched() {
    needs!(userns, program("busybox"));
    isolated_for(DEADLINE, || {
        let dir = Scratch::new();
        let states = dir.join("states");
        let error = Container::builder("a/b")
            .state_root(&states)
            .namespaces(Namespaces::new().make(crate::common::FIVE))
            .root("/no/such/root")
            .mounts(Mounts::new().add(Tmpfs::new("/proc/../etc")))
            .limits(Limits::new().memory_max(Bytes::new(1024)))
            .capabilities(["chown", "fly"])
            .command("/bin/true", [""; 0])
            .create()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let report = Report(&error).to_string();
        for words in [
            "'/'",
            "root.base.directory: cannot open \"/no/such/root\"",
            "leaves the root",
            "memory",
            "1 MiB",
            "\"fly\"",
            "name: ",
        ] {
            assert!(report.contains(words), "{words} is not in\n{report}");
        }
        assert!(!states.exists());
        assert!(cgroups_called(token()).is_empty());
        println!("{report}");
    });
}

#[test]
fn the_machine_s_devices_can_be_used_inside_and_not_changed() {
    needs!(userns, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        // The user namespace maps the owner of the machine's nodes, if this is root's: mode 0666 is what they have.
        let namespaces = Namespaces::new().make(crate::common::FIVE).user(skep::ns::IdMap::current_as_root());
        let script = "echo x > /dev/null && head -c 1 /dev/zero | wc -c; chmod 0666 /dev/null 2>&1 || echo refused";
        let out = text_of(tree.shell(script).namespaces(namespaces));
        assert!(out.starts_with("1\n") && out.ends_with("refused\n"), "{out}");
    });
}

#[test]
fn the_caller_s_session_keyring_stays_behind_unless_it_is_to_be_had() {
    needs!(userns, file("/proc/keys"));
    isolated(|| {
        // One of its own, which every program that it starts itself has too.
        let ours = crate::roles::join_session_keyring();
        let role = role("keyring");
        let words: Vec<&str> = role.get_args().map(|word| word.to_str().unwrap()).collect();
        let told = |out: &str| out.lines().find_map(|line| line.strip_prefix("keyring ")?.parse::<i64>().ok());
        let out = std::process::Command::new(role.get_program()).args(&words).env("SKEP_TEST_ROLE", "keyring").output();
        assert_eq!(told(&String::from_utf8_lossy(&out.unwrap().stdout)), Some(ours));
        let inside = || program(role.get_program().to_str().unwrap(), &words).env("SKEP_TEST_ROLE", "keyring");
        let theirs = told(&text_of(inside())).unwrap();
        assert!(theirs > 0 && theirs != ours, "{theirs} {ours}");
        assert_eq!(told(&text_of(inside().in_caller_keyring())), Some(ours));
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Switches of the container's namespaces: set in them, and nowhere else.

use std::fs;

use needs::{isolated, needs};
use skep::ns::{IdMap, IdRange, NamespaceKind, Namespaces, SysctlKey, Sysctls};
use skep::{Builder, ErrorKind, Report};

use crate::common::{namespaces, program, shell, text_of};
use crate::tree::Tree;

const PORTS: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

fn key(key: &str) -> SysctlKey {
    key.parse().unwrap()
}

/// A switch of a net and one of a user namespace.
fn net_and_user(builder: Builder) -> Builder {
    builder.sysctl(key("net.ipv4.ip_unprivileged_port_start"), 81).sysctl(SysctlKey::MAX_NET_NAMESPACES, 7)
}

#[test]
fn switches_are_set_in_the_container_and_not_in_the_machine() {
    needs!(root);
    isolated(|| {
        let values = || {
            ["kernel/shmmax", "kernel/msgmax", "net/ipv4/ip_forward"]
                .map(|at| fs::read(format!("/proc/sys/{at}")).unwrap())
        };
        let before = values();
        let all: Sysctls = "kernel.shmmax = 65536\nkernel.msgmax = 4711\nnet.ipv4.ip_forward = 1".parse().unwrap();
        let script = "cd /proc/sys; cat kernel/shmmax kernel/msgmax net/ipv4/ip_forward";
        for builder in [shell(script), shell(script).init()] {
            assert_eq!(text_of(builder.sysctls(all.clone())), "65536\n4711\n1\n");
        }
        assert_eq!(values(), before);
    });
}

#[test]
fn nothing_is_left_of_the_proc_that_they_are_set_by() {
    needs!(root, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let builder = |script| tree.shell(script).sysctl(key("net.ipv4.ip_unprivileged_port_start"), 81);
        let said = text_of(
            builder("cat /proc/sys/net/ipv4/ip_unprivileged_port_start; ls -l /proc/self/fd /proc/1/fd").init(),
        );
        assert!(said.starts_with("81\n") && !said.contains("-> /proc\n") && !said.contains("-> /\n"), "{said}");
        // By its number a directory is entered before the program has closed it (CVE-2024-21626).
        for number in 3..40 {
            let inside = builder("test -d . && stat -f -c %t .").current_dir(format!("/proc/self/fd/{number}"));
            if let Ok(out) = inside.output() {
                assert_ne!(String::from_utf8_lossy(&out.stdout), "9fa0\n", "{number}");
            }
        }
    });
}

#[test]
fn whoever_is_root_of_the_user_namespace_its_switches_are_set() {
    needs!(root, userns);
    isolated(|| {
        let machine = fs::read(PORTS).unwrap();
        let script = format!("cat {PORTS} /proc/sys/user/max_net_namespaces; cat /proc/self/oom_score_adj");
        let maps = [
            IdMap::current_as_root(),
            IdMap::whole(300_000, 65_536),
            IdMap::new().both(IdRange::new(0, 0, 1)).both(IdRange::new(5, 300_000, 10)),
        ];
        for map in maps {
            let builder = net_and_user(shell(&script)).namespaces(namespaces().user(map));
            let said = text_of(builder.oom_score_adj(skep::caps_sec::OomScoreAdj::new(7)));
            assert_eq!(said, "81\n7\n7\n");
        }
        assert_eq!(fs::read(PORTS).unwrap(), machine);
    });
}

#[test]
fn a_user_sets_the_switches_of_namespaces_that_are_theirs() {
    needs!(user, userns);
    isolated(|| {
        let said = text_of(net_and_user(shell(&format!("cat {PORTS} /proc/sys/user/max_net_namespaces"))));
        assert_eq!(said, "81\n7\n");
    });
}

#[test]
fn in_a_user_namespace_switches_of_ipc_are_root_s_there() {
    needs!(root, userns, kernel(6, 11));
    isolated(|| {
        let builder = shell("cat /proc/sys/kernel/shmmax").namespaces(namespaces().user(IdMap::whole(300_000, 65_536)));
        assert_eq!(text_of(builder.sysctl(SysctlKey::SHMMAX, 65_536)), "65536\n");
    });
}

#[test]
fn what_the_kernel_has_against_a_switch_is_told_with_its_key() {
    needs!(root, userns);
    isolated(|| {
        let failed = |builder: Builder| {
            let error = builder.start().err().unwrap();
            (error.kind(), Report(&error).to_string())
        };
        let (kind, said) = failed(program("/bin/true", &[]).sysctl(key("net.ipv4.conf.eth9.forwarding"), 1));
        assert_eq!(kind, ErrorKind::NotFound, "{said}");
        assert!(said.contains("set net.ipv4.conf.eth9.forwarding to \"1\"") && said.contains("no such key"), "{said}");
        let (kind, said) = failed(program("/bin/true", &[]).sysctl(key("net.ipv4.conf.all.forwarding"), "x"));
        assert_eq!(kind, ErrorKind::Invalid, "{said}");
        assert!(said.contains("net.ipv4.conf.all.forwarding"), "{said}");
        let error = program("/bin/true", &[])
            .namespaces(Namespaces::new().make([NamespaceKind::Pid, NamespaceKind::Mount]))
            .sysctl(SysctlKey::SHMMAX, 1)
            .plan()
            .unwrap_err();
        assert_eq!(
            error.problems(),
            ["sysctls: kernel.shmmax: the container makes no ipc namespace: it would be set on the whole machine"]
        );
    });
}

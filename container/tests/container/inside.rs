// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the program finds: its namespaces, its proc, its mounts, its network.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use needs::{Scratch, isolated, needs};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use skep::Report;

use crate::common::{namespace_links, program, shell, status, text_of};

#[test]
fn the_program_is_process_1_and_its_proc_shows_its_own_processes_alone() {
    needs!(userns);
    isolated(|| {
        // The shell expands the pattern by itself: there is no other process.
        assert_eq!(text_of(shell("echo $$; cd /proc; echo [0-9]*")), "1\n1\n");
    });
}

#[test]
fn the_host_name_is_set_inside_and_unchanged_outside() {
    needs!(userns);
    isolated(|| {
        let before = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(text_of(shell("uname -n").hostname("a-cell")), "a-cell\n");
        assert_eq!(text_of(shell("uname -n")), before);
        assert_eq!(fs::read_to_string("/proc/sys/kernel/hostname").unwrap(), before);
    });
}

#[test]
fn the_domain_name_of_nis_is_set_inside_and_unchanged_outside() {
    needs!(userns);
    isolated(|| {
        const FILE: &str = "/proc/sys/kernel/domainname";
        let before = fs::read_to_string(FILE).unwrap();
        let longest = "d".repeat(64);
        for name in ["bees", &longest, ""] {
            let said = text_of(shell(&format!("cat {FILE}; uname -n")).domainname(name).hostname("a-cell"));
            assert_eq!(said, format!("{name}\na-cell\n"));
        }
        assert_eq!(text_of(shell(&format!("cat {FILE}"))), before);
        assert_eq!(fs::read_to_string(FILE).unwrap(), before);
    });
}

#[test]
fn the_loopback_interface_is_up_and_the_only_one() {
    needs!(userns);
    isolated(|| {
        // The kernel routes to 127.0.0.1 once the interface is up.
        let routes = text_of(shell("cat /proc/net/fib_trie"));
        assert!(routes.contains("127.0.0.1"), "{routes}");
        let links = text_of(shell("cat /proc/net/dev"));
        let ours = links.lines().skip(2).filter(|line| line.trim_start().starts_with("lo:")).count();
        assert_eq!(ours, 1, "{links}");
    });
}

#[test]
fn every_namespace_that_was_asked_for_is_another_one_and_the_others_are_the_caller_s() {
    needs!(userns);
    isolated(|| {
        let created = program("/bin/true", &[]).create().unwrap();
        // Root may look into a process that is not dumpable; its owner may not.
        let names = ["pid", "mnt", "uts", "ipc", "net", "user", "cgroup"];
        drop(created);
        let inside =
            text_of(shell("for name in pid mnt uts ipc net user cgroup; do readlink /proc/self/ns/$name; done"));
        let same = namespace_links("self")
            .iter()
            .zip(inside.lines())
            .map(|(ours, theirs)| ours == Path::new(theirs))
            .collect::<Vec<_>>();
        let own_user = !crate::common::is_root();
        assert_eq!(same, [false, false, false, false, false, !own_user, true], "{names:?} {inside}");
    });
}

#[test]
fn a_cgroup_and_a_time_namespace_are_made_too() {
    needs!(userns);
    isolated(|| {
        use skep::ns::NamespaceKind::{Cgroup, Time};
        let all = crate::common::namespaces().make([Cgroup, Time]);
        let inside = text_of(shell("readlink /proc/self/ns/cgroup; readlink /proc/self/ns/time").namespaces(all));
        for (name, theirs) in ["cgroup", "time"].iter().zip(inside.lines()) {
            assert_ne!(fs::read_link(format!("/proc/self/ns/{name}")).unwrap(), Path::new(theirs));
        }
    });
}

#[test]
fn a_bind_is_seen_inside_and_not_outside() {
    needs!(userns);
    isolated(|| {
        let dir = Scratch::new();
        let (source, target) = (dir.join("source"), dir.join("target"));
        fs::create_dir(&source).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(source.join("file"), "seen").unwrap();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mut container = shell("cat file; read line").current_dir(&target).bind(&source, &target);
        container = container.stdin(skep::ns::Stdio::Piped).stdout(skep::ns::Stdio::Piped);
        let mut container = container.start().unwrap_or_else(|error| panic!("{}", Report(&error)));
        let mut seen = [0; 4];
        std::io::Read::read_exact(container.stdout.as_mut().unwrap(), &mut seen).unwrap();
        assert_eq!(&seen, b"seen");
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
        assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), mounts);
        container.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert!(container.wait().unwrap().success());
    });
}

#[test]
fn mounts_of_a_container_do_not_come_out_and_the_caller_s_come_in() {
    needs!(root);
    isolated(|| {
        let dir = Scratch::new();
        rustix::mount::mount("none", dir.path(), "tmpfs", MountFlags::empty(), None).unwrap();
        rustix::mount::mount_change(dir.path(), MountPropagationFlags::SHARED).unwrap();
        for name in ["source", "target", "late"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(mounts.lines().any(|line| line.contains(needs::token()) && line.contains("shared:")));

        let container = shell("echo up; read line; ls late").current_dir(dir.path());
        let container = container.bind(dir.join("source"), dir.join("target"));
        let mut container = container.stdin(skep::ns::Stdio::Piped).stdout(skep::ns::Stdio::Piped).start().unwrap();
        let mut output = BufReader::new(container.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), mounts);
        rustix::mount::mount("none", dir.join("late"), "tmpfs", MountFlags::empty(), None).unwrap();
        fs::write(dir.join("late/file"), "").unwrap();
        container.stdin.take().unwrap().write_all(b"\n").unwrap();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "up\nfile\n");
        assert!(container.wait().unwrap().success());

        rustix::mount::unmount(dir.join("late"), UnmountFlags::DETACH).unwrap();
        rustix::mount::unmount(dir.path(), UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn the_caller_is_the_parent_of_the_container() {
    needs!(userns);
    isolated(|| {
        let created = program("/bin/true", &[]).create().unwrap();
        assert_eq!(status(created.pid(), "PPid"), std::process::id().to_string());
        assert_eq!(status(created.pid(), "Name"), "skep [setup]");
        let container = created.start().unwrap();
        assert!(container.wait().unwrap().success());
    });
}

#[test]
fn a_created_container_lets_nobody_look_into_it() {
    needs!(user, userns);
    isolated(|| {
        let created = program("/bin/true", &[]).create().unwrap();
        let refused = |name: &str| fs::read(format!("/proc/{}/{name}", created.pid())).is_err();
        assert!(refused("environ") && refused("auxv") && refused("maps"));
    });
}

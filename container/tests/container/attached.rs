// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts and devices that come and go while a container runs.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};

use needs::{Scratch, isolated, isolated_for, needs, rounds};
use skep::cgroup::{DeviceAccess, DeviceKind, DeviceRules, Limits};
use skep::ns::Stdio;
use skep::rootfs::Bind;
use skep::{Container, ErrorKind, Report};

use crate::common::{DEADLINE, namespaces};
use crate::exec::{sh, sleeper, text_of};
use crate::tree::Tree;

#[test]
fn a_directory_appears_in_a_container_that_runs_and_goes_again() {
    needs!(userns, program("busybox"), syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated_for(DEADLINE, || {
        let (tree, place) = (Tree::new(), Scratch::new());
        fs::write(place.join("letter"), "dear reader\n").unwrap();
        let container = tree.shell("sleep 1000").kill_on_drop().start().unwrap();
        let bind = Bind::new(place.join("."), "/tmp/lent").read_only().create_target();
        let attached = container.mount(&bind).unwrap_or_else(|error| panic!("{}", Report(&error))).unwrap();
        let read = "cat /tmp/lent/letter; echo x 2>/dev/null >/tmp/lent/letter || echo refused";
        assert_eq!(text_of(sh(&container, read)), "dear reader\nrefused\n");
        // Seen by what runs already, and not from here.
        assert!(fs::exists(format!("/proc/{}/root/tmp/lent/letter", container.pid().unwrap())).unwrap());
        assert!(!tree.root().join("tmp/lent/letter").exists());
        container.unmount(&attached).unwrap();
        assert_eq!(text_of(sh(&container, "ls /tmp/lent; echo gone")), "gone\n");
        let error = container.unmount(&attached).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
        // A way out of the root leads nowhere.
        sh(&container, "rmdir /tmp/lent; ln -s ../../../../../../../.. /tmp/out").output().unwrap();
        let error = container.mount(&Bind::new(place.join("."), "/tmp/out/skep-lent").create_target()).map(drop);
        let inside = tree.root().join("skep-lent").exists();
        assert!(error.is_err() || inside, "{error:?}");
        assert!(!fs::exists("/skep-lent").unwrap());
        container.kill().unwrap();
        container.wait().unwrap();
        let error = container.mount(&bind).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
    });
}

#[test]
fn a_container_with_the_mounts_of_its_maker_gets_none() {
    needs!(userns);
    isolated(|| {
        let own = namespaces().without(skep::ns::NamespaceKind::Mount);
        let container = Container::anonymous().namespaces(own).command("/bin/sleep", ["1000"]).kill_on_drop();
        let container = container.start().unwrap();
        let error = container.mount(&Bind::new("/etc", "/mnt")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        assert!(Report(&error).to_string().contains("seen by the whole machine"), "{}", Report(&error));
    });
}

#[test]
fn a_container_that_has_joined_the_mounts_of_the_caller_gets_none() {
    needs!(root);
    isolated(|| {
        let own = namespaces().without(skep::ns::NamespaceKind::Mount);
        let container =
            Container::anonymous().namespaces(own).join_path(skep::ns::NamespaceKind::Mount, "/proc/self/ns/mnt");
        let container = container.command("/bin/sleep", ["1000"]).kill_on_drop().start();
        let container = container.unwrap_or_else(|error| panic!("{}", Report(&error)));
        let error = container.mount(&Bind::new("/etc", "/mnt")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
        assert!(Report(&error).to_string().contains("the caller's own mount namespace"), "{}", Report(&error));
    });
}

#[test]
fn a_device_is_lent_with_the_right_to_use_it_and_both_go_again() {
    needs!(root, program("busybox"), syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let limits = Limits::new().devices(DeviceRules::standard());
        let container = tree.shell("sleep 1000").limits(limits).kill_on_drop().start().unwrap();
        let use_it = "if [ -e /dev/kmsg-lent ]; then :< /dev/kmsg-lent && echo read; fi 2>&1; true";
        assert_eq!(text_of(sh(&container, use_it)), "");
        let device = container.add_device("/dev/kmsg", "/dev/kmsg-lent", DeviceAccess::READ);
        let device = device.unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!((device.device.to_string(), device.device), ("c 1:11 r".to_owned(), device.allowed.unwrap()));
        assert_eq!(text_of(sh(&container, use_it)), "read\n");
        assert_eq!(text_of(sh(&container, "(: > /dev/kmsg-lent) 2>/dev/null || echo refused")), "refused\n");
        let allowed = |access| {
            let rules = container.cgroup().unwrap().unwrap().device_rules().unwrap().unwrap();
            assert_eq!(rules.allowed(DeviceKind::Char, 1, 11), access);
        };
        allowed(DeviceAccess::READ | DeviceAccess::MKNOD);
        // By another program, which has it in writing.
        let device = serde_json::from_str(&serde_json::to_string(&device).unwrap()).unwrap();
        container.remove_device(&device).unwrap();
        assert_eq!(text_of(sh(&container, "wc -c < /dev/kmsg-lent")), "0\n");
        allowed(DeviceAccess::MKNOD);
        // What fails half way leaves its use as it was.
        let error = container.add_device("/dev/kmsg", "/dev/null/x", DeviceAccess::READ).unwrap_err();
        assert!(error.hint().is_none_or(|hint| !hint.contains("stays allowed")), "{}", Report(&error));
        allowed(DeviceAccess::MKNOD);
        let error = container.add_device("/etc/passwd", "/dev/x", DeviceAccess::READ).unwrap_err();
        assert_eq!(error.problems(), ["\"/etc/passwd\" is no device"]);
    });
}

#[test]
fn a_device_that_is_covered_inside_keeps_no_right() {
    needs!(root, program("busybox"), syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated_for(DEADLINE, || {
        let tree = Tree::new();
        let limits = Limits::new().devices(DeviceRules::standard());
        let container = tree.shell("sleep 1000").limits(limits).kill_on_drop().start().unwrap();
        let device = container.add_device("/dev/kmsg", "/tmp/lent", DeviceAccess::READ).unwrap();
        assert_eq!(
            text_of(sh(&container, ": > /tmp/over; mount -o bind /tmp/over /tmp/lent; echo covered")),
            "covered\n"
        );
        let error = container.remove_device(&device).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", Report(&error));
        let rules = container.cgroup().unwrap().unwrap().device_rules().unwrap().unwrap();
        assert_eq!(rules.allowed(DeviceKind::Char, 1, 11), DeviceAccess::MKNOD, "{rules:?}");
        let uncover = "umount /tmp/lent; (: < /tmp/lent) 2>/dev/null || echo refused";
        assert_eq!(text_of(sh(&container, uncover)), "refused\n");
        container.remove_device(&device).unwrap_or_else(|error| panic!("{}", Report(&error)));
        assert_eq!(text_of(sh(&container, "wc -c < /tmp/lent")), "0\n");
    });
}

#[test]
fn a_device_is_the_one_that_was_looked_at_whatever_its_path_leads_to_later() {
    needs!(root, program("busybox"), syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated_for(DEADLINE, || {
        let (tree, place) = (Tree::new(), Scratch::new());
        let limits = Limits::new().devices(DeviceRules::deny_all().allow("c 1:3 rw".parse().unwrap()));
        let container = tree.shell("sleep 1000").limits(limits).kill_on_drop().start().unwrap();
        let source = place.join("device");
        std::os::unix::fs::symlink("/dev/zero", &source).unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for to in ["/dev/full", "/dev/zero"].into_iter().cycle() {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let new = place.join("new");
                    std::os::unix::fs::symlink(to, &new).unwrap();
                    fs::rename(&new, &source).unwrap();
                }
            });
            let attempt = || {
                for _ in 0..rounds(200) {
                    let added = container.add_device(&source, "/tmp/lent", DeviceAccess::READ).unwrap();
                    let there = fs::metadata(format!("/proc/{}/root/tmp/lent", container.pid().unwrap())).unwrap();
                    let minor = u32::try_from(there.rdev() & 0xff).unwrap();
                    assert_eq!(added.device.minor, Some(minor), "what was allowed is not what is there");
                    container.remove_device(&added).unwrap();
                }
            };
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(attempt));
            is_over.store(true, Ordering::Relaxed);
            done.unwrap();
        });
    });
}

#[test]
fn where_nobody_limits_devices_one_is_lent_all_the_same() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let container =
            sleeper().mounts(skep::rootfs::Mounts::new().add(skep::rootfs::Tmpfs::new("/mnt"))).start().unwrap();
        let device = container.add_device("/dev/zero", "/mnt/zero", DeviceAccess::ALL).unwrap();
        assert_eq!(device.allowed, None);
        assert_eq!(text_of(sh(&container, "head -c 3 /mnt/zero | od -An -tx1")), " 00 00 00\n");
        container.remove_device(&device).unwrap();
    });
}

#[test]
fn of_many_who_lend_devices_at_once_none_takes_back_what_another_allows() {
    needs!(
        root,
        program("busybox"),
        syscall("open_tree"),
        syscall("move_mount"),
        syscall("mount_setattr"),
        syscall("pidfd_open")
    );
    isolated(|| {
        let tree = Tree::new();
        let rules = DeviceRules::deny_all().allow("c 1:3 rw".parse().unwrap());
        let limits = Limits::new().devices(rules);
        let container = tree.named("lent", "sleep 1000").limits(limits).start().unwrap();
        for _ in 0..5 {
            let names = ["zero", "full", "random", "urandom", "null", "tty"];
            let barrier = std::sync::Barrier::new(names.len());
            let added: Vec<_> = std::thread::scope(|scope| {
                let lend = |(at, name): (usize, &&'static str)| {
                    let (container, barrier, tree, name) = (&container, &barrier, &tree, *name);
                    scope.spawn(move || {
                        // By the same handle, and by others.
                        let own = (at % 2 == 0).then(|| tree.open("lent").unwrap());
                        barrier.wait();
                        let target = format!("/tmp/{name}");
                        let lent = own.as_ref().unwrap_or(container);
                        lent.add_device(format!("/dev/{name}"), target, DeviceAccess::READ | DeviceAccess::WRITE)
                    })
                };
                let threads: Vec<_> = names.iter().enumerate().map(lend).collect();
                threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
            });
            let group = container.cgroup().unwrap().unwrap();
            let rules = || group.device_rules().unwrap().unwrap_or_else(DeviceRules::deny_all);
            for minor in [3, 5, 7, 8, 9] {
                let access = rules().allowed(DeviceKind::Char, 1, minor);
                assert!(access.contains(DeviceAccess::READ | DeviceAccess::WRITE), "{minor}: {:?}", rules());
            }
            std::thread::scope(|scope| {
                for device in &added {
                    scope.spawn(|| container.remove_device(device).unwrap());
                }
            });
            assert!(rules().allowed(DeviceKind::Char, 1, 5).is_empty(), "{:?}", rules());
        }
        container.delete().unwrap();
    });
}

#[test]
fn who_is_allowed_no_device_is_told_why_its_streams_cannot_be() {
    needs!(root, program("busybox"));
    isolated(|| {
        let tree = Tree::new();
        let builder = || tree.shell("echo up").limits(Limits::new().devices(DeviceRules::deny_all()));
        let error = builder().stdin(Stdio::Null).start().unwrap_err();
        assert!(Report(&error).to_string().contains("allows it no null device (c 1:3 rw)"), "{}", Report(&error));
        let container = builder().stdin(Stdio::Piped).stdout(Stdio::Piped).stderr(Stdio::Piped).start().unwrap();
        assert_eq!(container.wait_with_output().unwrap().stdout, b"up\n");
    });
}

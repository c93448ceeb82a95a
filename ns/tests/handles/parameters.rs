// SPDX-License-Identifier: MIT OR Apache-2.0
//! What uts, ipc and net namespaces keep, set and read in them; and the ranges that the kernel has.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;

use needs::{Scratch, isolated, isolated_unboxed, needs};
use rustix::mount::{UnmountFlags, mount_bind, unmount};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use skep_ns::{ErrorKind, Namespace, NamespaceKind, SysctlKey, Sysctls, UtsNames};

use crate::support::{Sleeper, check};

/// Runs `work` on a thread in a namespace of the sleeper, that ends then.
fn inside<T: Send>(sleeper: &Sleeper, kind: NamespaceKind, work: impl FnOnce() -> T + Send) -> T {
    let namespace = Namespace::of(&sleeper.pidfd(), kind).unwrap();
    let flag = match kind {
        NamespaceKind::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
        NamespaceKind::Ipc => LinkNameSpaceType::InterProcessCommunication,
        NamespaceKind::Net => LinkNameSpaceType::Network,
        other => panic!("{other}"),
    };
    let enter = || {
        move_into_link_name_space(namespace.as_fd(), Some(flag)).unwrap();
        work()
    };
    thread::scope(|scope| scope.spawn(enter).join()).unwrap()
}

#[test]
fn names_are_set_where_that_was_asked_for_and_nowhere_else() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let sleeper = Sleeper::of_kind(NamespaceKind::Uts);
        let before = UtsNames::current();
        let names = UtsNames::new().hostname("hive").domainname("nis.example");
        inside(&sleeper, NamespaceKind::Uts, || {
            names.enter_here().unwrap();
            assert_eq!(UtsNames::current(), names);
            UtsNames::new().domainname("other").enter_here().unwrap();
        });
        let theirs = Namespace::of(&sleeper.pidfd(), NamespaceKind::Uts).unwrap();
        assert_eq!(UtsNames::of(&theirs).unwrap(), names.domainname("other"));
        assert_eq!(UtsNames::current(), before);
        let net = Namespace::of_this_thread(NamespaceKind::Net).unwrap();
        assert_eq!(UtsNames::of(&net).unwrap_err().kind(), ErrorKind::Invalid);
    });
}

#[test]
fn a_user_names_no_machine_and_changes_none_of_its_parameters() {
    needs!(user, syscall("pidfd_open"));
    isolated(|| {
        let before = UtsNames::current();
        check("not our host name", &UtsNames::new().hostname("hive").enter_here().unwrap_err());
        check("not our parameter", &Sysctls::new().value(SysctlKey::SHMMNI, 4096).enter_here().unwrap_err());
        let ours = Namespace::of_this_thread(NamespaceKind::Uts).unwrap();
        check("not to be asked from inside", &UtsNames::of(&ours).unwrap_err());
        assert_eq!(UtsNames::current(), before);
    });
}

#[test]
fn parameters_are_set_in_the_namespace_and_read_there() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let sleeper = Sleeper::of_kind(NamespaceKind::Ipc);
        let before = SysctlKey::SEM.read().unwrap();
        let wanted = Sysctls::new().value(SysctlKey::SEM, "100 200 30 40").value(SysctlKey::SHMMAX, 65_536);
        inside(&sleeper, NamespaceKind::Ipc, || {
            wanted.enter_here().unwrap();
            assert_eq!(SysctlKey::SEM.read().unwrap(), "100\t200\t30\t40");
            assert_eq!(SysctlKey::SHMMAX.read().unwrap(), "65536");
        });
        assert_eq!(SysctlKey::SEM.read().unwrap(), before);
        // The net namespace is the box's own.
        let forward = SysctlKey::of_interface("ipv4", "lo", "forwarding").unwrap();
        Sysctls::new().value(forward.clone(), 1).enter_here().unwrap();
        assert_eq!(forward.read().unwrap(), "1");
        let absent = SysctlKey::of_interface("ipv4", "eth9.100", "forwarding").unwrap();
        check("no such interface", &Sysctls::new().value(absent, 1).enter_here().unwrap_err());
        check("not taken", &Sysctls::new().value(forward, "many").enter_here().unwrap_err());
    });
}

#[test]
fn the_ranges_of_ipc_s_parameters_are_the_kernel_s() {
    needs!(root, syscall("pidfd_open"));
    isolated(|| {
        let sleeper = Sleeper::of_kind(NamespaceKind::Ipc);
        let values: [i128; 16] = [
            -1,
            0,
            1,
            2,
            127,
            128,
            32_768,
            32_769,
            65_536,
            65_537,
            16_777_216,
            16_777_217,
            2_147_483_647,
            2_147_483_648,
            18_446_744_073_709_551_615,
            18_446_744_073_709_551_616,
        ];
        inside(&sleeper, NamespaceKind::Ipc, || {
            let keys = [
                SysctlKey::MSGMAX,
                SysctlKey::MSGMNB,
                SysctlKey::MSGMNI,
                SysctlKey::SHMMNI,
                SysctlKey::SHMMAX,
                SysctlKey::SHMALL,
                SysctlKey::SHM_RMID_FORCED,
                SysctlKey::MQUEUE_MSG_MAX,
                SysctlKey::MQUEUE_MSGSIZE_MAX,
                "kernel.msg_next_id".parse().unwrap(),
                "kernel.auto_msgmni".parse().unwrap(),
                "fs.mqueue.msg_default".parse().unwrap(),
                "fs.mqueue.msgsize_default".parse().unwrap(),
            ];
            for key in keys {
                for value in values {
                    let taken = fs::write(key.path(), value.to_string()).is_ok();
                    let problems = key.problems_of(&value.to_string());
                    assert_eq!(problems.is_empty(), taken, "{key} = {value}: {problems:?}");
                }
            }
        });
    });
}

#[test]
fn every_file_that_a_new_net_namespace_has_is_a_key() {
    needs!(userns, syscall("pidfd_open"));
    isolated(|| {
        let script = "cd /proc/sys && find net -type f";
        // As root without a user namespace, from whose net namespaces the kernel hides some.
        let user: &[&str] = if rustix::process::geteuid().is_root() { &[] } else { &["--user", "--map-root-user"] };
        let out = Command::new("unshare").args(user).args(["--net", "sh", "-c", script]).output().unwrap();
        let files = String::from_utf8(out.stdout).unwrap();
        assert!(files.lines().count() > 100, "{files}");
        for file in files.lines() {
            let key: SysctlKey = file.parse().unwrap_or_else(|error: skep_ns::Error| panic!("{error:?}"));
            assert_eq!(key.kind(), NamespaceKind::Net);
        }
    });
}

#[test]
fn what_a_new_net_namespace_lacks_is_the_machine_s() {
    needs!(root, kernel(6, 18), syscall("pidfd_open"));
    // Not in a box: that has a net namespace of its own.
    isolated_unboxed(|| {
        let find = |program: &str, arguments: &[&str]| {
            let script = "cd /proc/sys && find net -type f";
            let out = Command::new(program).args(arguments).args(["-c", script]).output().unwrap();
            String::from_utf8(out.stdout).unwrap()
        };
        let inside = find("unshare", &["--net", "sh"]);
        let inside: Vec<_> = inside.lines().collect();
        let all = find("sh", &[]);
        let of_a_link = |file: &&str| file.contains("/conf/") || file.contains("/neigh/");
        for file in all.lines().filter(|file| !of_a_link(file) && !inside.contains(file)) {
            let error = file.parse::<SysctlKey>().unwrap_err();
            assert!(error.problems()[0].contains("whole machine"), "{file}");
        }
    });
}

/// Mounts a file system over `at` for the time of `work`.
fn covered(at: &str, work: impl FnOnce()) {
    rustix::mount::mount("tmpfs", at, "tmpfs", rustix::mount::MountFlags::empty(), None).unwrap();
    work();
    unmount(at, UnmountFlags::DETACH).unwrap();
}

#[test]
fn nothing_is_written_to_or_read_from_what_is_not_the_kernel_s_proc() {
    needs!(root, program("mkfifo"));
    isolated(|| {
        let directory = Scratch::new();
        let victim = directory.join("victim");
        fs::write(&victim, "1").unwrap();
        let wanted = Sysctls::new().value(SysctlKey::SHMMNI, 77);
        let untouched = |name: &str| {
            let (set, read) = (wanted.enter_here().unwrap_err(), SysctlKey::SHMMNI.read().unwrap_err());
            assert_eq!((set.kind(), read.kind()), (ErrorKind::WrongState, ErrorKind::WrongState), "{name}: {set:?}");
            assert_eq!(fs::read_to_string(&victim).unwrap(), "1", "{name}");
            check(name, &set);
        };
        // A mount on the file.
        let shmmni = "/proc/sys/kernel/shmmni";
        mount_bind(&victim, shmmni).unwrap();
        untouched("a file over a key");
        unmount(shmmni, UnmountFlags::DETACH).unwrap();
        // Another key on it.
        mount_bind("/proc/sys/kernel/shmmax", shmmni).unwrap();
        untouched("a key over a key");
        unmount(shmmni, UnmountFlags::DETACH).unwrap();
        // A directory of procfs, but not this one.
        mount_bind("/proc/sys/net", "/proc/sys/kernel").unwrap();
        untouched("a directory over the keys");
        unmount("/proc/sys/kernel", UnmountFlags::DETACH).unwrap();
        // A tree of files that leads elsewhere by a link, or has a fifo at which one would wait for ever.
        covered("/proc", || {
            fs::create_dir_all("/proc/sys/kernel").unwrap();
            symlink(&victim, shmmni).unwrap();
            untouched("a link for a key");
            fs::remove_file(shmmni).unwrap();
            assert!(Command::new("mkfifo").arg(shmmni).status().unwrap().success());
            untouched("a fifo for a key");
        });
        // What engines do to make it read-only is none of these.
        mount_bind("/proc/sys", "/proc/sys").unwrap();
        wanted.enter_here().unwrap();
        assert_eq!(SysctlKey::SHMMNI.read().unwrap(), "77");
        unmount("/proc/sys", UnmountFlags::DETACH).unwrap();
    });
}

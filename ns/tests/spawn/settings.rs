// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who the program is and where: session, umask, ids, cgroup, numbers; in both forms of a start.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::thread;

use needs::{Need, isolated, isolated_unboxed, needs};
use skep_ns::NamespaceKind::{Mount, Uts};
use skep_ns::{ErrorKind, IdMap, Namespaces, Spawn, TimeOffsets};

use crate::copy::cgroup2;
use crate::support::halted::{HALT, Halted};
use crate::support::{assert_same, caller, raw, said, sh};

/// The start of `spawn` as it is, and as a copy.
fn in_both_forms(make: impl Fn() -> Spawn, check: impl Fn(&mut Spawn)) {
    check(&mut make());
    let mut copied = make();
    copied.namespaces(Namespaces::new().make([Uts]).user(IdMap::current_as_root()));
    check(&mut copied);
}

#[test]
fn a_program_has_the_session_the_group_and_the_umask_that_it_was_given() {
    needs!(userns);
    isolated(|| {
        let fields = |halted: &Halted| {
            let stat = String::from_utf8(halted.read("stat")).unwrap();
            let fields: Vec<String> = stat.rsplit(')').next().unwrap().split(' ').map(str::to_owned).collect();
            (fields[3].clone(), fields[4].clone())
        };
        in_both_forms(
            || sh(HALT),
            |spawn| {
                let halted = Halted::start(spawn.session().umask(0o031));
                let pid = halted.pid().to_string();
                assert_eq!(fields(&halted), (pid.clone(), pid));
                assert_eq!(halted.status("Umask"), "0031");
            },
        );
        in_both_forms(
            || sh(HALT),
            |spawn| {
                let halted = Halted::start(spawn.process_group(0));
                let (group, session) = fields(&halted);
                assert_eq!(group, halted.pid().to_string());
                assert_ne!(session, group);
                let other = Halted::start(sh(HALT).process_group(i32::try_from(halted.pid()).unwrap()));
                assert_eq!(fields(&other).0, group);
            },
        );
    });
}

#[test]
fn no_new_privileges_and_the_death_signal_reach_the_program_and_not_the_caller() {
    needs!(userns);
    isolated(|| {
        let before = caller::look();
        in_both_forms(
            || sh(HALT),
            |spawn| {
                let halted = Halted::start(spawn.no_new_privs());
                assert_eq!(halted.status("NoNewPrivs"), "1");
            },
        );
        in_both_forms(
            || sh("exec sleep 600"),
            |spawn| {
                spawn.parent_death_signal(15);
                let mut child = thread::scope(|scope| scope.spawn(|| spawn.spawn().unwrap()).join().unwrap());
                assert_eq!(child.wait().unwrap().signal(), Some(15));
            },
        );
        assert_same(&before, &caller::look());
    });
}

#[test]
fn a_program_is_the_user_it_was_told_to_be_and_the_caller_stays_dumpable() {
    needs!(root);
    isolated(|| {
        let before = caller::look();
        let dumpable = rustix::process::dumpable_behavior().unwrap();
        let halted = Halted::start(sh(HALT).user(1234, 4321, [7, 8]));
        let ids = ["Uid", "Gid", "Groups"].map(|key| halted.status(key).trim().to_owned());
        assert_eq!(ids, ["1234\t1234\t1234\t1234", "4321\t4321\t4321\t4321", "7 8"]);
        drop(halted);
        let halted = Halted::start(sh(HALT).user(1234, 4321, []));
        assert_eq!(halted.status("Groups").trim(), "");
        drop(halted);
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), dumpable);
        assert_same(&before, &caller::look());
    });
}

#[test]
fn an_ordinary_account_cannot_be_somebody_else_and_is_told() {
    needs!(user);
    isolated(|| {
        let before = caller::descriptors();
        let error = sh("exit 0").user(0, 0, []).spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        said::check("user without the right", &error, "/none".as_ref());
        assert_same(&before, &caller::descriptors());
    });
}

#[test]
fn a_program_begins_in_its_cgroup_in_both_forms() {
    needs!(root, syscall("clone3"));
    if Need::new("a cgroup v2 hierarchy", cgroup2().is_none().then(|| "none is mounted".to_owned())).skip() {
        return;
    }
    isolated_unboxed(|| {
        let group = cgroup2().unwrap().join(needs::token());
        fs::create_dir(&group).unwrap();
        in_both_forms(
            || sh("cat /proc/self/cgroup"),
            |spawn| {
                let out = spawn.into_cgroup(File::open(&group).unwrap()).output().unwrap();
                let said = String::from_utf8(out.stdout).unwrap();
                assert!(said.lines().any(|line| line.starts_with("0::") && line.ends_with(needs::token())), "{said}");
            },
        );
        fs::remove_dir(&group).unwrap();
    });
}

#[test]
fn what_is_no_cgroup_is_named() {
    needs!(syscall("clone3"));
    isolated(|| {
        let error = sh("exit 0").into_cgroup(File::open("/").unwrap()).spawn().unwrap_err();
        said::check("cgroup that is none", &error, "/none".as_ref());
    });
}

#[test]
fn a_program_has_the_number_it_was_told_to_have() {
    needs!(root, syscall("clone3"));
    isolated(|| {
        in_both_forms(
            || sh("echo $$"),
            |spawn| {
                let out = spawn.pids([4242]).output().unwrap();
                assert_eq!(out.stdout, b"4242\n");
            },
        );
        let held = Halted::start(sh(HALT).pids([4243]));
        let error = sh("exit 0").pids([4243]).spawn().unwrap_err();
        said::check("number that is taken", &error, "/none".as_ref());
        drop(held);
    });
}

#[test]
fn every_setting_that_makes_no_sense_is_told_at_once() {
    let error = sh("exit 0")
        .namespaces(Namespaces::new().make([Mount]).user(IdMap::whole(1000, 5)))
        .user(7, u32::MAX, [3, 9])
        .hostname("x".repeat(65))
        .time_offsets(TimeOffsets::new())
        .session()
        .process_group(5)
        .parent_death_signal(65)
        .umask(0o1000)
        .pids([0])
        .spawn()
        .unwrap_err();
    said::check("every setting", &error, "/none".as_ref());
    let error = sh("exit 0").hostname("web").spawn().unwrap_err();
    said::check("host name of the machine", &error, "/none".as_ref());
}

#[test]
fn a_copied_program_has_no_signal_blocked_and_none_ignored_either() {
    needs!(userns);
    isolated(|| {
        raw::ignore(libc::SIGUSR2);
        raw::handle(libc::SIGUSR1);
        raw::block(&[40, libc::SIGTERM]);
        in_both_forms(
            || sh(HALT),
            |spawn| {
                let halted = Halted::start(spawn);
                let status = ["SigBlk", "SigIgn", "SigCgt"].map(|key| halted.status(key));
                assert_eq!(status[..2], ["0000000000000000", "0000000000000000"], "{status:?}");
            },
        );
    });
}

#[test]
fn a_copied_program_finds_the_listed_descriptors_and_no_others() {
    needs!(userns);
    isolated(|| {
        let held = [caller::open_above(3), caller::open_above(70), caller::open_above(500)];
        in_both_forms(
            || sh(HALT),
            |spawn| {
                let halted = Halted::start(
                    spawn.fd(4, held[1].as_fd().try_clone_to_owned().unwrap()).fd(9, File::open("/dev/zero").unwrap()),
                );
                assert_eq!(halted.descriptors().into_keys().collect::<Vec<_>>(), [0, 1, 2, 4, 9]);
            },
        );
    });
}

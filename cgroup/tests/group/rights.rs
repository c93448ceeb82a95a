// SPDX-License-Identifier: MIT OR Apache-2.0
//! What may be done without the right to, and with a part of it.

use std::os::unix::fs::chown;

use needs::{isolated, needs};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};
use skep_cgroup::{Access, Cgroup, Controller, ErrorKind, Layout, Limits, MIB, Reason};

use crate::support::{LONG, Swept, create, directory, end, name, run, said, signal_of, sleeper, text};

#[test]
fn an_ordinary_user_is_told_beforehand_what_cannot_be_had() {
    needs!(user);
    isolated(|| {
        let layout = Layout::detect().unwrap();
        let limits = Limits::new().memory_max(64 * MIB).pids_max(5);
        let lacks = layout.assess(name("user"), &limits).unwrap();
        let of_group = lacks.iter().find(|lack| lack.limit().is_none());
        match Cgroup::create_in(&layout, name("user")) {
            Ok(group) => {
                assert_eq!(of_group, None);
                group.remove().unwrap();
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Denied, "{}", said::all(&error));
                assert_eq!(of_group.map(skep_cgroup::Lack::reason), Some(Reason::NotDelegated));
                assert_eq!(lacks.len(), 3, "{lacks:?}");
                assert!(limits.without(&lacks).is_empty());
            }
        }
    });
}

/// As nobody, on this thread alone.
pub(crate) fn as_nobody<T>(body: impl FnOnce() -> T) -> T {
    let (uid, gid) = (Uid::from_raw(65534), Gid::from_raw(65534));
    set_thread_res_gid(None, Some(gid), None).unwrap();
    set_thread_res_uid(None, Some(uid), None).unwrap();
    let answer = body();
    set_thread_res_uid(None, Some(Uid::ROOT), None).unwrap();
    set_thread_res_gid(None, Some(Gid::ROOT), None).unwrap();
    answer
}

#[test]
fn in_a_delegated_group_an_ordinary_user_makes_groups_and_elsewhere_not() {
    needs!(root);
    isolated(|| {
        let layout = Layout::detect().unwrap();
        // Of all hierarchies the tracking one is delegated, and pids, where that is another.
        let home = Swept(Cgroup::create_with(&layout, name("home"), [Controller::Pids]).unwrap());
        for directory in home.directories() {
            for file in ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"] {
                match chown(directory.join(file), Some(65534), Some(65534)) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    done => done.unwrap(),
                }
            }
        }
        let path = format!("{}/own", name("home"));
        let child = sleeper();
        let limits = Limits::new().pids_max(5);
        let (own, added, elsewhere, lacks, none) = as_nobody(|| {
            let own = Cgroup::create_in(&layout, &path).unwrap();
            own.apply(&limits).unwrap();
            let added = own.add(child.id()).unwrap_err();
            let elsewhere = Cgroup::create_in(&layout, name("elsewhere")).unwrap_err();
            let lacks = layout.assess(name("elsewhere"), &limits).unwrap();
            (own, added, elsewhere, lacks, layout.assess(&path, &limits).unwrap())
        });
        // The others of version 1 were left out.
        assert_eq!(own.directories().collect::<Vec<_>>(), layout.directories(&path, [Controller::Pids]));
        let at = layout.directories(name("elsewhere"), []);
        said::check("a group where nothing is delegated", &elsewhere, &[(at[0].to_str().unwrap(), "GROUP")]);
        assert_eq!((elsewhere.kind(), added.kind()), (ErrorKind::Denied, ErrorKind::Denied));
        assert_eq!((lacks[0].limit(), lacks[0].reason(), none), (None, Reason::NotDelegated, vec![]));
        assert_eq!(lacks.len(), 2);
        own.remove().unwrap();
        end(child);
    });
}

#[test]
fn a_hierarchy_that_is_mounted_read_only_is_said_to_be() {
    needs!(root);
    isolated(|| {
        let layout = Layout::detect().unwrap();
        let remount = |options: &str| {
            for hierarchy in layout.hierarchies() {
                run("mount", &["-o", options, text(hierarchy.mount_point())]);
            }
        };
        let group = create("ro-already");
        let child = sleeper();
        group.add(child.id()).unwrap();
        remount("remount,bind,ro");
        let writable = layout.clone();
        let layout = Layout::detect().unwrap();
        assert!(layout.hierarchies().iter().all(|found| found.access() == Access::ReadOnly), "{layout}");
        let lacks = layout.assess(name("ro"), &Limits::new().pids_max(5)).unwrap();
        assert!(lacks.iter().all(|lack| lack.reason() == Reason::ReadOnly), "{lacks:?}");
        let error = Cgroup::create(name("ro")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        let at = layout.directories(name("ro"), []);
        said::check("a hierarchy that is mounted read-only", &error, &[(at[0].to_str().unwrap(), "GROUP")]);
        // A signal is no write.
        group.kill().unwrap();
        assert_eq!(signal_of(child), Some(9));
        assert!(group.freeze(LONG).is_err() && group.remove().is_err());
        remount("remount,bind,rw");
        assert_eq!(Layout::detect().unwrap(), writable);
    });
}

#[test]
fn hierarchies_that_are_read_only_are_left_out_if_nobody_named_them() {
    needs!(root, cgroup1("devices"), cgroup1("pids"));
    isolated(|| {
        let before = Layout::detect().unwrap();
        let devices = before.of(Controller::Devices).unwrap().mount_point().to_owned();
        run("mount", &["-o", "remount,bind,ro", text(&devices)]);
        let layout = Layout::detect().unwrap();
        let group = create("but");
        assert!(group.directories().all(|found| !found.starts_with(&devices)));
        let error = Cgroup::create_with(&layout, name("named"), [Controller::Pids, Controller::Devices]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        let left = layout.directories(name("named"), [Controller::Pids, Controller::Devices]);
        assert!(left.iter().all(|directory| !directory.exists()));
        assert!(directory(&group, Some(Controller::Pids)).is_dir());
        run("mount", &["-o", "remount,bind,rw", text(&devices)]);
    });
}

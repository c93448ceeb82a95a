// SPDX-License-Identifier: MIT OR Apache-2.0
//! Groups that are given to a user.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use needs::{isolated, needs};
use skep_cgroup::{Cgroup, Controller, ErrorKind, Layout, Limits};

use crate::rights::as_nobody;
use crate::support::{Swept, create, directory, end, has, name, read, run, said, text};

const NOBODY: u32 = 65534;

/// The owner of everything in a directory, by names; "." is the directory.
fn owned_by(uid: u32, at: &Path) -> Vec<String> {
    let entries = fs::read_dir(at).unwrap().map(|entry| entry.unwrap());
    let all = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap()));
    let all = all.chain([(".".to_owned(), fs::metadata(at).unwrap())]);
    let mut owned: Vec<String> = all.filter(|(_, found)| found.uid() == uid).map(|(name, _)| name).collect();
    owned.sort_unstable();
    owned
}

/// What the kernel says may be given away, as far as the directory has it; of version 1, what systemd gives.
fn may_be_given(at: &Path) -> Vec<String> {
    let names = match at.join("tasks").exists() {
        true => "cgroup.procs\ntasks\ncgroup.clone_children".to_owned(),
        false => read("/sys/kernel/cgroup/delegate"),
    };
    let mut names: Vec<String> = names.lines().filter(|name| at.join(name).exists()).map(str::to_owned).collect();
    names.push(".".to_owned());
    names.sort_unstable();
    names
}

/// A process of nobody's that does nothing.
fn sleeper_of_nobody() -> Child {
    let mut command = Command::new("sleep");
    command.arg("600").uid(NOBODY).gid(NOBODY).stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn what_the_kernel_lists_is_given_and_nothing_else() {
    needs!(root);
    isolated(|| {
        let group = create("given");
        group.delegate(NOBODY, NOBODY).unwrap();
        for at in group.directories() {
            assert_eq!(owned_by(NOBODY, at), may_be_given(at), "{at:?}");
        }
        group.delegate(0, 0).unwrap();
        for at in group.directories() {
            assert_eq!(owned_by(NOBODY, at), [""; 0], "{at:?}");
        }
        let error = group.delegate(u32::MAX, u32::MAX).unwrap_err();
        assert_eq!((error.kind(), error.problems().len()), (ErrorKind::Invalid, 2));
        let error = as_nobody(|| group.delegate(NOBODY, NOBODY)).unwrap_err();
        let at = group.directories().next().unwrap().to_owned();
        said::check("a group that is given away by somebody else", &error, &[(text(&at), "GROUP")]);
        group.remove().unwrap();
        assert_eq!(group.delegate(0, 0).unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn who_was_given_a_group_divides_it_and_does_not_widen_it() {
    needs!(root);
    if !has(Controller::Pids) {
        return;
    }
    isolated(|| {
        let layout = Layout::detect().unwrap();
        let home = Swept(Cgroup::create_with(&layout, name("home"), [Controller::Pids]).unwrap());
        home.apply(&Limits::new().pids_max(50)).unwrap();
        home.delegate(NOBODY, NOBODY).unwrap();
        let elsewhere = Swept(Cgroup::create_with(&layout, name("elsewhere"), [Controller::Pids]).unwrap());
        let (inside, outside) = (sleeper_of_nobody(), sleeper_of_nobody());
        elsewhere.add(outside.id()).unwrap();
        let below = |word: &str| format!("{}/{word}", name("home"));

        let (a, b) = as_nobody(|| {
            let a = Cgroup::create_with(&layout, below("a"), [Controller::Pids]).unwrap();
            let b = Cgroup::create_with(&layout, below("b"), [Controller::Pids]).unwrap();
            b.apply(&Limits::new().pids_max(5)).unwrap();
            (a, b)
        });
        // The first one in takes a right over both sides.
        a.add(inside.id()).unwrap();
        as_nobody(|| {
            b.add(inside.id()).unwrap();
            let widened = home.apply(&Limits::new().pids_max(60)).unwrap_err();
            assert_eq!(widened.kind(), ErrorKind::Denied, "{}", said::all(&widened));
            let out = elsewhere.add(inside.id()).unwrap_err();
            assert_eq!(out.kind(), ErrorKind::Denied, "{}", said::all(&out));
            // Version 1 lets in whoever is of the same user.
            let taken = b.add(outside.id());
            assert_eq!(taken.is_err(), layout.v2().is_some(), "{taken:?}");
        });
        assert_eq!(read(directory(&b, Some(Controller::Pids)).join("pids.max")), "5");
        assert_eq!(read(directory(&home, Some(Controller::Pids)).join("pids.max")), "50");
        assert!(b.procs().unwrap().contains(&inside.id()));

        as_a_process_of_its_own(&directory(&home, Some(Controller::Pids)));
        end(inside);
        end(outside);
        as_nobody(|| {
            a.remove().unwrap();
            b.remove().unwrap();
        });
    });
}

/// The same as a program of that user finds it.
fn as_a_process_of_its_own(home: &Path) {
    let script = "cd \"$1\" && mkdir c && echo 4 > c/pids.max && rmdir c || exit 1
        (echo 60 > pids.max) 2>/dev/null && exit 2
        (echo 0 > ../cgroup.procs) 2>/dev/null && exit 3
        exit 0";
    let status = Command::new("sh").args(["-c", script, "sh", text(home)]).uid(NOBODY).gid(NOBODY).status().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
fn what_fails_halfway_has_the_owners_of_before() {
    needs!(root, cgroup1("pids"));
    isolated(|| {
        let layout = Layout::detect().unwrap();
        // First version 2, or the freezer, which both can be had; then pids.
        let group = Swept(Cgroup::create_with(&layout, name("half"), [Controller::Pids]).unwrap());
        let pids = layout.of(Controller::Pids).unwrap().mount_point().to_owned();
        run("mount", &["-o", "remount,bind,ro", text(&pids)]);
        let error = group.delegate(NOBODY, NOBODY).unwrap_err();
        assert!(error.applied().is_empty());
        for at in group.directories() {
            assert_eq!(owned_by(NOBODY, at), [""; 0], "{at:?}");
        }
        said::check(
            "a group that is given away where the hierarchy is read-only",
            &error,
            &[(text(&pids), "HIERARCHY"), (name("half").trim_start_matches('/'), "NAME")],
        );
        run("mount", &["-o", "remount,bind,rw", text(&pids)]);
    });
}

#[test]
fn what_lies_on_top_of_a_file_is_not_given_away() {
    needs!(root);
    isolated(|| {
        let group = create("covered");
        let at = group.directories().next().unwrap().to_owned();
        let scratch = needs::Scratch::new();
        let other = scratch.join("secret");
        fs::write(&other, "").unwrap();
        run("mount", &["--bind", text(&other), text(&at.join("cgroup.procs"))]);
        let error = group.delegate(NOBODY, NOBODY).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        said::check("a group that is given away with a mount on a file", &error, &[(text(&at), "GROUP")]);
        assert_eq!(fs::metadata(&other).unwrap().uid(), 0);
        run("umount", &[text(&at.join("cgroup.procs"))]);
        assert_eq!(owned_by(NOBODY, &at), [""; 0]);
    });
}

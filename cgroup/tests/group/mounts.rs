// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts in odd places: on top of groups, of mount points, and twice.

use std::fs;
use std::path::{Path, PathBuf};

use needs::{Scratch, isolated, needs};
use skep_cgroup::{Access, Cgroup, Controller, ErrorKind, Layout, Version};

use crate::support::{LONG, Swept, create, end, has_version, name, only, run, said, sleeper, text};

/// Where the hierarchy that processes are kept track of by is mounted.
fn tracking(layout: &Layout) -> PathBuf {
    layout.directories("/x", [])[0].parent().unwrap().to_owned()
}

/// Whether a group at this directory, or one below it, has the process: we need not be in the root group ourselves.
fn lists(directory: &Path, pid: u32) -> bool {
    let own = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    let below =
        fs::read_dir(directory).unwrap().flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    own.lines().any(|line| line == pid.to_string()) || below.map(|entry| entry.path()).any(|path| lists(&path, pid))
}

/// A mount of the whole hierarchy on top of a group below, where who goes through it finds the whole machine.
fn is_not_gone_through(group: &Cgroup) {
    let layout = Layout::detect().unwrap();
    let first = group.directories().next().unwrap().to_owned();
    let home = layout.hierarchies().iter().find(|found| first.starts_with(found.mount_point())).unwrap();
    let point = home.mount_point();
    let below = first.join("below");
    fs::create_dir(&below).unwrap();
    run("mount", &["--bind", text(point), text(&below)]);
    let outside = sleeper();
    // Through the mount it could be seen; and killed.
    assert!(lists(&below, outside.id()));
    let error = group.procs().unwrap_err();
    assert_eq!(error.errno(), Some(libc::EXDEV), "{}", said::all(&error));
    let _refused = group.kill();
    let error = group.remove_within(std::time::Duration::ZERO).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Busy | ErrorKind::Os), "{}", said::all(&error));
    assert_eq!(Cgroup::from_directories([&below]).unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(
        Cgroup::from_directories([below.join(name("x").trim_start_matches('/'))]).unwrap_err().kind(),
        ErrorKind::Invalid
    );
    run("umount", &[text(&below)]);
    let mut outside = outside;
    assert_eq!(outside.try_wait().unwrap(), None, "somebody outside of the group was killed");
    end(outside);

    // On top of the group itself.
    run("mount", &["--bind", text(point), text(&first)]);
    let error = Cgroup::from_directories([&first]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    said::check("a directory behind another mount", &error, &[(text(&first), "GROUP")]);
    let error = group.remove_within(std::time::Duration::ZERO).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy, "{}", said::all(&error));
    let deeper = format!("{}/deeper", first.strip_prefix(point).unwrap().display());
    assert_eq!(Cgroup::create(format!("/{deeper}")).unwrap_err().kind(), ErrorKind::WrongState);
    run("umount", &[text(&first)]);
    group.remove().unwrap();
    assert!(!first.exists());
}

#[test]
fn a_mount_on_top_of_a_group_is_not_gone_through() {
    needs!(root);
    if !has_version(Version::V2) {
        return;
    }
    isolated(|| is_not_gone_through(&create("covered")));
}

#[test]
fn a_mount_on_top_of_a_group_of_version_1_is_not_gone_through() {
    needs!(root, cgroup1("freezer"));
    isolated(|| {
        only(Version::V1);
        is_not_gone_through(&create("covered"));
    });
}

#[test]
fn a_hierarchy_that_is_mounted_twice_is_one() {
    needs!(root);
    isolated(|| {
        let scratch = Scratch::new();
        let before = Layout::detect().unwrap();
        let point = &tracking(&before);
        run("mount", &["--bind", text(point), text(scratch.path())]);
        assert_eq!(Layout::detect().unwrap(), before);
        let group = create("twice");
        let first = group.directories().next().unwrap().to_owned();
        let other = scratch.join(first.strip_prefix(point).unwrap());
        assert!(other.is_dir());
        // What was stored by the other mount point is not guessed at.
        assert_eq!(Cgroup::from_directories([&other]).unwrap_err().kind(), ErrorKind::Invalid);
        run("umount", &[text(scratch.path())]);
    });
}

#[test]
fn what_is_covered_by_another_file_system_is_not_there() {
    needs!(root, cgroup1("freezer"), cgroup1("pids"));
    isolated(|| {
        let layout = Layout::detect().unwrap();
        // Version 2 does not have it here; devices it has, in its own way, as soon as version 1 has not.
        let gone = Controller::Pids;
        let point = layout.of(gone).unwrap().mount_point();
        run("mount", &["-t", "tmpfs", "tmpfs", text(point)]);
        let covered = Layout::detect().unwrap();
        assert_eq!(covered.of(gone), None);
        // A layout from before says so when it is used.
        let error = Cgroup::create_with(&layout, name("stale"), [gone]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState, "{}", said::all(&error));
        said::check("a hierarchy that is covered", &error, &[(text(point), "HIERARCHY")]);
        run("umount", &[text(point)]);
        assert_eq!(Layout::detect().unwrap(), layout);
    });
}

/// Of the same hierarchy, and so of the same device.
#[test]
fn a_mount_point_that_is_covered_by_a_part_of_itself_is_that_part() {
    needs!(root);
    isolated(|| {
        let before = Layout::detect().unwrap();
        let point = tracking(&before);
        let group = create("part");
        let first = group.directories().next().unwrap().to_owned();
        run("mount", &["--bind", text(&first), text(&point)]);
        let layout = Layout::detect().unwrap();
        let part = layout.hierarchies().iter().find(|found| found.mount_point() == point).unwrap();
        assert_eq!((part.own_group(), part.access()), (None, Access::OutOfView), "{layout}");
        let error = Cgroup::create(name("x").trim_start_matches('/')).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongState);
        said::check(
            "a relative path where our own group is not in view",
            &error,
            &[(name("x").trim_start_matches('/'), "NAME"), (text(&point), "HIERARCHY")],
        );
        // An absolute path begins at what is seen.
        let inner = Swept(Cgroup::create("/inner").unwrap());
        let child = sleeper();
        inner.add(child.id()).unwrap();
        assert!(group.procs().unwrap().contains(&child.id()));
        inner.kill().unwrap();
        inner.wait_empty(LONG).unwrap();
        drop(inner);
        let mut child = child;
        child.wait().unwrap();
        run("umount", &[text(&point)]);
        assert!(Path::new(&first).is_dir());
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes in namespaces of their own: of a user namespace too, as root and as an ordinary account.

use std::fs;
use std::path::Path;

use needs::{Scratch, isolated, needs};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use skep_rootfs::{Attributes, Bind, ErrorKind, Idmap, MountInfo, MountNamespace, Propagation};

use crate::support::{Living, Other, names};

/// Attached, seen there and not here, removed once.
fn comes_and_goes(living: &Living) {
    let dir = Scratch::new();
    fs::create_dir_all(dir.join("source/in")).unwrap();
    fs::write(dir.join("source/file"), "shared").unwrap();
    fs::create_dir(dir.join("target")).unwrap();
    let (before, ours) = (living.mounts(), MountInfo::of_this_thread().unwrap());
    let there = living.namespace();
    let bind = Bind::new(dir.join("source"), dir.join("target")).read_only().nosuid();
    let attached = there.attach(&bind).unwrap().unwrap();
    let seen = |path: &Path| fs::read_to_string(living.sees(path));
    assert_eq!(seen(&dir.join("target/file")).unwrap(), "shared");
    let refused = fs::write(living.sees(&dir.join("target/file")), "x").unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(30));
    assert_eq!(names(dir.join("target")), [""; 0]);
    assert_eq!(MountInfo::of_this_thread().unwrap(), ours);
    let theirs = living.mounts();
    let found = theirs.iter().find(|mount| mount.id == attached.id).unwrap();
    assert_eq!(found.target, attached.target);
    assert!(found.attributes.contains(Attributes::READ_ONLY | Attributes::NOSUID), "{found:?}");
    assert_eq!(found.propagation.shared, None, "what is mounted there would be seen here: {found:?}");
    assert_eq!(theirs.len(), before.len() + 1);
    // A file, whose place is made.
    let file = Bind::new(dir.join("source/file"), dir.join("target/../made/a file")).create_target();
    assert_eq!(there.attach(&file).unwrap_err().kind(), ErrorKind::Invalid);
    let file = Bind::new(dir.join("source/file"), dir.join("made/deep/a file")).create_target();
    let second = there.attach(&file).unwrap().unwrap();
    assert_eq!(seen(&dir.join("made/deep/a file")).unwrap(), "shared");
    assert_eq!(fs::read_to_string(dir.join("made/deep/a file")).unwrap(), "");
    there.remove(&second).unwrap();
    there.remove(&attached).unwrap();
    assert_eq!(living.mounts(), before);
    let error = there.remove(&attached).unwrap_err();
    assert_eq!((error.kind(), error.hint().is_some()), (ErrorKind::WrongState, true), "{error:?}");
    let optional = Bind::new(dir.join("absent"), dir.join("target"));
    assert_eq!(there.attach(&optional.clone().optional()).unwrap(), None);
    assert_eq!(there.attach(&optional).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_mount_comes_into_a_living_process_and_goes() {
    needs!(
        root,
        program("unshare"),
        syscall("pidfd_open"),
        syscall("open_tree"),
        syscall("move_mount"),
        syscall("mount_setattr")
    );
    isolated(|| comes_and_goes(&Living::new(&[])));
}

#[test]
fn a_mount_comes_into_a_process_with_a_user_namespace_and_goes() {
    needs!(
        userns,
        program("unshare"),
        syscall("pidfd_open"),
        syscall("open_tree"),
        syscall("move_mount"),
        syscall("mount_setattr")
    );
    isolated(|| comes_and_goes(&Living::new(&["--user", "--map-root-user"])));
}

#[test]
fn what_is_mounted_below_the_source_is_seen_there_and_not_the_other_way_round() {
    needs!(
        root,
        program("unshare"),
        syscall("pidfd_open"),
        syscall("open_tree"),
        syscall("move_mount"),
        syscall("mount_setattr")
    );
    isolated(|| {
        let dir = Scratch::new();
        let tmpfs = |at: &Path| mount("new", at, "tmpfs", MountFlags::empty(), None).unwrap();
        for name in ["source", "target", "given"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        tmpfs(&dir.join("source"));
        mount_change(dir.join("source"), MountPropagationFlags::SHARED).unwrap();
        let living = Living::new(&[]);
        let there = living.namespace();
        let outer = there.attach(&Bind::new(dir.join("source"), dir.join("target"))).unwrap().unwrap();
        for name in ["ours", "theirs"] {
            fs::create_dir(dir.join("source").join(name)).unwrap();
        }
        tmpfs(&dir.join("source/ours"));
        fs::write(dir.join("source/ours/file"), "ours").unwrap();
        assert_eq!(fs::read_to_string(living.sees(&dir.join("target/ours/file"))).unwrap(), "ours");
        let inner = there.attach(&Bind::new(dir.join("given"), dir.join("target/theirs"))).unwrap().unwrap();
        assert_eq!(names(dir.join("source/theirs")), [""; 0]);
        // With what is mounted below it.
        there.remove(&outer).unwrap();
        assert_eq!(there.remove(&inner).unwrap_err().kind(), ErrorKind::NotFound);
        unmount(dir.join("source"), UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn a_bind_is_attached_as_it_is_described() {
    needs!(root, kernel(6, 3), syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let dir = Scratch::new();
        fs::create_dir_all(dir.join("root/data")).unwrap();
        fs::create_dir(dir.join("source")).unwrap();
        let tmpfs = |at: &Path, flags| mount("new", at, "tmpfs", flags, None).unwrap();
        tmpfs(&dir.join("source"), MountFlags::NODEV);
        fs::create_dir(dir.join("source/below")).unwrap();
        tmpfs(&dir.join("source/below"), MountFlags::empty());
        fs::write(dir.join("source/file"), "").unwrap();
        let other = Other::new(&dir.join("root"));
        let bind = Bind::new(dir.join("source"), "/data")
            .attributes_on_top_only()
            .attributes(Attributes::READ_ONLY | Attributes::NOSYMFOLLOW | Attributes::NOATIME)
            .clear(Attributes::NODEV)
            .attributes_below(Attributes::NOEXEC)
            .propagation(Propagation::RShared)
            .idmap(Idmap::new().both(0, 1000, 1));
        let attached = other.namespace().attach(&bind).unwrap().unwrap();
        let mounts = other.mounts();
        let at = |path: &str| mounts.iter().rfind(|mount| mount.target.ends_with(path)).unwrap();
        let (top, below) = (at("root/data"), at("root/data/below"));
        let all = Attributes::READ_ONLY | Attributes::NOSYMFOLLOW | Attributes::NOATIME | Attributes::NOEXEC;
        assert_eq!((top.attributes, below.attributes), (all, Attributes::NOEXEC));
        for mount in [top, below] {
            assert!(mount.idmapped && mount.propagation.shared.is_some(), "{mount:?}");
        }
        other.namespace().remove(&attached).unwrap();
        let error = other.namespace().attach(&bind.from_inside()).unwrap_err();
        assert!(error.problems().iter().any(|problem| problem.starts_with("inside: ")), "{error:?}");
        drop(other);
        unmount(dir.join("source"), UnmountFlags::DETACH).unwrap();
    });
}

#[test]
fn what_is_taken_out_can_be_attached_again() {
    needs!(
        root,
        program("unshare"),
        syscall("pidfd_open"),
        syscall("open_tree"),
        syscall("move_mount"),
        syscall("mount_setattr")
    );
    isolated(|| {
        let dir = Scratch::new();
        for name in ["source", "target", "here"] {
            fs::create_dir(dir.join(name)).unwrap();
        }
        fs::write(dir.join("source/file"), "shared").unwrap();
        let living = Living::new(&[]);
        let (there, here) = (living.namespace(), MountNamespace::of_this_thread().unwrap());
        let bind = Bind::new(dir.join("source"), dir.join("target")).read_only();
        let attached = there.attach(&bind).unwrap().unwrap();
        let tree = there.take(&attached).unwrap();
        assert_eq!(names(living.sees(&dir.join("target"))), [""; 0]);
        let back = here.attach_tree(&tree, dir.join("here"), false).unwrap();
        drop(tree);
        assert_eq!(fs::read_to_string(dir.join("here/file")).unwrap(), "shared");
        assert_eq!(fs::write(dir.join("here/file"), "x").unwrap_err().raw_os_error(), Some(30));
        here.remove(&back).unwrap();
        assert_eq!(names(dir.join("here")), [""; 0]);
    });
}

#[test]
fn a_process_that_has_ended_and_what_is_no_process_are_told_apart() {
    needs!(syscall("pidfd_open"));
    isolated(|| {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        child.wait().unwrap();
        let error = MountNamespace::of_process(pidfd).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
        let error = MountNamespace::of_process(fs::File::open("/").unwrap()).unwrap_err();
        assert_eq!(error.problems(), ["it is no pidfd"]);
        let error = MountNamespace::of_namespace(fs::File::open("/proc/self/ns/net").unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    });
}

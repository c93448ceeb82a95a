// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trees whose owner wishes us ill, and machines that refuse: nothing lands elsewhere, nothing is left.

use std::fs;
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use needs::{Scratch, isolated, isolated_for, needs, rounds};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::mount::{MoveMountFlags, OpenTreeFlags, UnmountFlags, move_mount, open_tree, unmount};
use skep_rootfs::{Bind, ErrorKind, MountNamespace};

use crate::support::{Other, check, names};

/// A root, what is beside it, and a source.
fn tree() -> Scratch {
    let dir = Scratch::new();
    for name in ["root/data", "canary/data", "source"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    fs::write(dir.join("source/file"), "shared").unwrap();
    dir
}

/// Targets of mounts of the other namespace below a directory.
fn mounted(other: &Other, below: &Path) -> usize {
    other.mounts().iter().filter(|mount| mount.target.starts_with(below)).count()
}

#[test]
fn no_link_of_the_other_root_leads_out_of_it() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let dir = tree();
        symlink(dir.join("canary"), dir.join("root/absolute")).unwrap();
        symlink("../../canary", dir.join("root/relative")).unwrap();
        symlink("data", dir.join("root/inside")).unwrap();
        fs::create_dir(dir.join("root/proc")).unwrap();
        symlink("../data", dir.join("root/proc/link")).unwrap();
        let other = Other::new(&dir.join("root"));
        let there = other.namespace();
        let bind = |target: &str| Bind::new(dir.join("source"), target);
        for target in ["/absolute/data", "/relative/data", "/../canary/data"] {
            assert_eq!(there.attach(&bind(target)).unwrap_err().kind(), kind_of(target), "{target}");
        }
        let made = there.attach(&bind("/relative/made").create_target());
        assert!(made.is_err(), "{made:?}");
        assert_eq!(mounted(&other, &dir.join("canary")), 0);
        assert_eq!((names(dir.join("canary")), names(dir.join("canary/data"))), (vec!["data".to_owned()], vec![]));
        let inside = there.attach(&bind("/inside")).unwrap().unwrap();
        assert_eq!(mounted(&other, &dir.join("root/data")), 1);
        there.remove(&inside).unwrap();
        // A path of /proc that would be covered is refused before anything is done.
        assert_eq!(there.attach(&bind("/proc/link")).unwrap_err().kind(), ErrorKind::Invalid);
        let tree = fs::File::open(dir.join("source")).unwrap();
        let error = there.attach_tree(tree, "/proc/link", false).unwrap_err();
        check("a link below proc", dir.path(), &error);
    });
}

fn kind_of(target: &str) -> ErrorKind {
    if target.contains("..") { ErrorKind::Invalid } else { ErrorKind::NotFound }
}

#[test]
fn a_link_swapped_in_while_we_attach_leads_nobody_out() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated_for(Duration::from_secs(240), || {
        let dir = tree();
        fs::create_dir_all(dir.join("root/way/data")).unwrap();
        symlink(dir.join("canary"), dir.join("root/link")).unwrap();
        let other = Other::new(&dir.join("root"));
        let there = other.namespace();
        let bind = Bind::new(dir.join("source"), "/way/data");
        let (stop, canary) = (AtomicBool::new(false), dir.join("canary"));
        thread::scope(|scope| {
            scope.spawn(|| {
                let (one, other) = (dir.join("root/way"), dir.join("root/link"));
                while !stop.load(Ordering::Relaxed) {
                    renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                }
            });
            let mut attached = 0;
            let (mut most, least) = (rounds(2000), 3);
            while most > 0 || attached < least {
                most = most.saturating_sub(1);
                if let Ok(mount) = there.attach(&bind) {
                    attached += 1;
                    // The way may be exchanged at that moment, and between the looks of a removal too.
                    let mount = mount.unwrap();
                    let _is_removed = (0..20).any(|_| there.remove(&mount).is_ok());
                }
            }
            let in_canary = mounted(&other, &canary);
            // Whoever takes the path as a string is led out.
            let mut led_out = false;
            for _ in 0..100_000 {
                naive(&other, &dir.join("source"), &dir.join("root/way/data"));
                led_out = mounted(&other, &canary) > 0;
                if led_out {
                    break;
                }
            }
            stop.store(true, Ordering::Relaxed);
            assert_eq!(in_canary, 0);
            assert!(led_out, "the race was not won by a variant that is led out: this test shows nothing");
        });
    });
}

/// Attaches by a path of the other namespace.
fn naive(other: &Other, source: &Path, target: &Path) {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, source, flags).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            enter(other);
            let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
            let _ = move_mount(&tree, "", CWD, target, flags);
        });
    });
}

/// Moves this thread into the other namespace.
#[allow(deprecated, reason = "of a thread that ends, and whose descriptors are not unshared")]
fn enter(other: &Other) {
    use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare};
    unshare(UnshareFlags::FS).unwrap();
    move_into_link_name_space(other.file().as_fd(), Some(LinkNameSpaceType::Mount)).unwrap();
}

#[test]
fn what_was_made_for_a_mount_that_failed_is_gone() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let dir = tree();
        fs::create_dir(dir.join("root/there")).unwrap();
        let other = Other::new(&dir.join("root"));
        let bind = |target: &str| Bind::new(dir.join("source"), target).create_target();
        let file = Bind::new(dir.join("source/file"), "/there/deep/file").create_target();
        for bind in [bind("/new/deep//er/"), bind("/there/deep"), file] {
            let before = other.mounts();
            thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    needs::deny(&"move_mount".parse().unwrap()).unwrap();
                    other.namespace().attach(&bind).unwrap_err()
                });
                let error = thread.join().unwrap();
                assert_eq!((error.kind(), error.hint().is_some()), (ErrorKind::Unsupported, true), "{error:?}");
            });
            assert_eq!(
                (names(dir.join("root")), names(dir.join("root/there"))),
                (vec!["data".to_owned(), "there".to_owned()], vec![])
            );
            assert_eq!(other.mounts(), before);
            let attached = other.namespace().attach(&bind).unwrap().unwrap();
            other.namespace().remove(&attached).unwrap();
            fs::remove_dir_all(dir.join("root/new")).ok();
            fs::remove_dir_all(dir.join("root/there")).unwrap();
            fs::create_dir(dir.join("root/there")).unwrap();
        }
    });
}

#[test]
fn calls_that_are_refused_are_named() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let dir = tree();
        let other = Other::new(&dir.join("root"));
        let absent = ["open_tree", "mount_setattr", "move_mount"];
        for denied in
            absent.into_iter().chain(["open_tree=EPERM", "move_mount=EPERM", "move_mount=EACCES", "setns=EPERM"])
        {
            let bind = Bind::new(dir.join("source"), "/data");
            thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    needs::deny(&denied.parse().unwrap()).unwrap();
                    other.namespace().attach(&bind).unwrap_err()
                });
                let error = thread.join().unwrap();
                let expected = if denied.contains('=') { ErrorKind::Denied } else { ErrorKind::Unsupported };
                assert_eq!(error.kind(), expected, "{denied}: {error:?}");
                check(&format!("without {denied}"), dir.path(), &error);
            });
        }
    });
}

#[test]
fn a_file_is_no_place_for_a_directory_nor_the_other_way_round() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let dir = tree();
        fs::write(dir.join("root/file"), "").unwrap();
        let other = Other::new(&dir.join("root"));
        let there = other.namespace();
        let said = |name: &str, bind: Bind| check(name, dir.path(), &there.attach(&bind).unwrap_err());
        said("a directory over a file", Bind::new(dir.join("source"), "/file"));
        said("a file over a directory", Bind::new(dir.join("source/file"), "/data"));
        said("an absent target", Bind::new(dir.join("source"), "/absent"));
        said("a target that cannot be made", Bind::new(dir.join("source"), "/file/x").create_target());
        said("an absent source", Bind::new(dir.join("absent"), "/data"));
        said("no absolute path", Bind::new("absent", "data"));
    });
}

#[test]
fn exactly_the_mount_that_was_added_is_removed() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let dir = tree();
        let other = Other::new(&dir.join("root"));
        let there = other.namespace();
        let bind = |target: &str| Bind::new(dir.join("source"), target).create_target();
        let first = there.attach(&bind("/data")).unwrap().unwrap();
        let over = there.attach(&bind("/data")).unwrap().unwrap();
        let refused = |mount| there.remove(mount).unwrap_err().kind();
        assert_eq!(refused(&first), ErrorKind::WrongState, "something lies over it");
        check("covered", dir.path(), &there.remove(&first).unwrap_err());
        assert_eq!(mounted(&other, &dir.join("root")), 2);
        there.remove(&over).unwrap();
        // What it is mounted on was renamed by whoever lives there, and another has its name.
        for replaced in [false, true] {
            let moved = there.attach(&bind("/moved")).unwrap().unwrap();
            fs::rename(dir.join("root/moved"), dir.join("root/elsewhere")).unwrap();
            let other_one = replaced.then(|| there.attach(&bind("/moved")).unwrap().unwrap());
            there.remove(&moved).unwrap();
            assert_ne!(there.remove(&moved).unwrap_err().kind(), ErrorKind::Os);
            assert_eq!(mounted(&other, &dir.join("root/moved")), usize::from(replaced));
            assert_eq!(mounted(&other, &dir.join("root/elsewhere")), 0);
            fs::remove_dir(dir.join("root/elsewhere")).unwrap();
            other_one.iter().for_each(|mount| there.remove(mount).unwrap());
        }
        // Its number may be another's by now; not the one that is never used again.
        there.remove(&first).unwrap();
        let mut again = there.attach(&bind("/data")).unwrap().unwrap();
        if again.unique_id.is_some() {
            (again.id, again.unique_id) = (again.id, first.unique_id);
            assert_eq!(refused(&again), ErrorKind::WrongState);
        }
        assert_eq!(mounted(&other, &dir.join("root")), 1);
    });
}

#[test]
fn a_root_that_is_in_another_namespace_is_refused() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let dir = tree();
        let other = Other::new(&dir.join("root"));
        let ours = fs::File::open(dir.join("root")).unwrap();
        let there = MountNamespace::of_namespace(other.file().try_clone().unwrap()).unwrap().root(ours);
        let error = there.attach(&Bind::new(dir.join("source"), "/data")).unwrap_err();
        check("a root that is elsewhere", dir.path(), &error);
        // Without one, paths begin at the top.
        let there = MountNamespace::of_namespace(other.file().try_clone().unwrap()).unwrap();
        let top = there.attach(&Bind::new(dir.join("source"), dir.join("root/data"))).unwrap().unwrap();
        there.remove(&top).unwrap();
    });
}

#[cfg(feature = "serde")]
#[test]
fn what_was_attached_is_removed_by_whoever_has_read_of_it() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let dir = tree();
        let odd = dir.join("root").join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff odd"));
        fs::create_dir(&odd).unwrap();
        let other = Other::new(&dir.join("root"));
        let there = other.namespace();
        let target = Path::new("/").join(odd.file_name().unwrap());
        let attached = there.attach(&Bind::new(dir.join("source"), target)).unwrap().unwrap();
        let stored = serde_json::to_string(&attached).unwrap();
        there.remove(&serde_json::from_str(&stored).unwrap()).unwrap();
    });
}

#[test]
fn a_mount_that_came_with_the_namespace_is_not_taken_for_ours() {
    needs!(root, syscall("open_tree"), syscall("move_mount"), syscall("mount_setattr"));
    isolated(|| {
        let dir = tree();
        rustix::mount::mount_bind(dir.join("source"), dir.join("root/data")).unwrap();
        let other = Other::new(&dir.join("root"));
        let there = other.namespace();
        let first = there.attach(&Bind::new(dir.join("source"), "/data")).unwrap().unwrap();
        there.remove(&first).unwrap();
        assert_eq!(there.remove(&first).unwrap_err().kind(), ErrorKind::WrongState);
        assert_eq!(mounted(&other, &dir.join("root")), 1);
        unmount(dir.join("root/data"), UnmountFlags::DETACH).unwrap();
    });
}

// SPDX-License-Identifier: MIT OR Apache-2.0
//! Trees that are removed: deep, wide, hostile, closed, and mounted over.

use std::ffi::{CStr, OsStr, OsString};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use needs::{Need, Scratch, isolated, isolated_for, needs};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, RenameFlags, mkdirat, openat, renameat_with, unlinkat};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Resource, Rlimit, setrlimit};
use skep_rootfs::Root;

use crate::support::errno;

fn scratch() -> (Scratch, Root) {
    let dir = Scratch::new();
    fs::create_dir_all(dir.join("root/tree/inner")).unwrap();
    fs::create_dir_all(dir.join("canary/inner")).unwrap();
    fs::write(dir.join("canary/inner/file"), "untouched").unwrap();
    fs::write(dir.join("root/tree/inner/file"), "").unwrap();
    let root = Root::open(dir.join("root")).unwrap();
    (dir, root)
}

fn directory(at: impl AsFd, name: &str) -> OwnedFd {
    openat(at, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

#[test]
fn a_tree_is_removed_and_what_its_links_lead_to_is_not() {
    needs!(syscall("statx"));
    let (dir, root) = scratch();
    symlink(dir.join("canary"), dir.join("root/tree/absolute")).unwrap();
    symlink("../../canary/inner", dir.join("root/tree/inner/up")).unwrap();
    symlink("tree", dir.join("root/to-tree")).unwrap();
    root.remove_dir_all("to-tree").unwrap();
    assert!(root.exists("tree/inner/file").unwrap());
    let removed = root.remove_tree("tree").unwrap();
    assert_eq!((removed.names, removed.refused.len()), (5, 0));
    assert_eq!(root.read_dir("/").unwrap().count(), 0);
    assert_eq!(fs::read_to_string(dir.join("canary/inner/file")).unwrap(), "untouched");
    assert_eq!(errno(root.remove_dir_all("tree")), Some(2));
    assert_eq!(errno(root.remove_dir_all("/")), Some(22));
}

/// 3,000 directories in each other is a path of more than PATH_MAX, and more than a process may have open.
#[test]
fn a_tree_may_be_deeper_than_a_path_is_long_and_wider_than_a_batch() {
    needs!(syscall("statx"));
    isolated_for(std::time::Duration::from_secs(300), || {
        let (dir, root) = scratch();
        let limit = Rlimit { current: Some(32), maximum: Some(32) };
        setrlimit(Resource::Nofile, limit).unwrap();
        let mut here = directory(CWD, dir.join("root/tree").to_str().unwrap());
        for _ in 0..3000 {
            mkdirat(&here, "deep", Mode::RWXU).unwrap();
            here = directory(&here, "deep");
        }
        for at in 0..10_000 {
            fs::write(dir.join(format!("root/tree/inner/{at}")), "").unwrap();
        }
        for at in 0..2_000 {
            fs::create_dir(dir.join(format!("root/tree/{at}"))).unwrap();
        }
        assert_eq!(root.remove_tree("tree").unwrap().names, 3000 + 10_000 + 2_000 + 3);
        assert!(!root.exists("tree").unwrap());
    });
}

#[test]
fn what_is_refused_is_listed_and_the_rest_is_gone() {
    needs!(root, syscall("statx"));
    isolated(|| {
        let (dir, root) = scratch();
        for name in ["other", "mounted", "inner/mounted"] {
            fs::create_dir_all(dir.join("root/tree").join(name)).unwrap();
        }
        for name in ["mounted", "inner/mounted"] {
            let target = dir.join("root/tree").join(name);
            mount("tmpfs", &target, "tmpfs", MountFlags::empty(), None::<&CStr>).unwrap();
            fs::write(target.join("file"), "untouched").unwrap();
        }
        let removed = root.remove_tree("tree").unwrap();
        assert_eq!(removed.names, 2);
        let mut said: Vec<_> = removed.refused.iter().map(ToString::to_string).collect();
        said.sort();
        assert_eq!(
            said,
            [
                "\"inner/mounted\": removing it: Device or resource busy (EBUSY)",
                "\"mounted\": removing it: Device or resource busy (EBUSY)"
            ]
        );
        let error = root.remove_dir_all("tree").unwrap_err();
        assert_eq!(error.errno(), Some(16));
        assert_eq!(std::error::Error::source(&error).unwrap().to_string().lines().count(), 2);
        // The top itself: nothing of it is touched.
        assert_eq!(errno(root.remove_dir_all("tree/mounted")), Some(16));
        for name in ["mounted", "inner/mounted"] {
            let target = dir.join("root/tree").join(name);
            assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "untouched");
            unmount(&target, UnmountFlags::empty()).unwrap();
        }
        root.remove_dir_all("tree").unwrap();
    });
}

#[test]
fn directories_of_ones_own_that_are_closed_are_removed() {
    needs!(user, syscall("statx"));
    isolated(|| {
        let (dir, root) = scratch();
        fs::create_dir_all(dir.join("root/tree/shut/inner")).unwrap();
        for (path, mode) in [("root/tree/inner", 0o555), ("root/tree/shut", 0), ("root/tree", 0o400)] {
            fs::set_permissions(dir.join(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        assert!(fs::remove_dir_all(dir.join("root/tree")).is_err());
        root.remove_dir_all("tree").unwrap();
        assert!(!dir.join("root/tree").exists());
    });
}

/// Removes trees by `remove` while a directory in them is exchanged for a link that leads out; tells whether something
/// outside was removed, and ends with that. `remove` is given what waits for the next exchange.
fn is_led_out(rounds: u32, remove: impl Fn(&Root, &Path, &dyn Fn())) -> bool {
    let dir = Scratch::new();
    let mut is_hit = false;
    for name in ["root", "outside/x"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    fs::write(dir.join("outside/x/file"), "untouched").unwrap();
    symlink("../../outside", dir.join("link")).unwrap();
    let root = Root::open(dir.join("root")).unwrap();
    let (stop, turns, repairing) = (AtomicBool::new(false), AtomicU32::new(0), Mutex::new(()));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                turns.fetch_add(1, Ordering::Relaxed);
                let _turn = repairing.lock().unwrap();
                let _absent = renameat_with(CWD, dir.join("root/tree/a"), CWD, dir.join("link"), RenameFlags::EXCHANGE);
            }
        });
        for _ in 0..rounds {
            // Whoever removes a name that is the link just then has removed the link.
            let turn = repairing.lock().unwrap();
            let is_link = |name: &str| fs::symlink_metadata(dir.join(name)).is_ok_and(|found| found.is_symlink());
            if !is_link("link") && !is_link("root/tree/a") {
                fs::remove_dir_all(dir.join("link")).unwrap_or_default();
                symlink("../../outside", dir.join("link")).unwrap();
            }
            drop(turn);
            fs::create_dir_all(dir.join("root/tree/a/x/y")).unwrap_or_default();
            fs::create_dir_all(dir.join("root/tree/b/x")).unwrap_or_default();
            let exchanged = || {
                let before = turns.load(Ordering::Relaxed);
                while turns.load(Ordering::Relaxed) == before {
                    thread::yield_now();
                }
            };
            exchanged();
            remove(&root, Path::new("tree"), &exchanged);
            is_hit = !dir.join("outside/x/file").exists();
            if is_hit {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    is_hit
}

/// The textbook's: asks what it is, then goes in by the path. In between it is as slow as a machine can be.
fn naive(path: &Path, slowly: &dyn Fn()) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let path = entry.path();
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            slowly();
            naive(&path, slowly);
            drop(fs::remove_dir(&path));
        } else {
            drop(fs::remove_file(&path));
        }
    }
}

/// CVE-2022-21658's kind.
#[test]
fn nothing_outside_is_removed_while_names_are_exchanged() {
    needs!(syscall("statx"));
    isolated_for(std::time::Duration::from_secs(300), || {
        assert!(is_led_out(50_000, |root, path, slowly| naive(&root.path().join(path), slowly)), "the race is no race");
        assert!(!is_led_out(needs::rounds(2000), |root, path, _| drop(root.remove_dir_all(path))));
    });
}

/// The textbook's: down by descriptors, and up by "..", whatever that is by then. `moved` is called three levels down.
fn naive_climb(top: &Path, moved: &dyn Fn()) {
    let open = |at: BorrowedFd<'_>, name: &OsStr| {
        openat(at, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
    };
    let mut here = open(CWD, top.as_os_str()).unwrap();
    let mut names: Vec<OsString> = Vec::new();
    loop {
        let entries = Dir::read_from(&here).unwrap().map(|entry| entry.unwrap().file_name().to_owned());
        let first = entries.into_iter().find(|name| !matches!(name.to_bytes(), b"." | b".."));
        if let Some(name) = first {
            if unlinkat(&here, &name, AtFlags::empty()).is_err() {
                let name = OsString::from_vec(name.into_bytes());
                here = open(here.as_fd(), &name).unwrap();
                names.push(name);
                if names.len() == 3 {
                    moved();
                }
            }
        } else {
            let Some(name) = names.pop() else { return };
            here = open(here.as_fd(), OsStr::new("..")).unwrap();
            let _full = unlinkat(&here, name, AtFlags::REMOVEDIR);
        }
    }
}

/// ".." of a directory that is moved away leads to where it comes to lie.
#[test]
fn a_directory_that_is_moved_out_takes_nothing_along() {
    needs!(syscall("statx"));
    isolated_for(std::time::Duration::from_secs(300), || {
        {
            let (dir, _root) = scratch();
            fs::create_dir_all(dir.join("root/tree/inner/a/b")).unwrap();
            fs::remove_file(dir.join("root/tree/inner/file")).unwrap();
            naive_climb(&dir.join("root/tree"), &|| {
                fs::rename(dir.join("root/tree/inner"), dir.join("canary/moved")).unwrap_or_default();
            });
            assert!(!dir.join("canary/inner/file").exists(), "the naive way is not led out");
        }
        let (dir, root) = scratch();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    drop(fs::rename(dir.join("root/tree/inner"), dir.join("canary/moved")));
                    drop(fs::rename(dir.join("canary/moved"), dir.join("root/tree/inner")));
                }
            });
            for _ in 0..needs::rounds(2000) {
                drop(fs::create_dir_all(dir.join("root/tree/inner/a/b/c")));
                drop(root.remove_dir_all("tree"));
            }
            stop.store(true, Ordering::Relaxed);
        });
        assert_eq!(fs::read_to_string(dir.join("canary/inner/file")).unwrap(), "untouched");
    });
}

/// Whoever makes names in a tree for as long as it is there would hold its remover for ever.
#[test]
fn a_removal_ends_while_names_are_made() {
    let slow = (needs::rounds(100) < 100).then(|| "this one is told to do less".to_owned());
    if Need::new("a machine that is not slow", slow).skip() {
        return;
    }
    needs!(syscall("statx"));
    isolated_for(std::time::Duration::from_secs(300), || {
        let (dir, root) = scratch();
        let (stop, made, ended) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            for maker in 0..3 {
                let (dir, stop, made, ended) = (&dir, &stop, &made, &ended);
                scope.spawn(move || {
                    for at in 0..400_000 {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        if fs::write(dir.join(format!("root/tree/inner/{maker}-{at}")), "").is_err() {
                            drop(fs::create_dir_all(dir.join("root/tree/inner")));
                        }
                        made.fetch_add(1, Ordering::Relaxed);
                    }
                    ended.fetch_add(1, Ordering::Relaxed);
                });
            }
            while made.load(Ordering::Relaxed) < 20_000 {
                thread::yield_now();
            }
            let removed = root.remove_tree("tree");
            stop.store(true, Ordering::Relaxed);
            assert_eq!(ended.load(Ordering::Relaxed), 0, "{removed:?}");
        });
        drop(root.remove_dir_all("tree"));
    });
}

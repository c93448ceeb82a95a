// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is moved and set in a root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use needs::{Scratch, isolated, needs};
use rustix::fs::{Gid, Uid};
use skep_rootfs::Root;

use crate::support::{both_ways, errno};

fn scratch() -> (Scratch, Root) {
    let dir = Scratch::new();
    for name in ["root/etc", "root/canary", "canary"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    fs::write(dir.join("canary/file"), "outside").unwrap();
    fs::write(dir.join("root/canary/file"), "inside").unwrap();
    symlink("../canary", dir.join("root/up")).unwrap();
    symlink("../canary/file", dir.join("root/way")).unwrap();
    let root = Root::open(dir.join("root")).unwrap();
    (dir, root)
}

#[test]
fn names_are_moved_in_the_root_and_links_are_moved_themselves() {
    both_ways(|| {
        let (dir, root) = scratch();
        root.rename("up/file", "etc/file").unwrap();
        assert_eq!(root.read("etc/file").unwrap(), b"inside");
        root.rename("way", "up/way").unwrap();
        assert!(root.symlink_metadata("canary/way").unwrap().is_symlink());
        root.write("other", "other").unwrap();
        assert_eq!(errno(root.rename_new("other", "etc/file")), Some(17));
        root.exchange("other", "etc/file").unwrap();
        assert_eq!(root.read("other").unwrap(), b"inside");
        root.rename("other", "etc/file").unwrap();
        assert!(!root.exists("other").unwrap());
        root.rename("etc/", "new-etc/").unwrap();
        assert_eq!(errno(root.rename("up/", "x")), Some(20));
        assert_eq!(errno(root.rename("new-etc", "new-etc/x")), Some(22));
        assert_eq!(errno(root.rename("absent", "x")), Some(2));
        assert_eq!(errno(root.rename("new-etc", "absent/x")), Some(2));
        root.hard_link("new-etc/file", "up/again").unwrap();
        root.hard_link("up", "up-again").unwrap();
        assert!(root.symlink_metadata("up-again").unwrap().is_symlink());
        assert_eq!(root.metadata("canary/again").unwrap().nlink(), 2);
        assert_eq!(errno(root.hard_link("new-etc/file", "up")), Some(17));
        assert_eq!(fs::read_dir(dir.join("canary")).unwrap().count(), 1);
    });
}

#[test]
fn modes_and_times_are_set_on_what_is_in_the_root() {
    both_ways(|| {
        let (dir, root) = scratch();
        let before = fs::metadata(dir.join("canary/file")).unwrap();
        root.set_mode("way", 0o4711).unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 7);
        let long_ago = SystemTime::UNIX_EPOCH - Duration::new(1, 1);
        root.set_times("way", Some(long_ago), Some(then)).unwrap();
        let found = root.metadata("canary/file").unwrap();
        assert_eq!(found.mode() & 0o7777, 0o4711);
        assert_eq!(found.modified().unwrap(), then);
        assert_eq!(found.accessed().unwrap(), long_ago);
        root.set_times("way", None, None).unwrap();
        assert_eq!(root.metadata("way").unwrap().modified().unwrap(), then);
        assert_eq!(errno(root.set_mode("way", 0o10000)), Some(22));
        root.set_mode("etc", 0o1777).unwrap();
        assert_eq!(root.metadata("etc").unwrap().mode() & 0o7777, 0o1777);
        let after = fs::metadata(dir.join("canary/file")).unwrap();
        assert_eq!((after.mode(), after.mtime()), (before.mode(), before.mtime()));
    });
}

#[test]
fn owners_are_set_on_what_is_in_the_root() {
    needs!(root);
    both_ways(|| {
        let (dir, root) = scratch();
        root.set_owner("way", Some(4711), None).unwrap();
        root.set_owner("way", None, Some(815)).unwrap();
        let found = root.metadata("canary/file").unwrap();
        assert_eq!((found.uid(), found.gid()), (4711, 815));
        assert_eq!(fs::metadata(dir.join("canary/file")).unwrap().uid(), 0);
        assert_eq!(errno(root.set_owner("way", Some(u32::MAX), None)), Some(22));
        // What replaces it is theirs too.
        root.set_mode("way", 0o4750).unwrap();
        root.write("canary/file", "new").unwrap();
        let found = root.metadata("canary/file").unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (4711, 815, 0o4750));
    });
}

#[test]
fn what_is_written_by_somebody_else_does_not_run_as_them() {
    needs!(root);
    both_ways(|| {
        let (dir, root) = scratch();
        fs::set_permissions(dir.join("root/etc"), fs::Permissions::from_mode(0o777)).unwrap();
        root.write("etc/tool", "old").unwrap();
        root.set_mode("etc/tool", 0o6755).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (user, group) = (Uid::from_raw(65534), Gid::from_raw(65534));
                rustix::thread::set_thread_gid(group).unwrap();
                rustix::thread::set_thread_uid(user).unwrap();
                root.write("etc/tool", "new").unwrap();
            });
        });
        let found = root.metadata("etc/tool").unwrap();
        assert_eq!((found.uid(), found.mode() & 0o7777), (65534, 0o755));
    });
}

/// Whether a file that replaces another could be opened by others before it was in its place: whoever watches the directory
/// looks at whatever appears in it.
fn is_seen_by_others(rounds: u32, dir: &Path, write: impl Fn(&Path)) -> bool {
    let place = dir.join("secret");
    fs::write(&place, "").unwrap();
    fs::set_permissions(&place, fs::Permissions::from_mode(0o600)).unwrap();
    let (stop, seen) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let entries = fs::read_dir(dir).unwrap().flatten();
                let modes = entries.filter_map(|entry| Some(fs::metadata(entry.path()).ok()?.mode()));
                if modes.into_iter().any(|mode| mode & 0o077 != 0) {
                    seen.store(true, Ordering::Relaxed);
                }
            }
        });
        for _ in 0..rounds {
            write(&place);
            if seen.load(Ordering::Relaxed) {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    seen.into_inner()
}

/// The textbook's: a temporary file, and the mode of the other when it is written.
fn naive(place: &Path) {
    let temporary = place.with_extension("new");
    fs::write(&temporary, "secret").unwrap();
    fs::set_permissions(&temporary, fs::metadata(place).unwrap().permissions()).unwrap();
    fs::rename(&temporary, place).unwrap();
}

#[test]
fn what_replaces_a_secret_is_a_secret_from_the_beginning() {
    isolated(|| {
        let dir = Scratch::new();
        assert!(is_seen_by_others(50_000, dir.path(), naive), "the race is no race");
        fs::remove_dir_all(dir.path()).unwrap();
        fs::create_dir(dir.path()).unwrap();
        let root = Root::open(dir.path()).unwrap();
        assert!(!is_seen_by_others(needs::rounds(2000), dir.path(), |_| root.write("secret", "secret").unwrap()));
        assert_eq!(fs::metadata(dir.join("secret")).unwrap().mode() & 0o7777, 0o600);
    });
}

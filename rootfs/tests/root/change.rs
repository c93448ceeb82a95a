// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is moved and set in a root.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::{Duration, SystemTime};

use needs::{Scratch, needs};
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

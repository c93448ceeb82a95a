// SPDX-License-Identifier: MIT OR Apache-2.0
//! Mounts that the parent makes and the child attaches: binds with other ids, and files with a file system in them.

use std::fs;
use std::io::Read;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;

use needs::{isolated, needs};
use skep::ns::{IdMap, IdRange, Stdio};
use skep::rootfs::{Bind, Device, Disk, FileSystem, Idmap, Mounts, Symlink};
use skep::{Error, Report};

use crate::common::{namespaces, text_of};
use crate::tree::Tree;

/// A tmpfs, unmounted when dropped.
struct Source(PathBuf);

impl Drop for Source {
    fn drop(&mut self) {
        let done = Command::new("umount").arg(&self.0).status();
        assert!(std::thread::panicking() || done.unwrap().success());
    }
}

/// A shared tmpfs with a file of user 7, beside the root of `tree`.
fn source(tree: &Tree) -> Source {
    let source = tree.root().parent().unwrap().join("source");
    fs::create_dir(&source).unwrap();
    for args in [&["-t", "tmpfs", "source"][..], &["--make-shared"]] {
        assert!(Command::new("mount").args(args).arg(&source).status().unwrap().success());
    }
    fs::create_dir(source.join("inner")).unwrap();
    fs::write(source.join("file"), "stored").unwrap();
    chown(source.join("file"), Some(7), Some(8)).unwrap();
    Source(source)
}

/// A file of 2 MiB with an ext4 in it, beside the root of `tree`.
fn ext4(tree: &Tree) -> PathBuf {
    let path = tree.root().parent().unwrap().join("disk");
    let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&path).arg("2048k").output().unwrap();
    assert!(made.status.success(), "{made:?}");
    path
}

fn said(error: &Error) -> String {
    Report(error).to_string()
}

#[test]
fn a_bind_with_other_ids_is_seen_with_them_and_leaves_no_descriptor() {
    needs!(root, program("busybox"), program("mount"), kernel(6, 3), syscall("mount_setattr"), syscall("move_mount"));
    isolated(|| {
        let tree = Tree::new();
        let source = source(&tree);
        let bind = |map| Mounts::new().add(Bind::new(&source.0, "/data").idmap(map).create_target());
        let script = "stat -c %u:%g /data/file; cat /data/file; touch /data/made; ls /proc/self/fd | wc -l";
        let map = Idmap::new().users(7, 42, 1).groups(8, 43, 1).users(0, 0, 1).groups(0, 0, 1);
        assert_eq!(text_of(tree.shell(script).mounts(Mounts::standard().and(bind(map)))), "42:43\nstored4\n");
        // In a user namespace too, by the ids that it maps.
        let map = Idmap::new().both(0, 1000, 100);
        let builder = tree.shell("stat -c %u:%g /data/file").mounts(Mounts::standard().and(bind(map)));
        let builder = builder.namespaces(namespaces().user(IdMap::whole(0, 65_536)));
        assert_eq!(text_of(builder), "1007:1008\n");
    });
}

#[test]
fn what_is_mounted_in_a_bind_with_other_ids_is_not_seen_outside() {
    needs!(root, program("busybox"), program("mount"), kernel(6, 3), syscall("mount_setattr"), syscall("move_mount"));
    isolated(|| {
        let tree = Tree::new();
        let source = source(&tree);
        let map = Idmap::new().both(0, 0, 100);
        let mounts = Mounts::standard().add(Bind::new(&source.0, "/data").idmap(map).create_target());
        let script = "mount -t tmpfs inner /data/inner && touch /data/inner/x && ls /data/inner";
        assert_eq!(text_of(tree.shell(script).mounts(mounts.clone())), "x\n");
        let builder = tree.shell("mount -t tmpfs inner /data/inner && echo ready; read x").mounts(mounts);
        let mut container = builder.stdin(Stdio::Piped).stdout(Stdio::Piped).start().unwrap();
        container.stdout.as_mut().unwrap().read_exact(&mut [0; 6]).unwrap();
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!table.contains("source/inner"), "{table}");
        drop(container.stdin.take());
        container.wait().unwrap();
    });
}

#[test]
fn a_file_with_a_file_system_is_mounted_and_its_loop_device_freed() {
    needs!(root, program("busybox"), program("mkfs.ext4"), file("/dev/loop-control"), syscall("fsopen"));
    isolated(|| {
        let tree = Tree::new();
        let disk = ext4(&tree);
        let mounts = || Mounts::standard().add(Disk::new(&disk, "ext4", "/data").create_target());
        assert_eq!(text_of(tree.shell("echo kept > /data/x; ls /proc/self/fd | wc -l").mounts(mounts())), "4\n");
        let user = namespaces().user(IdMap::whole(0, 65_536));
        assert_eq!(text_of(tree.shell("cat /data/x").mounts(mounts()).namespaces(user)), "kept\n");
        crate::common::until("the loop device is freed", || {
            let shown = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("loop/backing_file"));
            let mut all = fs::read_dir("/sys/block").unwrap().filter_map(|entry| shown(entry.unwrap()).ok());
            !all.any(|shown| shown.trim() == disk.to_str().unwrap())
        });
    });
}

#[test]
fn a_device_has_the_owner_that_it_has_inside_and_works_in_a_user_namespace() {
    needs!(
        root,
        program("busybox"),
        syscall("fsopen"),
        syscall("open_tree"),
        syscall("move_mount"),
        syscall("mount_setattr")
    );
    isolated(|| {
        let tree = Tree::new();
        // What is 0 there is 0 here, and 5 is 1005.
        let map = IdMap::new().uid(IdRange::new(0, 0, 5)).uid(IdRange::new(5, 1005, 5)).gid(IdRange::new(0, 0, 10));
        let device = || Device::character("/dev/other", 1, 3).mode(0o640).owner(5, 6);
        let script = "stat -c %u:%g:%a:%t:%T /dev/other; echo x > /dev/other; cat /dev/other; ls /proc/self/fd | wc -l";
        for namespaces in [namespaces(), namespaces().user(map)] {
            let builder = tree.shell(script).mounts(Mounts::standard().add(device())).namespaces(namespaces);
            assert_eq!(text_of(builder), "5:6:640:1:3\n4\n");
        }
        let map = IdMap::new().uid(IdRange::new(0, 0, 5)).gid(IdRange::new(0, 0, 10));
        let builder = tree.shell(":").mounts(Mounts::new().add(device())).namespaces(namespaces().user(map));
        let problem = "mounts[0].owner: 5:6 is not in the id map of the user namespace";
        assert_eq!(builder.plan().unwrap_err().problems(), [problem]);
    });
}

#[test]
fn what_the_kernel_has_noted_of_a_refusal_comes_from_the_child() {
    needs!(userns, program("busybox"), syscall("fsopen"));
    isolated(|| {
        let tree = Tree::new();
        let mounts = Mounts::new().add(FileSystem::new("tmpfs", "none", "/tmp").options("nonsense=1"));
        let told = said(&tree.shell(":").mounts(mounts).start().unwrap_err());
        assert!(told.contains("Unknown parameter 'nonsense'") && told.contains("(EINVAL)"), "{told}");
        // What was refused to an earlier step is not said of a later one.
        let first = FileSystem::new("tmpfs", "none", "/tmp").options("nonsense=1").optional();
        let later = Symlink::new("/etc", "elsewhere");
        let told = said(&tree.shell(":").mounts(Mounts::new().add(first).add(later)).start().unwrap_err());
        assert!(told.contains("the link \"/etc\"") && !told.contains("nonsense"), "{told}");
    });
}

#[test]
fn what_the_parent_cannot_make_is_told_with_the_kernel_s_words() {
    needs!(root, program("busybox"), program("mkfs.ext4"), file("/dev/loop-control"), syscall("fsopen"));
    isolated(|| {
        let tree = Tree::new();
        let disk = ext4(&tree);
        let mounts = Mounts::new().add(Disk::new(&disk, "squashfs", "/data").read_only().create_target());
        let error = tree.shell(":").mounts(mounts).start().unwrap_err();
        let told = said(&error);
        assert!(told.contains("in the parent: make, to be attached later: squashfs of"), "{told}");
        assert!(
            told.contains("Can't find a SQUASHFS superblock") || told.contains("it has no squashfs in it"),
            "{told}"
        );
    });
}
